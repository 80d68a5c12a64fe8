"""Registry rates and their CPU cost next to an earlier revision, in one run.

Both servers run at the same time, each installed in the same way, and are measured in turn, in pairs whose
order alternates; a ratio is the median of the pairs' ratios. Each row has new servers with empty disks. For
small GETs the server has one processor, and the clients have the others.
"""

import argparse
import os
import shutil
import statistics
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from _emulator_process import read_cpu_s
from _environment import isolated_environ, run

from benchmarks.growth import Memory, measure_memory
from benchmarks.load import check_h2load
from benchmarks.rates import (
    ACCEPT,
    BY_DIGEST,
    BY_TAG,
    CLIENTS,
    KIB,
    MIB,
    Take,
    put_manifests,
    seed,
    take_gets,
    take_large_gets,
    take_pushes,
)
from benchmarks.servers import RegistryServer, run_emulator

PAIRS, QUICK_PAIRS, MEMORY_PAIRS = 14, 4, 3
SECONDS, QUICK_SECONDS = 2.0, 1.0  # whole ones: h2load takes no others
GIB = 1 << 30
MEMORY = "memory"


@dataclass(frozen=True)
class Row:
    """A measurement. With the size of an operation in bytes, the rate is printed in GB/s.

    With `apart` the server has one processor and the clients have the others: an operation costs the clients
    as much as the server, so the rate would be that of the clients.
    """

    name: str
    take: Take
    size: int = 0
    apart: bool = False


@dataclass(frozen=True)
class Cost:
    """Operations per second, and the seconds of processors that the server took for one."""

    rate: float
    cpu_s: float


@dataclass(frozen=True)
class InstalledRevision:
    """A revision that is installed: its name, the directory of its programs, and options for `serve`."""

    name: str
    programs: Path
    options: tuple[str, ...] = ()

    @contextmanager
    def serve(self, work: Path, project: str) -> Iterator[RegistryServer]:
        """Starts its server on a new data directory, and pushes what is pulled later."""
        place = work / self.name
        environ = isolated_environ(place / "home", self.programs)
        serve = (str(self.programs / "gcr-emulator"), "serve", "--port", "0", "--project", project)
        with run_emulator(serve, environ, place, project, *self.options) as server:
            seed(server)
            yield replace(server, name=self.name)

    def with_workers(self, count: int) -> "InstalledRevision":
        """Returns the revision with that many workers, or unchanged if its `serve` has no --workers."""
        if "--workers" not in run([str(self.programs / "gcr-emulator"), "serve", "--help"]):
            return self
        return replace(self, options=("--workers", str(count)))


ROWS = (
    Row(
        f"manifest GET by tag, {CLIENTS} clients",
        take_gets(BY_TAG, ACCEPT, clients=CLIENTS),
        apart=True,
    ),
    Row(f"GET of 1 KiB, {CLIENTS} clients", take_gets(BY_DIGEST, clients=CLIENTS), apart=True),
    Row(f"GET of 100 MiB, {CLIENTS} clients", take_large_gets(CLIENTS), 100 * MIB),
    Row(f"range of 100 MiB, {CLIENTS} clients", take_large_gets(CLIENTS, start=1), 100 * MIB - 1),
    Row("push of 1 KiB, 1 client", take_pushes(KIB, 1, 4000)),
    Row(f"push of 1 KiB, {CLIENTS} clients", take_pushes(KIB, CLIENTS, 2000)),
    Row(f"push of 1 MiB, {CLIENTS} clients", take_pushes(MIB, CLIENTS, 200)),
    Row("push of 100 MiB, 1 client", take_pushes(100 * MIB, 1, 8), 100 * MIB),
    Row(f"manifest PUT, {CLIENTS} clients", put_manifests),
    Row(f"401, {CLIENTS} clients", take_gets("", clients=CLIENTS, shows=False), apart=True),
)
NAMES = [*(row.name for row in ROWS), MEMORY]


def make_parser() -> argparse.ArgumentParser:
    """Returns the parser of scripts/bench against."""
    parser = argparse.ArgumentParser(
        prog="scripts/bench against",
        description=__doc__,
        epilog=f"rows: {'; '.join(NAMES)}",
        allow_abbrev=False,
    )
    parser.add_argument("revision", metavar="REVISION", help="a commit, a branch or a tag of this repository")
    quick = f"{QUICK_PAIRS} pairs instead of {PAIRS}, shorter, and without the row {MEMORY}"
    parser.add_argument("--quick", action="store_true", help=quick)
    only = "measure the rows whose names contain one of these words, in any case"
    parser.add_argument("--only", type=find_names, metavar="WORD,WORD", help=only)
    parser.add_argument("--workers", type=int, metavar="N", help="worker processes of both servers")
    return parser


def find_names(words: str) -> list[str]:
    """Returns the names of the rows that match a word. Raises ArgumentTypeError for a word without a row."""
    found: set[str] = set()
    for word in words.lower().split(","):
        named = {name for name in NAMES if word in name.lower()}
        if not word or not named:
            raise argparse.ArgumentTypeError(f"no row has {word!r} in its name; rows: {'; '.join(NAMES)}")
        found |= named
    return [name for name in NAMES if name in found]


def measure(
    revisions: Sequence[InstalledRevision],
    work: Path,
    project: str,
    *,
    only: Sequence[str] | None,
    quick: bool,
) -> Iterator[str]:
    """Yields the lines to print for two revisions, the earlier one first. Raises Failed without h2load."""
    check_h2load()
    work.mkdir()
    pairs, seconds = (QUICK_PAIRS, QUICK_SECONDS) if quick else (PAIRS, SECONDS)
    names = only or [name for name in NAMES if not quick or name != MEMORY]
    yield format_header([revision.name for revision in revisions], pairs)
    for row in ROWS:
        if row.name in names:
            costs = _measure_row(row, revisions, work / "row", project, seconds=seconds, pairs=pairs)
            yield format_row(row, costs)
    if MEMORY in names:
        yield from _measure_memory(revisions, work / "row", project)


def measure_pairs(
    take: Callable[[RegistryServer], Cost], servers: Sequence[RegistryServer], *, pairs: int
) -> list[list[Cost]]:
    """Returns the costs of both servers in each pair; the order changes from pair to pair."""
    found = []
    for number in range(pairs + 1):
        taken = {server.name: take(server) for server in (servers if number % 2 else reversed(servers))}
        if number:  # the first pair warms the caches
            found.append([taken[server.name] for server in servers])
    return found


def format_header(names: Sequence[str], pairs: int) -> str:
    """Returns the header line for two servers of these names."""
    rates, cpus = (f"{name:>12}" for name in names), (f"{f'CPU {name}':>16}" for name in names)
    return f"{f'medians of {pairs} pairs':32}{''.join(rates)}{'ratio':>7}{''.join(cpus)}{'ratio':>7}"


def format_row(row: Row, costs: Sequence[Sequence[Cost]]) -> str:
    """Returns the line with both servers' medians, and the medians of the pairs' ratios."""
    unit, scale = ("GB/s", row.size / 1e9) if row.size else ("/s", 1.0)
    cpu_unit, cpu_scale = ("s/GiB", GIB / row.size) if row.size else ("ms", 1000.0)
    rates = _find_medians([[cost.rate * scale for cost in pair] for pair in costs])
    cpus = _find_medians([[cost.cpu_s * cpu_scale for cost in pair] for pair in costs])
    digits = 2 if row.size else 0
    cells = [f"{f'{value:.{digits}f} {unit}':>12}" for value in rates[:2]]
    cells += [f"{rates[2]:7.2f}", *(f"{f'{value:.3f} {cpu_unit}':>16}" for value in cpus[:2])]
    return f"{row.name:32}{''.join(cells)}{cpus[2]:7.2f}"


def _measure_row(
    row: Row, revisions: Sequence[InstalledRevision], work: Path, project: str, *, seconds: float, pairs: int
) -> list[list[Cost]]:
    def take(server: RegistryServer) -> Cost:
        began_s = read_cpu_s(server.pid)
        acts = row.take(server, seconds)
        return Cost(acts.rate, (read_cpu_s(server.pid) - began_s) / acts.count)

    with _place(work), ExitStack() as stack:
        servers = [stack.enter_context(revision.serve(work, project)) for revision in revisions]
        if row.apart and not any(revision.options for revision in revisions):
            stack.enter_context(_apart([server.pid for server in servers]))
        return measure_pairs(take, servers, pairs=pairs)


@contextmanager
def _apart(servers: Sequence[int]) -> Iterator[None]:
    """Pins the servers to one processor, and this process with its children to the others, if any."""
    mine = os.sched_getaffinity(0)
    first, others = {min(mine)}, mine - {min(mine)}
    for task in (task for pid in servers for task in os.listdir(f"/proc/{pid}/task")):
        os.sched_setaffinity(int(task), first)
    os.sched_setaffinity(0, others or first)
    try:
        yield
    finally:
        os.sched_setaffinity(0, mine)


def _measure_memory(revisions: Sequence[InstalledRevision], work: Path, project: str) -> Iterator[str]:
    taken = [[_take_memory(revision, work, project) for revision in revisions] for _ in range(MEMORY_PAIRS)]
    held = {
        f"{MEMORY} at rest": [[memory.at_rest / MIB for memory in pair] for pair in taken],
        f"{MEMORY}, {CLIENTS} pushes of 1 GiB": [[memory.most / MIB for memory in pair] for pair in taken],
    }
    for name, pairs in held.items():
        before, now, ratio = _find_medians(pairs)
        cells = f"{f'{before:.1f} MiB':>12}{f'{now:.1f} MiB':>12}{ratio:7.2f}"
        yield f"{name:32}{cells}  PSS, medians of {len(pairs)} pairs"


def _take_memory(revision: InstalledRevision, work: Path, project: str) -> Memory:
    with _place(work), revision.serve(work, project) as server:
        return measure_memory(server)


@contextmanager
def _place(work: Path) -> Iterator[None]:
    """Creates the directory, and removes it at the end: each row pushes some gigabytes."""
    work.mkdir()
    try:
        yield
    finally:
        shutil.rmtree(work)


def _find_medians(pairs: Sequence[Sequence[float]]) -> tuple[float, float, float]:
    """Returns the medians of the first values, of the second ones, and of the ratios of second to first."""
    first, second = zip(*pairs, strict=True)
    ratios = [pair[1] / pair[0] for pair in pairs]
    return statistics.median(first), statistics.median(second), statistics.median(ratios)
