"""The registry's measurements, one after the other: rates beside a peer, growth, memory, TLS."""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

from _emulator_process import emulator
from _image import digest_of
from _load import find_missing_tools, measure_gets
from _registry_growth import measure_growth, measure_memory
from _registry_peers import Peer, debians, ours
from _registry_rates import ACCEPT, CLIENTS, REPOSITORY, SMALL_BLOB, TAG, compare, seed

STARTS = 5


def measure(
    serve: Sequence[str], environ: Mapping[str, str], work: Path, project: str, *, seconds: float, rounds: int
) -> Iterator[str]:
    """Lines to print; a measurement takes so many seconds, and each comparison so many rounds."""
    work.mkdir()
    fastest = min(_start_s(serve, environ, work) for _ in range(STARTS))
    yield f"ready after {fastest * 1000:.0f} ms, best of {STARTS}"
    missing = find_missing_tools()
    if missing:
        yield f"the registry is not measured: apt-get install {' '.join(missing)}"
        return
    with ExitStack() as stack:
        peers = [
            stack.enter_context(ours(serve, environ, work / "ours", project)),
            stack.enter_context(debians(environ, work / "theirs")),
        ]
        for peer in peers:
            seed(peer)
        yield from compare(peers, seconds=seconds, rounds=rounds)
        yield from measure_memory(peers[0]).format()
        small = stack.enter_context(ours(serve, environ, work / "small", project))
        yield from measure_growth(small, peers[0], seconds=seconds, rounds=rounds)
    with ours(serve, environ, work / "ours", project, "--tls") as secure:
        yield from _measure_tls(secure, seconds=seconds)


def _start_s(serve: Sequence[str], environ: Mapping[str, str], work: Path) -> float:
    started = time.perf_counter()
    with emulator([*serve, "--data", str(work / "starts")], environ=environ, log=work / "starts.log"):
        return time.perf_counter() - started


def _measure_tls(peer: Peer, *, seconds: float) -> Iterator[str]:
    resources = {
        "manifest GET by tag": (f"manifests/{TAG}", [ACCEPT]),
        "GET of 1 KiB": (f"blobs/{digest_of(SMALL_BLOB)}", []),
    }
    for protocol, http2 in (("HTTP/1.1", False), ("HTTP/2", True)):
        for name, (path, headers) in resources.items():
            door = peer.open(REPOSITORY)
            url = f"https://localhost:{door.port}/v2/{door.repository}/{path}"
            gets = measure_gets(url, door, *headers, clients=CLIENTS, seconds=seconds, http2=http2)
            yield f"{name} over TLS, {protocol}: {gets.rate:.0f} /s with {CLIENTS} connections"
