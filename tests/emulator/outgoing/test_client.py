"""Outgoing HTTP: requests over real connections, their limits, and where a connection goes (T15, N3, N9)."""

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

import pytest
from support.keys import save_certificate
from support.servers.one_answer import OneAnswer

from docker_credential_gcr.emulator.outgoing.answer import MAX_BODY, Answer
from docker_credential_gcr.emulator.outgoing.client import OutgoingClient
from docker_credential_gcr.emulator.outgoing.errors import OutgoingFailed, OutgoingRefused
from docker_credential_gcr.emulator.outgoing.rule import OutgoingRule

RULE = OutgoingRule(loopback=True)
JSON = {"Content-Type": "application/json"}
Receiver = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def exchange(data: bytes, headers: Mapping[str, str] = JSON) -> Answer:
    """Returns what the client makes of an answer."""
    server = OneAnswer(data)
    try:
        return asyncio.run(OutgoingClient(RULE, environ={}).post(f"{server.url}/", headers, b"{}"))
    finally:
        server.close()


async def post_to(
    receive: Receiver, client: OutgoingClient, *, limit_s: float = 60, context: ssl.SSLContext | None = None
) -> Answer:
    """Sends a request for hooks.test or localhost to a receiver of this process."""
    server = await asyncio.start_server(receive, "127.0.0.1", 0, ssl=context)
    async with server:
        port = server.sockets[0].getsockname()[1]
        scheme, host = ("https", "localhost") if context else ("http", "hooks.test")
        return await client.post(f"{scheme}://{host}:{port}/a?b=c", JSON, b"{}", limit_s=limit_s)


async def answer_ok(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"{}")
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
    await writer.drain()
    writer.close()


async def find_loopback(_host: str, _port: int) -> list[str]:
    return ["127.0.0.1"]


@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_one_whole_request_is_sent(method: str) -> None:
    server = OneAnswer(b"HTTP/1.1 202 Accepted\r\nX-A:  b \r\nContent-Length: 3\r\n\r\nabcd")
    client = OutgoingClient(
        RULE, environ={"http_proxy": "http://192.0.2.1:1", "HTTPS_PROXY": "http://192.0.2.1"}
    )
    send = getattr(client, method.lower())
    answer = asyncio.run(send(f"{server.url}/hook?a=b", JSON, b'{"a":1}'))
    assert answer == Answer(202, {"x-a": "b", "content-length": "3"}, b"abc")
    assert server.take_request() == (
        f"{method} /hook?a=b HTTP/1.1",
        {
            "host": server.host,
            "content-length": "7",
            "connection": "close",
            "via": "1.1 gcr-emulator",
            "content-type": "application/json",
        },
        b'{"a":1}',
    )
    server.close()


@pytest.mark.parametrize(
    "name", ["Host", "content-length", "Via", "Transfer-Encoding", "A B", "A:", "", "\u00e4"]
)
def test_headers_of_the_client_are_not_replaced(name: str) -> None:
    with pytest.raises(OutgoingRefused):
        asyncio.run(OutgoingClient(RULE).post("http://127.0.0.1:1/", {name: "a"}, b""))


@pytest.mark.parametrize("value", ["a\r\nb: c", "a\n", "\u00e4", "a\x00"])
def test_t15_header_cannot_add_another(value: str) -> None:
    with pytest.raises(OutgoingRefused, match="the header 'X-A' cannot be sent"):
        asyncio.run(OutgoingClient(RULE).post("http://127.0.0.1:1/", {"X-A": value}, b""))


def test_t15_the_name_is_resolved_once_and_the_connection_goes_to_that_address() -> None:
    answers = [["127.0.0.1"], ["169.254.169.254"]]
    asked: list[str] = []

    async def rebind(host: str, _port: int) -> list[str]:
        asked.append(host)
        return answers[len(asked) - 1]

    client = OutgoingClient(RULE, resolve=rebind)
    # The system cannot resolve hooks.test: a second resolution would fail.
    assert asyncio.run(post_to(answer_ok, client)).status == 200
    assert asked == ["hooks.test"]
    # The next connection is checked again.
    with pytest.raises(OutgoingRefused, match=r"hooks\.test has the address 169\.254\.169\.254"):
        asyncio.run(post_to(answer_ok, client))


def test_t15_a_second_address_is_used_only_if_all_are_permitted() -> None:
    found = ["127.0.0.9", "127.0.0.1"]

    async def find(_host: str, _port: int) -> list[str]:
        return found

    client = OutgoingClient(RULE, resolve=find)
    assert asyncio.run(post_to(answer_ok, client)).status == 200
    found.append("192.0.2.1")
    with pytest.raises(OutgoingRefused):
        asyncio.run(post_to(answer_ok, client))


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_t15_n9_redirects_are_answers_and_not_followed(status: int) -> None:
    elsewhere = OneAnswer(b"")
    location = f"Location: {elsewhere.url}/".encode()
    answer = exchange(b"HTTP/1.1 %d Moved\r\n%s\r\nContent-Length: 0\r\n\r\n" % (status, location))
    assert (answer.status, elsewhere.got) == (status, b"")
    elsewhere.close()


def test_n3_the_limit_covers_the_last_byte() -> None:
    ended = asyncio.Event()

    async def trickle(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 60000\r\n\r\n")
        while not ended.is_set():
            writer.write(b"a")
            try:
                await writer.drain()
                await asyncio.wait_for(ended.wait(), 0.01)
            except asyncio.TimeoutError:
                continue
            except ConnectionError:
                break
        writer.close()

    async def try_it() -> None:
        try:
            await post_to(trickle, OutgoingClient(RULE, resolve=find_loopback), limit_s=0.5)
        finally:
            ended.set()

    with pytest.raises(OutgoingFailed, match=r"hooks\.test:[0-9]+ has not answered within 0\.5 seconds"):
        asyncio.run(try_it())


def test_n3_the_limit_covers_the_resolver() -> None:
    async def hang(_host: str, _port: int) -> list[str]:
        await asyncio.Event().wait()
        return []

    client = OutgoingClient(RULE, resolve=hang)
    with pytest.raises(OutgoingFailed, match=r"a\.test has not answered within 0\.05 seconds"):
        asyncio.run(client.post("http://a.test/", {}, b"", limit_s=0.05))
    with pytest.raises(OutgoingFailed, match=r"a\.test has not answered within 0\.05 seconds"):
        asyncio.run(client.check("http://a.test/", limit_s=0.05))


LONG = MAX_BODY + 1


@pytest.mark.parametrize(
    ("data", "status", "body"),
    [
        (b"HTTP/1.1 204 No Content\r\n\r\n", 204, b""),
        (b"HTTP/1.0 200 OK\r\n\r\nto the end", 200, b"to the end"),
        (b"HTTP/1.1 200 OK\r\n\r\n" + b"a" * LONG, 200, b"a" * MAX_BODY),
        (b"HTTP/1.1 200\r\nContent-Length: %d\r\n\r\n%s" % (10**9, b"a" * LONG), 200, b"a" * MAX_BODY),
        (
            b"HTTP/1.1 503 No\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n",
            503,
            b"abcde",
        ),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\nFFFFFFF\r\n" + b"a" * LONG,
            200,
            b"a" * MAX_BODY,
        ),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n", 201, b""),
        (b"HTTP/1.1 102 Processing\r\n\r\n", 102, b""),
        (b"HTTP/1.1 101 Switching\r\n\r\nabc", 101, b""),
    ],
)
def test_n3_answers_are_read_and_cut_at_64_kib(data: bytes, status: int, body: bytes) -> None:
    answer = exchange(data)
    assert (answer.status, answer.body) == (status, body)


@pytest.mark.parametrize(
    "data",
    [
        *(
            b"",
            b"SSH-2.0-x\r\n\r\n",
            b"HTTP/2 200\r\n\r\n",
            b"HTTP/1.1 999 x\r\n\r\n",
            b"HTTP/1.1 200 OK\r\n",
        ),
        *(b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc"),
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"a" * 200_000 + b"\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n" * 20,
    ],
)
def test_answers_that_are_not_whole_are_failures(data: bytes) -> None:
    with pytest.raises(OutgoingFailed):
        exchange(data)


def test_unknown_and_unreachable_hosts_are_failures() -> None:
    async def find_none(host: str, _port: int) -> list[str]:
        raise OutgoingFailed(f"the host {host} is unknown")

    with pytest.raises(OutgoingFailed, match=r"the host a\.test is unknown"):
        asyncio.run(OutgoingClient(RULE, resolve=find_none).post("http://a.test/", {}, b""))
    with socket.socket() as bound:  # but it does not listen
        bound.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{bound.getsockname()[1]}/"
        with pytest.raises(OutgoingFailed, match=r"cannot connect to 127\.0\.0\.1:"):
            asyncio.run(OutgoingClient(RULE).post(url, {}, b""))


def test_tls_is_verified_against_certifi_and_the_usual_variables(tmp_path: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(save_certificate(tmp_path, "localhost"))
    for variable in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        environ = {variable: str(tmp_path / "CA.pem")}
        client = OutgoingClient(RULE, resolve=find_loopback, environ=environ)
        assert asyncio.run(post_to(answer_ok, client, context=context)).status == 200
    client = OutgoingClient(RULE, resolve=find_loopback, environ={})
    with pytest.raises(OutgoingFailed, match=r"certificate of localhost:[0-9]+ is not valid .*SSL_CERT_FILE"):
        asyncio.run(post_to(answer_ok, client, context=context))
    absent = {"SSL_CERT_FILE": str(tmp_path / "absent.pem")}
    client = OutgoingClient(RULE, resolve=find_loopback, environ=absent)
    with pytest.raises(OutgoingFailed, match=r"SSL_CERT_FILE names .*absent\.pem"):
        asyncio.run(post_to(answer_ok, client, context=context))
