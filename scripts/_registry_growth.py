"""Whether the registry stays as it is when much is in it, or much comes at once."""

import statistics
import threading
import time
from collections.abc import Iterator

from _load import Door, Line, make_blobs, make_bytes, measure_get_rate, measure_rate
from _registry_peers import Peer
from _registry_rates import ACCEPT, CLIENTS, MIB, push_manifest, seed

_REPOSITORY = "growing"
_FEW, _MANY = 100, 10_000
_PAGE = 100
_GIB = 1 << 30
_SAMPLE_S = 0.05


def measure_growth(small: Peer, large: Peer, *, seconds: float, rounds: int) -> Iterator[str]:
    """Rates with few tags and with many, taken by turns, and how long a page of them takes."""
    for peer, count in ((small, _FEW), (large, _MANY)):
        seed(peer, _REPOSITORY)
        _fill(peer, count)
    for name, take in (("manifest PUT", _put_rate), ("manifest GET by tag", _get_rate)):
        taken = [[take(peer, seconds) for peer in (small, large)] for _ in range(rounds)]
        few, many = (statistics.median(values) for values in zip(*taken, strict=True))
        yield f"{name}: {few:.0f} /s at {_FEW} tags, {many:.0f} /s at {_MANY}: {few / many:.2f} x (goal 1.3)"
    yield f"a page of {_PAGE} tags at {_MANY}: {_time_page(large) * 1000:.2f} ms, median (goal 1)"


def measure_memory(peer: Peer) -> Iterator[str]:
    """The memory that the server takes while eight blobs of 1 GiB arrive."""
    at_rest = _read_pss(peer.pid)
    door = peer.open("large")
    content = make_bytes(_GIB)
    (blob,) = make_blobs(content, 1)
    most, done = [0], threading.Event()

    def watch() -> None:
        while not done.wait(_SAMPLE_S):
            most[0] = max(most[0], _read_pss(peer.pid))

    watcher = threading.Thread(target=watch)
    watcher.start()
    began = time.perf_counter()

    def act(line: Line, _prepared: object, _number: int) -> None:
        line.push_blob(door.repository, *blob)

    try:
        measure_rate(door, CLIENTS, lambda _: None, act, seconds=1, at_most=1)
    finally:
        done.set()
        watcher.join()
    took = time.perf_counter() - began
    yield f"PSS at rest {at_rest / MIB:.0f} MiB"
    yield f"with {CLIENTS} pushes of 1 GiB in flight, {took:.0f} s long, {most[0] / MIB:.0f} MiB (goal 120)"


def _fill(peer: Peer, stop: int) -> None:
    """Have so many tags; a token lasts for some thousands."""
    for start in range(0, stop, 2000):
        door = peer.open(_REPOSITORY)
        count = min(2000, stop - start)

        def act(line: Line, client: int, number: int, start: int = start, door: Door = door) -> None:
            tag = f"tag-{start + number * CLIENTS + client:06}"
            push_manifest(line, door.repository, tag, tag)

        measure_rate(door, CLIENTS, lambda client: client, act, seconds=300, at_most=-(-count // CLIENTS))


def _put_rate(peer: Peer, seconds: float) -> float:
    door = peer.open(_REPOSITORY)
    fresh = time.time_ns()

    def act(line: Line, _prepared: object, number: int) -> None:
        push_manifest(line, door.repository, "tag-000000", f"{fresh} {number}")

    return measure_rate(door, 1, lambda _: None, act, seconds=seconds, at_most=10**9)


def _get_rate(peer: Peer, seconds: float) -> float:
    door = peer.open(_REPOSITORY)
    url = f"http://localhost:{door.port}/v2/{door.repository}/manifests/tag-000050"
    return measure_get_rate(url, door, ACCEPT, clients=CLIENTS, seconds=seconds, http2=False)


def _time_page(peer: Peer) -> float:
    door = peer.open(_REPOSITORY)
    line = Line(door)
    times = []
    for page in range(50):
        began = time.perf_counter()
        line.ask("GET", f"/v2/{door.repository}/tags/list?n={_PAGE}&last=tag-{page * _PAGE:06}", expected=200)
        times.append(time.perf_counter() - began)
    return statistics.median(times)


def _read_pss(pid: int) -> int:
    """Returns the bytes that the process and its children hold, shared ones by their part."""
    import psutil  # type: ignore[import-untyped] # scripts/bench has none when it reads its options

    server = psutil.Process(pid)
    return sum(process.memory_full_info().pss for process in (server, *server.children()))
