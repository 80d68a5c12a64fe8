"""Rates of pushes next to a subscriber: one that answers at once, one that refuses, and one that hangs.

Each server with a subscriber is measured in turn with one that has none, in pairs whose order alternates. A
ratio is the median of the pairs' ratios. An operation pushes an image: a blob of 1 KiB and a manifest.
A subscriber that answers costs the server its requests: only those that refuse or hang have a limit.
"""

import json
import os
import selectors
import socket
import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

from _emulator_process import read_cpu_s
from _environment import Failed
from _image import CONFIG, LAYER, MANIFEST, digest_of, format_json

from benchmarks.against import Cost, Row, format_header, format_row, measure_pairs
from benchmarks.load import FORK, Connection, Throughput, make_blobs, make_bytes, measure_operations
from benchmarks.rates import CLIENTS, KIB, put_manifest
from benchmarks.servers import RegistryServer, run_emulator

LIMIT = 0.95
CLIENT_COUNTS = (1, CLIENTS)
_REPOSITORY = "told"
_CONFIG_DATA = b"{}"
_TOLD_S = 60
# Images that a client prepares for each second.
_MOST_IMAGES = 600
_ANSWERS: Mapping[str, bytes] = {
    "answers": b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
    "refuses": b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n",
    "hangs": b"",
}


def subscribe_webhook(server: RegistryServer, project: str, url: str) -> None:
    """Creates a webhook."""
    _call(server, "POST", "/_emulator/webhooks", {"project": project, "url": url})


def subscribe_push(server: RegistryServer, project: str, url: str) -> None:
    """Creates a push subscription of the topic gcr."""
    body = {"topic": f"projects/{project}/topics/gcr", "pushConfig": {"pushEndpoint": url}}
    _call(server, "PUT", f"/v1/projects/{project}/subscriptions/bench", body)


KINDS: Mapping[str, Callable[[RegistryServer, str, str], None]] = {
    "webhook": subscribe_webhook,
    "push": subscribe_push,
}


@dataclass(frozen=True)
class Receiver:
    """A receiver in a process of its own; `told` is the number of its requests, which it accepts or not."""

    url: str
    answers: bool
    told: Any

    def await_told(self, count: int) -> None:
        """Waits until that many requests have come. Raises Failed after a minute."""
        deadline = time.monotonic() + _TOLD_S
        while self.told.value < count:
            if time.monotonic() > deadline:
                raise Failed(f"the subscriber was told {self.told.value} of {count} events")
            time.sleep(0.01)


def measure(
    serve: Sequence[str], environ: Mapping[str, str], work: Path, project: str, *, seconds: float, pairs: int
) -> Iterator[tuple[str, bool]]:
    """Yields lines to print, each with whether its limit is kept."""
    work.mkdir()
    yield format_header(["none", "subscriber"], pairs), True
    with ExitStack() as stack:
        alone = stack.enter_context(_run(serve, environ, work / "none", project))
        for kind, subscribe in KINDS.items():
            for manner in _ANSWERS:
                name = f"{kind} {manner}"
                server = stack.enter_context(_run(serve, environ, work / name.replace(" ", "-"), project))
                receiver = stack.enter_context(running_receiver(manner))
                subscribe(server, project, receiver.url)
                for clients in CLIENT_COUNTS:
                    row = Row(f"{name}, {clients} {'client' if clients == 1 else 'clients'}", push_images)
                    costs = _measure_row([alone, server], receiver, clients, seconds=seconds, pairs=pairs)
                    yield format_row(row, costs), receiver.answers or find_ratio(costs) >= LIMIT


def find_ratio(costs: Sequence[Sequence[Cost]]) -> float:
    """Returns the median of the pairs' ratios of rates."""
    return statistics.median(beside.rate / alone.rate for alone, beside in costs)


def _measure_row(
    servers: Sequence[RegistryServer], receiver: Receiver, clients: int, *, seconds: float, pairs: int
) -> list[list[Cost]]:
    """Measures both servers in turn; a turn ends when a subscriber that answers was told of everything."""

    def take(server: RegistryServer) -> Cost:
        told, began_s = receiver.told.value, read_cpu_s(server.pid)
        images = push_images(server, seconds, clients=clients)
        if receiver.answers and server is servers[1]:
            receiver.await_told(told + images.count)
        return Cost(images.rate, (read_cpu_s(server.pid) - began_s) / images.count)

    return measure_pairs(take, servers, pairs=pairs)


def push_images(server: RegistryServer, seconds: float, *, clients: int = 1) -> Throughput:
    """Measures pushes of images: a blob of 1 KiB, as Docker pushes it, and a manifest under a tag."""
    endpoint, content = server.open(_REPOSITORY), make_bytes(KIB)
    at_most = int(_MOST_IMAGES * seconds)

    def prepare(_client: int) -> list[tuple[tuple[str, bytes, memoryview], bytes]]:
        return [(blob, _make_manifest(blob[0])) for blob in make_blobs(content, at_most)]

    def act(connection: Connection, images: Any, number: int) -> None:
        blob, manifest = images[number]
        connection.push_blob(endpoint.repository, *blob)
        put_manifest(connection, endpoint.repository, f"tag-{os.getpid()}", manifest)

    return measure_operations([endpoint], clients, prepare, act, seconds=seconds, at_most=at_most)


def _make_manifest(layer: str) -> bytes:
    config = {"mediaType": CONFIG, "digest": digest_of(_CONFIG_DATA), "size": len(_CONFIG_DATA)}
    layers = [{"mediaType": LAYER, "digest": layer, "size": KIB}]
    return format_json({"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": layers})


@contextmanager
def _run(
    serve: Sequence[str], environ: Mapping[str, str], work: Path, project: str
) -> Iterator[RegistryServer]:
    with run_emulator(serve, environ, work, project) as server:
        endpoint = server.open(_REPOSITORY)
        Connection(endpoint).push_blob(endpoint.repository, digest_of(_CONFIG_DATA), _CONFIG_DATA)
        yield replace(server, name=work.name)


@contextmanager
def running_receiver(manner: str) -> Iterator[Receiver]:
    """Runs a receiver for the block; it answers, refuses or hangs."""
    with socket.create_server(("127.0.0.1", 0), backlog=128) as listening:
        told = FORK.Value("q", 0)
        process = FORK.Process(target=_receive, args=(listening, _ANSWERS[manner], told), daemon=True)
        process.start()
        try:
            yield Receiver(f"http://127.0.0.1:{listening.getsockname()[1]}/", manner == "answers", told)
        finally:
            process.kill()
            process.join()


def _receive(listening: socket.socket, answer: bytes, told: Any) -> None:
    """Answers each request of a connection of its own; an empty answer is none."""
    with selectors.DefaultSelector() as selector:
        selector.register(listening, selectors.EVENT_READ)
        while True:
            for key, _ in selector.select():
                if key.fileobj is listening:
                    connection, _ = listening.accept()
                    selector.register(connection, selectors.EVENT_READ, bytearray())
                else:
                    _read(selector, key, answer, told)


def _read(selector: selectors.BaseSelector, key: selectors.SelectorKey, answer: bytes, told: Any) -> None:
    connection, received = key.fileobj, key.data
    assert isinstance(connection, socket.socket)  # noqa: S101 - it was registered
    try:
        data = connection.recv(64 * KIB)
        received += data
        head, _, body = received.partition(b"\r\n\r\n")
        if data and (not body or len(body) < _find_size(head)):
            return
        if data:
            told.value += 1
            if not answer:
                return
            connection.sendall(answer)
    except OSError:
        pass
    selector.unregister(connection)
    connection.close()


def _find_size(head: bytes) -> int:
    lines = head.lower().split(b"\r\n")
    return next(int(line.partition(b":")[2]) for line in lines if line.startswith(b"content-length:"))


def _call(server: RegistryServer, method: str, path: str, body: Mapping[str, object]) -> None:
    data = json.dumps(body).encode()
    url = f"http://localhost:{server.port}{path}"
    with urlopen(Request(url, data, {"Content-Type": "application/json"}, method=method)) as answer:
        answer.read()
