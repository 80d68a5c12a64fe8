"""Registry measurements, in order: rates next to docker-registry, growth, memory, TLS."""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

from _emulator_process import emulator
from _image import digest_of

from benchmarks.growth import measure_growth, measure_memory
from benchmarks.load import TOOLS, find_missing_packages, measure_gets
from benchmarks.rates import ACCEPT, CLIENTS, REPOSITORY, SMALL_BLOB, TAG, compare, seed
from benchmarks.servers import RegistryServer, run_docker_registry, run_emulator

STARTS = 5


def measure(
    serve: Sequence[str], environ: Mapping[str, str], work: Path, project: str, *, seconds: float, rounds: int
) -> Iterator[str]:
    """Yields lines to print; a measurement takes `seconds`, each comparison `rounds` rounds."""
    work.mkdir()
    fastest = min(_start_s(serve, environ, work) for _ in range(STARTS))
    yield f"ready after {fastest * 1000:.0f} ms, best of {STARTS}"
    missing = find_missing_packages(*TOOLS)
    if missing:
        yield f"the registry is not measured: apt-get install {' '.join(missing)}"
        return
    with ExitStack() as stack:
        servers = [
            stack.enter_context(run_emulator(serve, environ, work / "emulator", project)),
            stack.enter_context(run_docker_registry(environ, work / "docker-registry")),
        ]
        for server in servers:
            seed(server)
        yield from compare(servers, seconds=seconds, rounds=rounds)
        yield from measure_memory(servers[0]).format()
        small = stack.enter_context(run_emulator(serve, environ, work / "small", project))
        yield from measure_growth(small, servers[0], seconds=seconds, rounds=rounds)
    with run_emulator(serve, environ, work / "emulator", project, "--tls") as secure:
        yield from _measure_tls(secure, seconds=seconds)


def _start_s(serve: Sequence[str], environ: Mapping[str, str], work: Path) -> float:
    started = time.perf_counter()
    with emulator([*serve, "--data", str(work / "starts")], environ=environ, log=work / "starts.log"):
        return time.perf_counter() - started


def _measure_tls(server: RegistryServer, *, seconds: float) -> Iterator[str]:
    resources = {
        "manifest GET by tag": (f"manifests/{TAG}", [ACCEPT]),
        "GET of 1 KiB": (f"blobs/{digest_of(SMALL_BLOB)}", []),
    }
    for protocol, http2 in (("HTTP/1.1", False), ("HTTP/2", True)):
        for name, (path, headers) in resources.items():
            endpoint = server.open(REPOSITORY)
            url = f"https://localhost:{endpoint.port}/v2/{endpoint.repository}/{path}"
            gets = measure_gets(url, endpoint, *headers, clients=CLIENTS, seconds=seconds, http2=http2)
            yield f"{name} over TLS, {protocol}: {gets.rate:.0f} /s with {CLIENTS} connections"
