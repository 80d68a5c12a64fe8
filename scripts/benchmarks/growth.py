"""Registry growth: rates with many tags, and memory with many large pushes."""

import statistics
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass

from _emulator_process import read_pss

from benchmarks.load import Connection, Endpoint, make_blobs, make_bytes, measure_gets, measure_operations
from benchmarks.rates import ACCEPT, CLIENTS, MIB, push_manifest, seed
from benchmarks.servers import RegistryServer

_REPOSITORY = "growing"
_FEW, _MANY = 100, 10_000
_PAGE = 100
_GIB = 1 << 30
_SAMPLE_S = 0.05


@dataclass(frozen=True)
class Memory:
    """The bytes that a server holds at rest, and at most during pushes of `took_s` seconds."""

    at_rest: int
    most: int
    took_s: float

    def format(self) -> Iterator[str]:
        """Yields the lines to print."""
        yield f"PSS at rest {self.at_rest / MIB:.0f} MiB"
        pushes = f"{CLIENTS} pushes of 1 GiB in flight, {self.took_s:.0f} s long"
        yield f"with {pushes}, {self.most / MIB:.0f} MiB (goal 120)"


def measure_growth(
    small: RegistryServer, large: RegistryServer, *, seconds: float, rounds: int
) -> Iterator[str]:
    """Yields lines: the rates at few tags and at many, measured in turn, and the time of a page of tags."""
    for server, count in ((small, _FEW), (large, _MANY)):
        seed(server, _REPOSITORY)
        _fill(server, count)
    for name, take in (("manifest PUT", _put_rate), ("manifest GET by tag", _get_rate)):
        taken = [[take(server, seconds) for server in (small, large)] for _ in range(rounds)]
        few, many = (statistics.median(values) for values in zip(*taken, strict=True))
        yield f"{name}: {few:.0f} /s at {_FEW} tags, {many:.0f} /s at {_MANY}: {few / many:.2f} x (goal 1.3)"
    yield f"a page of {_PAGE} tags at {_MANY}: {_time_page(large) * 1000:.2f} ms, median (goal 1)"


def measure_memory(server: RegistryServer) -> Memory:
    """Measures the server's memory while eight blobs of 1 GiB arrive."""
    at_rest = read_pss(server.pid)
    endpoint = server.open("large")
    content = make_bytes(_GIB)
    (blob,) = make_blobs(content, 1)
    most, done = [0], threading.Event()

    def watch() -> None:
        while not done.wait(_SAMPLE_S):
            most[0] = max(most[0], read_pss(server.pid))

    watcher = threading.Thread(target=watch)
    watcher.start()
    began = time.perf_counter()

    def act(connection: Connection, _prepared: object, _number: int) -> None:
        connection.push_blob(endpoint.repository, *blob)

    try:
        measure_operations([endpoint], CLIENTS, lambda _: None, act, seconds=1, at_most=1)
    finally:
        done.set()
        watcher.join()
    return Memory(at_rest, most[0], time.perf_counter() - began)


def _fill(server: RegistryServer, stop: int) -> None:
    """Pushes tags up to that number; fetches a token for every 2,000, because it expires."""
    for start in range(0, stop, 2000):
        endpoint = server.open(_REPOSITORY)
        count = min(2000, stop - start)

        def act(
            connection: Connection,
            client: int,
            number: int,
            start: int = start,
            endpoint: Endpoint = endpoint,
        ) -> None:
            tag = f"tag-{start + number * CLIENTS + client:06}"
            push_manifest(connection, endpoint.repository, tag, tag)

        measure_operations(
            [endpoint], CLIENTS, lambda client: client, act, seconds=300, at_most=-(-count // CLIENTS)
        )


def _put_rate(server: RegistryServer, seconds: float) -> float:
    endpoint = server.open(_REPOSITORY)
    fresh = time.time_ns()

    def act(connection: Connection, _prepared: object, number: int) -> None:
        push_manifest(connection, endpoint.repository, "tag-000000", f"{fresh} {number}")

    return measure_operations([endpoint], 1, lambda _: None, act, seconds=seconds, at_most=10**9).rate


def _get_rate(server: RegistryServer, seconds: float) -> float:
    endpoint = server.open(_REPOSITORY)
    url = f"http://localhost:{endpoint.port}/v2/{endpoint.repository}/manifests/tag-000050"
    return measure_gets(url, endpoint, ACCEPT, clients=CLIENTS, seconds=seconds, http2=False).rate


def _time_page(server: RegistryServer) -> float:
    endpoint = server.open(_REPOSITORY)
    connection = Connection(endpoint)
    times = []
    for page in range(50):
        began = time.perf_counter()
        connection.ask(
            "GET", f"/v2/{endpoint.repository}/tags/list?n={_PAGE}&last=tag-{page * _PAGE:06}", expected=200
        )
        times.append(time.perf_counter() - began)
    return statistics.median(times)
