"""Files in blocks: byte for byte, and the smaller the more are being sent."""

import asyncio
import os

import pytest
from virtual_time import run

from docker_credential_gcr.emulator.file_blocks import send_file
from docker_credential_gcr.emulator.oci.ranges import Span

SIZE = 1_000_003
START = {"type": "http.response.start", "status": 200, "headers": []}
# As many unsent blocks as the HTTP server keeps of a connection.
UNSENT = 16


async def stay():
    """The `receive` of a client that does not go."""
    await asyncio.Event().wait()


class Client:
    """Takes so many messages, and then none until it reads on."""

    def __init__(self, reads, takes=1_000_000):
        self.messages = []
        self._reads = reads
        self._takes = takes

    async def send(self, message):
        if len(self.messages) > self._takes:
            await self._reads.wait()
        self.messages.append(message)

    @property
    def blocks(self):
        return [message["body"] for message in self.messages[1:]]


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "blob"
    path.write_bytes(os.urandom(SIZE))
    return path


@pytest.mark.parametrize("span", [Span(0, SIZE), Span(0, 1), Span(SIZE - 1, SIZE), Span(262_143, 786_433)])
def test_span_of_a_file_is_sent_byte_for_byte(path, span):
    async def main():
        client = Client(asyncio.Event())
        await send_file(START, path, span, stay, client.send)
        return client

    client = asyncio.run(main())
    assert b"".join(client.blocks) == path.read_bytes()[span.start : span.stop]
    assert client.messages[0] == START
    more = [message.get("more_body", False) for message in client.messages[1:]]
    assert more == [True] * (len(more) - 1) + [False]


def test_one_file_alone_goes_in_large_blocks(path):
    async def main():
        client = Client(asyncio.Event())
        await send_file(START, path, Span(0, SIZE), stay, client.send)
        return [len(block) for block in client.blocks]

    assert asyncio.run(main()) == [262_144, 262_144, 262_144, SIZE - 3 * 262_144, 0]


def test_z07_clients_that_read_no_file_hold_a_bounded_number_of_bytes_together(tmp_path):
    path = tmp_path / "large"
    with path.open("wb") as file:
        file.truncate(64 * SIZE)

    async def main():
        clients = [Client(asyncio.Event(), takes=UNSENT) for _ in range(300)]
        span = Span(0, 64 * SIZE)
        tasks = [asyncio.ensure_future(send_file(START, path, span, stay, each.send)) for each in clients]
        while any(len(each.blocks) < UNSENT for each in clients):
            assert not any(task.done() for task in tasks)
            await asyncio.sleep(0)
        for task in tasks:
            task.cancel()
        return sum(len(block) for each in clients for block in each.blocks)

    # Alone each would have held 4 MiB.
    assert asyncio.run(main()) < 300 * 4 * 1024 * 1024 / 4


def test_file_that_is_too_short_ends_the_answer(path):
    async def main():
        client = Client(asyncio.Event())
        await send_file(START, path, Span(0, SIZE + 1), stay, client.send)

    with pytest.raises(OSError, match="is shorter than its blob"):
        asyncio.run(main())


def test_z07_nothing_is_sent_to_a_client_that_has_gone(path):
    """What is sent to it waits no longer, and so would keep the server busy until the file's end."""

    async def main():
        client, gone = Client(asyncio.Event()), asyncio.Event()
        said = [{"type": "http.request", "body": b"", "more_body": False}]

        async def receive():
            if said:
                return said.pop()
            await gone.wait()
            return {"type": "http.disconnect"}

        async def send(message):
            if len(client.messages) == 2:
                await asyncio.sleep(1)
                gone.set()
            await client.send(message)

        path.write_bytes(bytes(10 * SIZE))
        await send_file(START, path, Span(0, 10 * SIZE), receive, send)
        return len(client.messages)

    assert run(main()) < 10
