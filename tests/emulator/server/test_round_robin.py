"""The load balancer of the tests: it changes the server with each request, and nothing else."""

import itertools
import socket
import threading
from collections.abc import Iterator

import pytest
import requests
from support.servers.loopback import LoopbackHandler, LoopbackServer, serving
from support.servers.round_robin import RoundRobin

LIMIT_S = 60


class NamedServer(LoopbackServer):
    """A server that answers its name, and what it was asked."""

    def __init__(self, name: str) -> None:
        super().__init__(NamedHandler)
        self.name = name
        self.seen: list[dict[str, str]] = []
        self.bodies: list[bytes] = []
        self.readiness = 200
        self.first_block = threading.Event()


class NamedHandler(LoopbackHandler):
    server: NamedServer
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        if self.path == "/readyz":
            self.end(self.server.readiness)
            return
        self.server.seen.append(dict(self.headers))
        self.end(200, self.server.name.encode())

    def do_HEAD(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "1000000")
        self.end_headers()

    def do_PUT(self) -> None:
        if "chunked" in self.headers.get("Transfer-Encoding", ""):
            self.server.bodies.append(self._read_chunks())
        else:
            self.server.bodies.append(self.read_body())
        self.end(201)

    def do_POST(self) -> None:
        self.end(401)  # before the body was read
        self.close_connection = True

    def do_PATCH(self) -> None:
        """Answers half of what was promised, as a server does that dies."""
        self.read_body()
        self.send_response(200)
        self.send_header("Content-Length", "10")
        self.end_headers()
        self.wfile.write(b"half ")
        self.close_connection = True

    def _read_chunks(self) -> bytes:
        body = b""
        while size := int(self.rfile.readline(), 16):
            body += self.rfile.read(size)
            self.server.first_block.set()
            self.rfile.readline()
        self.rfile.readline()
        return body


@pytest.fixture
def servers() -> Iterator[tuple[NamedServer, NamedServer]]:
    with serving(NamedServer("a")) as a, serving(NamedServer("b")) as b:
        yield a, b


@pytest.fixture
def front(servers: tuple[NamedServer, NamedServer]) -> Iterator[RoundRobin]:
    with RoundRobin([server.server_port for server in servers]) as front:
        yield front


@pytest.fixture
def session() -> Iterator[requests.Session]:
    with requests.Session() as session:
        session.trust_env = False
        yield session


def test_requests_of_one_connection_go_to_the_servers_in_turn_with_host_and_the_clients_address(
    front: RoundRobin, servers: tuple[NamedServer, NamedServer], session: requests.Session
) -> None:
    answers = [session.get(front.url, headers={"Host": "gcr.io"}, timeout=LIMIT_S).text for _ in range(4)]

    assert "".join(answers) in ("abab", "baba")
    for server in servers:
        assert [(seen["Host"], seen["X-Forwarded-For"]) for seen in server.seen] == [
            ("gcr.io", "127.0.0.1")
        ] * 2


def test_a_front_without_x_forwarded_for_leaves_requests_local(
    servers: tuple[NamedServer, NamedServer], session: requests.Session
) -> None:
    with RoundRobin([servers[0].server_port], forwards_for=False) as front:
        session.get(front.url, timeout=LIMIT_S)

    assert "X-Forwarded-For" not in servers[0].seen[0]


def test_a_body_is_streamed_while_the_client_still_sends_it(
    front: RoundRobin, servers: tuple[NamedServer, NamedServer], session: requests.Session
) -> None:
    front.set_ports([servers[0].server_port])

    def send() -> Iterator[bytes]:
        yield b"first"
        assert servers[0].first_block.wait(LIMIT_S), "the server has nothing yet"
        yield b"last" * 100_000

    assert session.put(front.url, data=send(), timeout=LIMIT_S).status_code == 201
    assert session.put(front.url, data=b"plain" * 100_000, timeout=LIMIT_S).status_code == 201
    assert servers[0].bodies == [b"first" + b"last" * 100_000, b"plain" * 100_000]


def test_a_response_to_head_and_one_before_the_bodys_end_are_passed_on(
    front: RoundRobin, session: requests.Session
) -> None:
    head = session.head(front.url, timeout=LIMIT_S)
    assert (head.status_code, head.headers["Content-Length"]) == (200, "1000000")
    assert session.post(front.url, data=b"refused", timeout=LIMIT_S).status_code == 401
    assert session.get(front.url, timeout=LIMIT_S).status_code == 200


def test_a_response_that_its_server_does_not_finish_ends_the_connection(
    front: RoundRobin, session: requests.Session
) -> None:
    with pytest.raises(requests.exceptions.ChunkedEncodingError, match="IncompleteRead"):
        session.patch(front.url, timeout=LIMIT_S)


def test_a_client_that_speaks_tls_has_a_plain_answer_at_once(front: RoundRobin) -> None:
    with socket.create_connection(("127.0.0.1", front.port), timeout=LIMIT_S) as client:
        client.sendall(b"\x16\x03\x01")

        assert client.recv(12) == b"HTTP/1.1 400"


def test_a_server_that_refuses_connections_is_passed_over_and_without_any_the_answer_is_503(
    front: RoundRobin, servers: tuple[NamedServer, NamedServer], session: requests.Session
) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))  # taken, and nothing listens
        refusing = unused.getsockname()[1]

        front.set_ports([refusing, servers[1].server_port])
        assert [session.get(front.url, timeout=LIMIT_S).text for _ in range(4)] == ["b"] * 4
        front.set_ports([refusing])
        answer = session.get(front.url, timeout=LIMIT_S)

    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")


def test_a_front_that_trusts_its_checks_tries_no_other_server(
    servers: tuple[NamedServer, NamedServer], session: requests.Session
) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        ports = [unused.getsockname()[1], servers[1].server_port]
        with RoundRobin(ports, trusts_checks=True) as front:
            statuses = [session.get(front.url, timeout=LIMIT_S).status_code for _ in range(4)]

    assert sorted(statuses) == [200, 200, 503, 503]


def test_a_front_that_checks_passes_over_a_server_that_is_not_ready(
    servers: tuple[NamedServer, NamedServer], session: requests.Session
) -> None:
    servers[0].readiness = 503
    with RoundRobin([server.server_port for server in servers], check_s=0.01) as front:
        answers = (session.get(front.url, timeout=LIMIT_S).text for _ in itertools.count())
        # The first check may not have ended yet.
        beginning = list(itertools.takewhile(lambda name: name != "b", answers))
        assert len(beginning) <= 1
        servers[0].readiness = 200
        assert "a" in answers
