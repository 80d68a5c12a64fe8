"""Response bodies in blocks: each is sent as it is read, and none to a disconnected client."""

import asyncio

from support.virtual_time import run

from docker_credential_gcr.emulator.runtime.blocks import send_blocks

START = {"type": "http.response.start", "status": 200, "headers": []}


async def stay():
    """Waits for ever, as `receive` does while a client is connected."""
    await asyncio.Event().wait()


class Receiver:
    """Client that takes every message."""

    def __init__(self):
        self.messages = []

    async def send(self, message):
        self.messages.append(message)


class Blocks:
    """Body of a number of blocks, which records whether it was closed."""

    def __init__(self, count):
        self._count = count
        self.is_closed = False

    async def read(self):
        try:
            for number in range(self._count):
                yield b"%d" % number
        finally:
            self.is_closed = True


def test_blocks_are_sent_as_they_come_and_an_empty_one_ends_them():
    client, blocks = Receiver(), Blocks(3)
    asyncio.run(send_blocks(START, blocks.read(), stay, client.send))
    sent = [(message["body"], message.get("more_body", False)) for message in client.messages[1:]]
    assert client.messages[0] == START
    assert sent == [(b"0", True), (b"1", True), (b"2", True), (b"", False)]
    assert blocks.is_closed


def test_z07_nothing_is_sent_to_a_client_that_has_gone():
    """Disconnects the client: further sends would return at once, until the blob ends."""
    client, blocks = Receiver(), Blocks(1000)

    async def main():
        gone = asyncio.Event()
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

        await send_blocks(START, blocks.read(), receive, send)

    run(main())
    assert len(client.messages) < 10
    assert blocks.is_closed
