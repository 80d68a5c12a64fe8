"""Emulators on one PostgreSQL and one object store: CPU, latency, memory and connections, next to SQLite.

The numbers of servers are measured in turn, and the ratios are those of medians. A machine with few
processors shows the CPU for an operation, which says what more processors would bring; its rates do not.
"""

import statistics
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from _emulator_process import read_cpu_s, read_pss
from _environment import CHECKOUT

from benchmarks.growth import measure_memory
from benchmarks.load import (
    Connection,
    Endpoint,
    Throughput,
    check_h2load,
    make_blobs,
    make_bytes,
    measure_gets,
    measure_operations,
)
from benchmarks.rates import ACCEPT, BY_TAG, CLIENTS, KIB, MIB, REPOSITORY, seed
from benchmarks.servers import RegistryServer, run_emulator

sys.path.append(str(CHECKOUT / "tests"))

if TYPE_CHECKING:
    from support.servers.postgresql import Cluster  # type: ignore[import-not-found] # in tests/

COUNTS = (1, 2, 4)
# CPU for an operation, of what it costs with one server.
GOALS = {"pull": {2: 1.15, 4: 1.15}, "push": {2: 1.25, 4: 1.45}}
# Milliseconds that PostgreSQL and an object store may add to SQLite and files, at one client.
ADDED_MS = {"pull": 0.7, "push": 5.0}
MORE_PSS, MOST_PSS, CONNECTIONS = 45 * MIB, 120 * MIB, 9
_ONE_BY_ONE = 200
_COUNT = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'gcr-emulator'"


@dataclass
class Cost:
    """Microseconds of the servers and of PostgreSQL for an operation, in each round, and the rate."""

    servers: list[float] = field(default_factory=list)
    database: list[float] = field(default_factory=list)
    rates: list[float] = field(default_factory=list)

    @property
    def medians(self) -> tuple[float, float, float]:
        """Returns the medians of both, and of the rates."""
        return (
            statistics.median(self.servers),
            statistics.median(self.database),
            statistics.median(self.rates),
        )


# Runs operations on all servers; returns the throughput of all together.
Take = Callable[[Sequence[RegistryServer], float], Throughput]


def measure(
    serve: Sequence[str], environ: Mapping[str, str], work: Path, project: str, *, seconds: float, rounds: int
) -> Iterator[tuple[str, bool]]:
    """Yields lines to print, each with whether its goal is kept."""
    from support.servers.postgresql import running_cluster
    from support.servers.seaweedfs import running_seaweedfs  # type: ignore[import-not-found]

    check_h2load()
    work.mkdir()
    with ExitStack() as stack:
        cluster = stack.enter_context(running_cluster(fsync=True))
        store = stack.enter_context(running_seaweedfs(work / "seaweedfs"))
        store.create_bucket("bench")
        shared = {**environ, **store.environ, "GCR_EMULATOR_STORAGE_ENDPOINT": store.url}
        groups = {
            count: stack.enter_context(_run_servers(count, serve, shared, work, project, cluster))
            for count in COUNTS
        }
        for servers in groups.values():
            seed(servers[0])
        for name, take in (("pull", _pull), ("push", _push)):
            yield from _compare(name, take, groups, cluster, seconds=seconds, rounds=rounds)
        yield _count_connections(groups[COUNTS[-1]], cluster, seconds)
        with run_emulator(serve, environ, work / "sqlite", project) as alone:
            seed(alone)
            yield from _compare_latency(alone, groups[1][0], rounds=rounds)
            yield from _compare_memory(alone, groups[1][0])


@contextmanager
def _run_servers(
    count: int,
    serve: Sequence[str],
    environ: Mapping[str, str],
    work: Path,
    project: str,
    cluster: "Cluster",
) -> Iterator[list[RegistryServer]]:
    """Yields servers on a database of their own."""
    url = cluster.create_database()
    shared = {
        **environ,
        "GCR_EMULATOR_DATABASE": url,
        "GCR_EMULATOR_STORAGE": f"s3://bench{urlsplit(url).path}",
    }
    with ExitStack() as stack:
        yield [
            stack.enter_context(run_emulator(serve, shared, work / f"{count}-{number}", project))
            for number in range(count)
        ]


def _compare(
    name: str,
    take: Take,
    groups: Mapping[int, Sequence[RegistryServer]],
    cluster: "Cluster",
    *,
    seconds: float,
    rounds: int,
) -> Iterator[tuple[str, bool]]:
    """Yields a line for each number of servers: rate, and CPU of servers and database for an operation."""
    costs = {count: Cost() for count in groups}
    for _ in range(rounds):
        for count, servers in groups.items():
            before = _read_cpu(servers, cluster)
            done = take(servers, seconds)
            spent = [
                (now - then) / done.count * 1e6
                for now, then in zip(_read_cpu(servers, cluster), before, strict=True)
            ]
            costs[count].servers.append(spent[0])
            costs[count].database.append(spent[1])
            costs[count].rates.append(done.rate)
    one = sum(costs[1].medians[:2])
    for count, cost in costs.items():
        servers_us, database_us, rate = cost.medians
        ratio = (servers_us + database_us) / one
        goal = GOALS[name].get(count)
        line = f"{name}, servers: {count}   {rate:8.0f} /s   {servers_us:7.0f} + {database_us:6.0f} us"
        yield line + (f"   {ratio:.2f} x (goal {goal})" if goal else ""), goal is None or ratio <= goal


def _read_cpu(servers: Sequence[RegistryServer], cluster: "Cluster") -> tuple[float, float]:
    return sum(read_cpu_s(server.pid) for server in servers), read_cpu_s(cluster.pid)


def _pull(servers: Sequence[RegistryServer], seconds: float) -> Throughput:
    """Measures GETs of a tag by eight clients of each server: those of one share its queries."""
    done: list[Throughput] = []

    def pull(server: RegistryServer) -> None:
        endpoint = server.open(REPOSITORY)
        url = f"http://localhost:{endpoint.port}/v2/{BY_TAG.format(repository=endpoint.repository)}"
        done.append(measure_gets(url, endpoint, ACCEPT, clients=CLIENTS, seconds=seconds, http2=False))

    threads = [threading.Thread(target=pull, args=(server,)) for server in servers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return Throughput(sum(each.count for each in done), seconds)


def _push(servers: Sequence[RegistryServer], seconds: float) -> Throughput:
    """Measures pushes of blobs of 1 KiB by eight clients of each server."""
    endpoints = [server.open(REPOSITORY) for server in servers]
    content, at_most = make_bytes(KIB), int(500 * seconds)

    def prepare(_client: int) -> Any:
        return make_blobs(content, at_most)

    def act(connection: Connection, blobs: Any, number: int) -> None:
        connection.push_blob(endpoints[0].repository, *blobs[number])

    clients = CLIENTS * len(servers)
    return measure_operations(endpoints, clients, prepare, act, seconds=seconds, at_most=at_most)


def _count_connections(
    servers: Sequence[RegistryServer], cluster: "Cluster", seconds: float
) -> tuple[str, bool]:
    """Returns the line about the connections of the servers under load."""
    import psycopg

    most = 0
    with psycopg.connect(cluster.url(), autocommit=True) as connection:
        loading = threading.Thread(target=_push, args=(servers, seconds))
        loading.start()
        while loading.is_alive():
            row = connection.execute(_COUNT).fetchone()
            most = max(most, row[0] if row else 0)
            time.sleep(0.05)
        loading.join()
    count = sum(COUNTS)
    return (
        f"connections of {count} servers under load: {most} ({CONNECTIONS} each)",
        most == count * CONNECTIONS,
    )


def _compare_latency(
    alone: RegistryServer, shared: RegistryServer, *, rounds: int
) -> Iterator[tuple[str, bool]]:
    """Yields what PostgreSQL and the object store add to the median of an operation of one client."""
    for name, time_one in (("pull", _time_pull), ("push", _time_push)):
        times: dict[str, list[float]] = {"alone": [], "shared": []}
        for _ in range(rounds):
            for key, server in (("alone", alone), ("shared", shared)):
                times[key] += time_one(server)
        sqlite_ms, shared_ms = (statistics.median(values) * 1000 for values in times.values())
        added = shared_ms - sqlite_ms
        line = f"{name}, one client: {sqlite_ms:.2f} ms on SQLite, {shared_ms:.2f} ms on PostgreSQL"
        yield f"{line}: {added:+.2f} ms (goal {ADDED_MS[name]})", added <= ADDED_MS[name]


def _time_pull(server: RegistryServer) -> list[float]:
    endpoint = server.open(REPOSITORY)
    path = f"/v2/{BY_TAG.format(repository=endpoint.repository)}"
    return _time_each(
        endpoint, lambda connection, _: connection.ask("GET", path, expected=200, headers=f"{ACCEPT}\r\n")
    )


def _time_push(server: RegistryServer) -> list[float]:
    endpoint = server.open(REPOSITORY)
    blobs = make_blobs(make_bytes(KIB), _ONE_BY_ONE)
    return _time_each(
        endpoint, lambda connection, number: connection.push_blob(endpoint.repository, *blobs[number])
    )


def _time_each(endpoint: Endpoint, act: Callable[[Connection, int], object]) -> list[float]:
    connection = Connection(endpoint)
    times = []
    for number in range(_ONE_BY_ONE):
        began = time.perf_counter()
        act(connection, number)
        times.append(time.perf_counter() - began)
    return times


def _compare_memory(alone: RegistryServer, shared: RegistryServer) -> Iterator[tuple[str, bool]]:
    """Yields the memory of a server at rest, and with eight pushes of 1 GiB in progress."""
    more = read_pss(shared.pid) - read_pss(alone.pid)
    yield f"PSS at rest: {more / MIB:+.0f} MiB over SQLite (goal {MORE_PSS // MIB})", more <= MORE_PSS
    memory = measure_memory(shared)
    for line in memory.format():
        yield line, memory.most < MOST_PSS
