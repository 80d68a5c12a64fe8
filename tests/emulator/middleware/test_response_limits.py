"""Response limits: bytes of all large responses, and the time that a client may leave one unread."""

import asyncio
import json
import socket
import ssl
from contextlib import ExitStack, closing
from urllib.parse import urlsplit

import h2.connection
import h2.events
import h2.settings
import pytest
import requests
from support.images import OCI_EMPTY, OCI_MANIFEST
from support.virtual_time import run

from docker_credential_gcr.emulator.middleware.response_limits import ResponseLimits
from docker_credential_gcr.emulator.server.in_thread import InThread
from docker_credential_gcr.emulator.settings import Limits, Settings

SMALL = b"a" * 16 * 1024
LARGE = b"a" * 100_000
MESSAGE = "too many bytes wait for clients that do not read them"
SCOPE = {"client": ("127.0.0.1", 1)}
WAIT_S = 60
# More than the kernel buffers for a client that does not read.
SIZE = 4_100_000
ASKED = [
    (":method", "GET"),
    (":scheme", "https"),
    (":path", "/v2/my-project/app/manifests/large"),
    (":authority", "localhost"),
]
PATH = "/v2/my-project/app/manifests/large"


def answer_with(body, *, size=None, more=()):
    """Returns an application that answers with the body."""

    async def app(_scope, _receive, send):
        headers = [(b"content-type", b"x"), (b"content-length", str(size or len(body)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body, "more_body": bool(more)})
        for number, block in enumerate(more, 1):
            await send({"type": "http.response.body", "body": block, "more_body": number < len(more)})

    return app


async def refuse(error, _scope, _receive, send):
    """Answers with the error's text."""
    await send(str(error))


class Receiver:
    """Client that takes a number of messages, and then no more until `reads` is set."""

    def __init__(self, takes=1_000_000):
        self.messages = []
        self.reads = asyncio.Event()
        self._takes = takes

    async def send(self, message):
        if len(self.messages) >= self._takes:
            await self.reads.wait()
        self.messages.append(message)

    @property
    def body(self):
        return b"".join(message.get("body", b"") for message in self.messages)


def test_small_answer_goes_as_it_is():
    async def main():
        client = Receiver()
        await ResponseLimits(Limits(), refuse).wrap(answer_with(SMALL))(SCOPE, None, client.send)
        assert [message["type"] for message in client.messages] == [
            "http.response.start",
            "http.response.body",
        ]
        assert client.body == SMALL

    run(main())


def test_z07_large_answer_goes_in_blocks_none_of_which_is_large():
    async def main():
        client = Receiver()
        await ResponseLimits(Limits(), refuse).wrap(answer_with(LARGE))(SCOPE, None, client.send)
        assert client.body == LARGE
        assert client.messages[0]["headers"][-1] == (b"content-length", b"100000")
        assert max(len(message["body"]) for message in client.messages[1:]) == 8192
        assert [message.get("more_body", False) for message in client.messages[1:]] == [True] * 13 + [False]

    run(main())


@pytest.mark.parametrize(
    "app",
    [
        pytest.param(answer_with(b"", size=10**9), id="HEAD"),
        pytest.param(answer_with(LARGE, size=10**9, more=[LARGE, b""]), id="blocks"),
    ],
)
def test_answer_that_is_not_held_whole_is_not_counted(app):
    async def main():
        client, direct = Receiver(), Receiver()
        await ResponseLimits(Limits(answers_size=1), refuse).wrap(app)(SCOPE, None, client.send)
        await app(SCOPE, None, direct.send)
        assert client.messages == direct.messages

    run(main())


def test_z07_answers_that_clients_do_not_read_are_bounded_in_bytes_together():
    async def main():
        wrapped = ResponseLimits(Limits(answers_size=250_000), refuse).wrap(answer_with(LARGE))
        slow = [Receiver(takes=1) for _ in range(2)]
        tasks = [asyncio.ensure_future(wrapped(SCOPE, None, client.send)) for client in slow]
        await asyncio.sleep(0)
        third = Receiver()
        await wrapped(SCOPE, None, third.send)
        # No part of the response was sent before the refusal.
        assert third.messages == [MESSAGE]
        third.messages.clear()
        small = Receiver()
        await ResponseLimits(Limits(), refuse).wrap(answer_with(SMALL))(SCOPE, None, small.send)
        slow[0].reads.set()
        await tasks[0]
        await wrapped(SCOPE, None, third.send)
        assert third.body == LARGE
        tasks[1].cancel()

    run(main())


def test_z07_one_answer_that_is_larger_than_the_bound_goes_alone():
    async def main():
        wrapped = ResponseLimits(Limits(answers_size=1000), refuse).wrap(answer_with(LARGE))
        for _ in range(2):
            client = Receiver()
            await wrapped(SCOPE, None, client.send)
            assert client.body == LARGE

    run(main())


@pytest.fixture
def serve():
    """Yields a function that starts a server with limits and a manifest; it returns the ready document."""
    with ExitStack() as stack:

        def start(*, tls=False, size=SIZE, **limits):
            settings = Settings(port=0, projects=("my-project",), open=True, tls=tls, limits=Limits(**limits))
            ready = stack.enter_context(InThread(settings))
            blob = {
                "digest": "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a",
                "size": 2,
                "mediaType": OCI_EMPTY,
            }
            document = {"schemaVersion": 2, "config": blob, "layers": [], "annotations": {"a": "z" * size}}
            uploads = f"{ready.url}/v2/my-project/app/blobs/uploads/?digest={blob['digest']}"
            manifest, kind = json.dumps(document), {"Content-Type": OCI_MANIFEST}
            pushed = [
                requests.post(uploads, data=b"{}", verify=ready.ca, timeout=WAIT_S),
                requests.put(
                    f"{ready.url}{PATH}", data=manifest, headers=kind, verify=ready.ca, timeout=WAIT_S
                ),
            ]
            assert [answer.status_code for answer in pushed] == [201, 201]
            return ready

        yield start


def ask_and_read_nothing(ready):
    """Returns a connection on which the manifest was requested."""
    connection = socket.socket()
    connection.settimeout(WAIT_S)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.connect(("127.0.0.1", urlsplit(ready.url).port))
    connection.sendall(f"GET {PATH} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    # The response has started.
    assert connection.recv(12) == b"HTTP/1.1 200"
    return connection


def read_to_the_end(connection):
    """Returns how many bytes arrived before the server ended the connection."""
    size = 0
    while True:
        try:
            block = connection.recv(1 << 20)
        except ConnectionResetError:
            return size
        if not block:
            return size
        size += len(block)


def test_z07_clients_that_read_nothing_leave_room_for_small_answers_alone(serve):
    ready = serve(answers_size=10_000_000)
    with ExitStack() as stack:
        for _ in range(2):
            stack.enter_context(ask_and_read_nothing(ready))
        refused = requests.get(f"{ready.url}{PATH}", timeout=WAIT_S)
        small = requests.get(f"{ready.url}/v2/", timeout=WAIT_S)
        journal = requests.get(f"{ready.url}/_emulator/journal", timeout=WAIT_S).json()["requests"]
    error = {"errors": [{"code": "TOOMANYREQUESTS", "message": MESSAGE}]}
    assert (refused.status_code, refused.json()) == (429, error)
    assert refused.headers["Retry-After"] == "1"
    assert small.status_code == 200
    assert [entry["status"] for entry in journal if entry["path"] == PATH] == [201, 200, 200, 429]


def test_z07_a_large_answer_of_other_apis_is_refused_in_their_words(serve):
    ready = serve(answers_size=2 * SIZE + 50_000)
    for _ in range(30):
        requests.get(f"{ready.url}/v2/{'a' * 3000}", timeout=WAIT_S)
    journal = f"{ready.url}/_emulator/journal"
    with ExitStack() as stack:
        for _ in range(2):
            stack.enter_context(ask_and_read_nothing(ready))
        refused = requests.get(journal, timeout=WAIT_S)
    error = {"code": 429, "message": MESSAGE, "status": "RESOURCE_EXHAUSTED"}
    assert (refused.status_code, refused.json()) == (429, {"error": error})
    # After the server has noticed the disconnections.
    while (answer := requests.get(journal, timeout=WAIT_S)).status_code == 429:
        pass
    assert len(answer.json()["requests"]) > 30


def test_z07_client_that_reads_nothing_loses_its_connection(serve):
    ready = serve(answers_size=5_000_000, answer_silence_s=0.3)
    with closing(ask_and_read_nothing(ready)) as connection:
        # The response's bytes are free after the server has ended the connection.
        while requests.get(f"{ready.url}{PATH}", timeout=WAIT_S).status_code == 429:
            pass
        assert read_to_the_end(connection) < SIZE


def test_z07_client_that_opens_no_window_of_http2_loses_its_connection(serve):
    ready = serve(tls=True, answer_silence_s=0.3)
    events = []
    connection, conversation = ask_by_http2(ready, window=0)
    with connection:
        while data := _receive(connection):
            events += conversation.receive_data(data)
    assert any(isinstance(event, h2.events.ResponseReceived) for event in events)
    assert not any(isinstance(event, h2.events.DataReceived) for event in events)


def test_z07_streams_of_http2_that_are_not_read_are_bounded_in_bytes_together(serve):
    """Sends responses smaller than the usual buffer of a stream, with an open window."""
    ready = serve(tls=True, size=60_000, answers_size=1_000_000)

    def list_statuses():
        journal = requests.get(f"{ready.url}/_emulator/journal", verify=ready.ca, timeout=WAIT_S).json()
        asked = [entry for entry in journal["requests"] if entry["path"] == PATH]
        return [entry["status"] for entry in asked if entry["method"] == "GET"]

    connection, conversation = ask_by_http2(ready, window=2**31 - 1)
    with connection:
        # One after the other, so that HTTP/2 has taken its part of a response before the next one.
        for number in range(1, 40):
            while len(list_statuses()) < number or list_statuses()[-1] is None:
                pass
            conversation.send_headers(1 + 2 * number, ASKED, end_stream=True)
            connection.sendall(conversation.data_to_send())
        while len(list_statuses()) < 40 or list_statuses()[-1] is None:
            pass
        statuses = list_statuses()
    assert statuses.count(200) + statuses.count(429) == 40
    assert statuses.count(429) > 15


def ask_by_http2(ready, *, window):
    """Returns a connection on which the manifest was requested, by a stream with that window."""
    context = ssl.create_default_context(cafile=ready.ca)
    context.set_alpn_protocols(["h2"])
    conversation = h2.connection.H2Connection()
    conversation.initiate_connection()
    conversation.update_settings({h2.settings.SettingCodes.INITIAL_WINDOW_SIZE: window})
    conversation.increment_flow_control_window(2**31 - 1 - 65_535)
    conversation.send_headers(1, ASKED, end_stream=True)
    raw = socket.socket()
    raw.settimeout(WAIT_S)
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    raw.connect(("127.0.0.1", urlsplit(ready.url).port))
    connection = context.wrap_socket(raw, server_hostname="localhost")
    connection.sendall(conversation.data_to_send())
    return connection, conversation


def _receive(connection):
    try:
        return connection.recv(65536)
    except OSError:  # ended without close_notify
        return b""
