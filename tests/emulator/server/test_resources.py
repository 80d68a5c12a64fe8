"""Resource limits (T14): connections, bodies and uploads, and input that a correct client never sends."""

import json
import select
import socket
import subprocess
from contextlib import ExitStack, contextmanager, suppress
from urllib.parse import urlsplit

import pytest
import requests
from support.images import digest_of

from docker_credential_gcr.emulator.server.in_thread import InThread
from docker_credential_gcr.emulator.settings import Limits, Settings

REPOSITORY = "my-project/app"
PATH = f"/v2/{REPOSITORY}"
WAIT_S = 60
NOT_WHOLE = {"errors": [{"code": "SIZE_INVALID", "message": "the body did not arrive whole"}]}
HEAD = b" HTTP/1.1\r\nHost: localhost\r\n"


@contextmanager
def connected(url, *parts):
    """Yields a connection to the URL's server, on which the bytes were sent."""
    address = urlsplit(url)
    with socket.create_connection(("127.0.0.1", address.port), timeout=WAIT_S) as connection:
        for part in parts:
            connection.sendall(part)
        yield connection


def read_answers(connection):
    """Returns all responses until the server closes: (status, headers, body) of each."""
    with connection.makefile("rb") as stream:
        return list(iter(lambda: read_answer(stream), None))


def read_answer(stream):
    try:
        line = stream.readline()
    except ConnectionResetError:  # the server has closed it without reading everything
        return None
    if not line:
        return None
    fields = dict(field.split(b": ", 1) for field in iter(lambda: stream.readline().rstrip(), b""))
    headers = {name.decode().lower(): value.decode() for name, value in fields.items()}
    return int(line.split()[1]), headers, stream.read(int(headers.get("content-length", 0)))


def exchange(url, *parts):
    """Returns the responses to these bytes, after which the client closes its side."""
    with connected(url, *parts) as connection:
        with suppress(OSError):  # the server may have answered and closed already
            connection.shutdown(socket.SHUT_WR)
        return [(status, body) for status, _, body in read_answers(connection)]


def format_upload(editor, location, *headers):
    """Returns the head of a PATCH to the location."""
    lines = [f"Authorization: Bearer {editor.registry_token}", *headers]
    return f"PATCH {location}".encode() + HEAD + "".join(f"{line}\r\n" for line in lines).encode() + b"\r\n"


@pytest.fixture
def serve(editor_of):
    """Returns a function that starts a server with limits, and returns an editor with a token at it."""
    with ExitStack() as stack:

        def start(**limits):
            ready = stack.enter_context(InThread(Settings(port=0, limits=Limits(**limits))))
            return with_token(editor_of(ready.url))

        yield start


def with_token(editor):
    editor.registry_token = editor.token(f"repository:{REPOSITORY}:pull,push")
    editor.ask = lambda method, path, **options: editor.call(
        method, path, token=editor.registry_token, **options
    )
    editor.begin = lambda: editor.ask("POST", f"{PATH}/blobs/uploads/").headers["Location"]
    return editor


@pytest.fixture
def editor(editor):
    return with_token(editor)


def claim(identifier, *values):
    return pytest.param(*values, id=f"T14-{identifier}")


@pytest.mark.parametrize(
    ("head", "body", "status"),
    [
        claim("Content-Length-too-long", "Content-Length: 10", b"abc", 400),
        claim("chunk-size-is-no-number", "Transfer-Encoding: chunked", b"zz\r\nabc\r\n0\r\n\r\n", 400),
        claim("chunk-size-overflows", "Transfer-Encoding: chunked", b"f" * 17 + b"\r\nabc\r\n0\r\n\r\n", 400),
        claim("chunk-size-is-negative", "Transfer-Encoding: chunked", b"-3\r\nabc\r\n0\r\n\r\n", 400),
        claim("chunk-longer-than-its-size", "Transfer-Encoding: chunked", b"1\r\nabc\r\n0\r\n\r\n", 400),
        claim(
            "chunk-extensions-flood", "Transfer-Encoding: chunked", b"3;" + b"a" * 40_000 + b"\r\nabc", 400
        ),
        claim(
            "trailers-flood",
            "Transfer-Encoding: chunked",
            b"3\r\nabc\r\n0\r\n" + b"X: y\r\n" * 5000 + b"\r\n",
            400,
        ),
        claim("chunks-end-too-soon", "Transfer-Encoding: chunked", b"3\r\nabc\r\n", 400),
    ],
)
def test_body_that_is_not_whole_is_refused_and_leaves_nothing(editor, head, body, status):
    location = editor.begin()

    answers = exchange(editor.url, format_upload(editor, location, head), body)

    assert [(got, json.loads(text)) for got, text in answers] == [(status, NOT_WHOLE)]
    finished = editor.ask("PUT", f"{location}?digest={digest_of(b'abc')}", data=b"abc")
    assert finished.status_code == 201


@pytest.mark.parametrize(
    ("message", "statuses"),
    [
        claim("two-Content-Lengths", b"Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd", [400]),
        claim("negative-Content-Length", b"Content-Length: -3\r\n\r\nabc", [400]),
        claim("unknown-transfer-coding", b"Transfer-Encoding: cow\r\n\r\nabc", [400]),
        claim("header-flood", b"".join(b"X-%d: y\r\n" % number for number in range(200)) + b"\r\n", [431]),
        claim("header-of-a-megabyte", b"X: " + b"y" * 1_000_000 + b"\r\n\r\n", [431]),
        claim("header-without-a-colon", b"nonsense\r\n\r\n", [400]),
        # The bytes after the announced length are not a request: the connection ends.
        claim("Content-Length-too-short", b"Content-Length: 3\r\n\r\nabcdef\r\n\r\n", [401, 400]),
        # The chunks count, and no second request can hide behind them.
        claim(
            "Content-Length-and-chunks",
            b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
            b"GET /v2/smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n",
            [401],
        ),
    ],
)
def test_message_that_two_servers_could_read_differently_is_refused(gcr_emulator, message, statuses):
    parts = [b"POST /v2/my-project/app/blobs/uploads/" + HEAD, message]
    try:
        answers = exchange(gcr_emulator.url, *parts)
    except OSError:
        # The server has refused the head and closed, before it has read everything.
        answers = [(statuses[-1], b"")]

    # The server may close before it answers the bytes after the first request.
    assert [status for status, _ in answers] in (statuses, statuses[:1])
    assert [entry["path"] for entry in gcr_emulator.journal() if "smuggled" in entry["path"]] == []


def test_t14_pipelined_requests_are_answered_in_their_order(gcr_emulator):
    gcr_emulator.faults.set({"path": "/v2/first", "delay_s": 0.3})
    paths = [b"/v2/first", b"/v2/second", b"/v2/third"]

    at_once = b"\r\n".join(b"GET " + path + HEAD for path in paths) + b"Connection: close\r\n\r\n"
    with connected(gcr_emulator.url, at_once) as connection:
        answers = read_answers(connection)

    texts = [f"this registry has no GET {path.decode()}" for path in paths]
    assert [json.loads(body)["errors"][0]["message"] for _, _, body in answers] == texts


def test_connection_stays_after_requests_with_unread_bodies(editor):
    head = f"POST {PATH}/blobs/uploads/".encode() + HEAD
    head += f"Authorization: Bearer {editor.registry_token}\r\nContent-Length: 0\r\n\r\n".encode()
    with connected(editor.url, head, head) as connection, connection.makefile("rb") as stream:
        answers = [read_answer(stream) for _ in range(2)]
    assert [(status, headers.get("connection")) for status, headers, _ in answers] == [(202, None)] * 2


class TestExpect100:
    def test_t14_body_is_asked_for_before_it_is_sent(self, editor):
        location = editor.begin()
        head = format_upload(
            editor, location, "Expect: 100-continue", "Content-Length: 3", "Connection: close"
        )
        with connected(editor.url, head) as connection:
            first = connection.recv(1024)
            connection.sendall(b"abc")
            ((status, _, _),) = read_answers(connection)
        assert (first, status) == (b"HTTP/1.1 100 Continue\r\n\r\n", 202)

    def test_t14_manifest_over_the_limit_is_refused_before_it_is_sent(self, editor):
        head = f"PUT {PATH}/manifests/v1".encode() + HEAD
        head += f"Authorization: Bearer {editor.registry_token}\r\n".encode()
        head += b"Expect: 100-continue\r\nContent-Length: %d\r\n\r\n" % (4 * 1024 * 1024 + 1)
        with connected(editor.url, head) as connection:
            ((status, _, body),) = read_answers(connection)
        message = "the body is larger than this registry takes"
        assert (status, json.loads(body)) == (413, {"errors": [{"code": "SIZE_INVALID", "message": message}]})

    @pytest.mark.needs("curl")
    def test_t14_curl_sends_a_large_body_with_it(self, editor, tmp_path):
        data = b"x" * 3_000_000
        (tmp_path / "blob").write_bytes(data)
        url = f"{editor.url}{editor.begin()}?digest={digest_of(data)}"
        command = ["curl", "--silent", "--show-error", "--upload-file", tmp_path / "blob", "--verbose"]
        command += ["--header", f"Authorization: Bearer {editor.registry_token}", "--expect100-timeout", "30"]
        done = subprocess.run(
            [*command, "--header", "Expect: 100-continue", url],
            capture_output=True,
            text=True,
            timeout=WAIT_S,
            check=True,
        )
        assert "< HTTP/1.1 100 Continue" in done.stderr
        assert editor.ask("GET", f"{PATH}/blobs/{digest_of(data)}").content == data


class TestSlowClients:
    @pytest.mark.parametrize(
        "part",
        [
            claim("silent-connection", b""),
            claim("slow-headers", b"GET /v2/ HTT"),
            claim("headers-without-end", b"GET /v2/" + HEAD),
        ],
    )
    def test_connection_without_a_request_is_closed(self, serve, part):
        editor = serve(header_silence_s=0.2)
        with connected(editor.url, part) as connection:
            assert connection.recv(1024) == b""

    def test_t14_idle_connection_is_closed(self, serve):
        editor = serve(header_silence_s=0.2)
        with connected(editor.url, b"GET /v2/" + HEAD + b"\r\n") as connection:
            assert [status for status, _, _ in read_answers(connection)] == [401]

    def test_t14_silence_in_a_body_ends_the_request_and_nothing_stays(self, serve):
        editor = serve(body_silence_s=0.2)
        location = editor.begin()
        head = format_upload(editor, location, "Content-Length: 900000")
        with connected(editor.url, head, b"x" * 800_000) as connection:
            ((status, _, body),) = read_answers(connection)
        assert (status, json.loads(body)) == (400, NOT_WHOLE)
        assert editor.ask("GET", location).headers["Range"] == "0-0"
        assert editor.ask("PATCH", location, data=b"abc").headers["Range"] == "0-2"

    @pytest.mark.parametrize("path", ["/token", "/_emulator/clock", "/v1/projects"])
    def test_t14_silence_in_any_other_body_ends_the_request_too(self, serve, path):
        editor = serve(body_silence_s=0.2)
        method = "PUT" if path.startswith("/_") else "POST"
        head = f"{method} {path}".encode() + HEAD + b"Content-Length: 9\r\n"
        head += b"Content-Type: application/x-www-form-urlencoded\r\n\r\n"
        with connected(editor.url, head, b"abc") as connection:
            ((status, _, body),) = read_answers(connection)
        assert (status in (400, 408), "error" in json.loads(body)) == (True, True)

    def test_t14_body_that_trickles_is_ended_though_it_is_never_silent(self, serve):
        editor = serve(body_silence_s=1.0, body_rate=1000)
        head = format_upload(editor, editor.begin(), "Content-Length: 1000000")
        with connected(editor.url, head) as connection:
            # A byte every few milliseconds, until there is an answer.
            while not select.select([connection], [], [], 0.02)[0]:
                connection.sendall(b"x")
            ((status, _, body),) = read_answers(connection)
        assert (status, json.loads(body)) == (400, NOT_WHOLE)


class TestBounds:
    def test_t14_connections_over_the_bound_wait_until_a_silent_one_is_closed(self, serve):
        editor = serve(connections=20, header_silence_s=0.3)
        with ExitStack() as stack:
            silent = [stack.enter_context(connected(editor.url)) for _ in range(40)]
            # This connection comes after all silent ones.
            assert requests.get(f"{editor.url}/healthz", timeout=WAIT_S).status_code == 200
            closed = [connection for connection in silent[:20] if connection.recv(1) == b""]
        assert len(closed) == 20

    def test_t14_bodies_at_once_are_bounded_and_other_requests_are_not(self, serve):
        editor = serve(bodies=2)
        locations = [editor.begin() for _ in range(3)]
        expecting = ("Content-Length: 9", "Expect: 100-continue")
        heads = [format_upload(editor, location, *expecting) for location in locations]
        with connected(editor.url, heads[0]) as first, connected(editor.url, heads[1]) as second:
            # The server reads both bodies now.
            assert [first.recv(25), second.recv(25)] == [b"HTTP/1.1 100 Continue\r\n\r\n"] * 2
            first.sendall(b"abc")
            refused = editor.ask("PATCH", locations[2], data=b"abc")
            assert editor.ask("GET", f"{PATH}/tags/list").status_code == 404
            google = requests.post(f"{editor.url}/v1/projects", json={}, timeout=WAIT_S)
            second.sendall(b"abcdefghi")
            assert second.recv(1024).startswith(b"HTTP/1.1 202")
            assert editor.ask("PATCH", locations[2], data=b"abc").status_code == 202
        message = "too many requests with bodies at once"
        assert (refused.status_code, refused.json()) == (429, too_many(message))
        assert refused.headers["Retry-After"] == "1"
        # Small bodies have a separate limit.
        assert google.status_code == 400

    def test_t14_requests_of_one_address_are_bounded(self):
        with InThread(Settings(port=0, limits=Limits(request_rate=0.001, request_burst=3))) as ready:
            answers = [requests.get(f"{ready.url}/v2/", timeout=WAIT_S) for _ in range(4)]
            google = requests.get(f"{ready.url}/v1/projects", timeout=WAIT_S)
            probe = requests.get(f"{ready.url}/healthz", timeout=WAIT_S)
        message = "too many requests from this address"
        assert [answer.status_code for answer in answers] == [401, 401, 401, 429]
        assert answers[-1].json() == too_many(message)
        assert 900 < int(answers[-1].headers["Retry-After"]) <= 1000
        assert (google.status_code, google.json()["error"]["message"]) == (429, message)
        assert probe.status_code == 200


def too_many(message):
    return {"errors": [{"code": "TOOMANYREQUESTS", "message": message}]}
