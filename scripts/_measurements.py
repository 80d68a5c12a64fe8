"""What a cached get costs over bare Python, and what the emulator does in a second."""

import argparse
import shutil
import statistics
import sys
from collections.abc import Iterator
from pathlib import Path

from _cached_get import Times, fill_cache, time_cold, time_interleaved
from _emulator_process import emulator
from _environment import Environment, Failed, find_wheel, isolated_environ, workplace
from _legacy_build import measure as measure_legacy_build
from _registry_bench import measure as measure_registry

LIMIT = 1.4
PROJECT = "bench-project"
DEBIAN_PYTHON = "/usr/bin/python3"


def main(arguments: list[str]) -> int:
    """Measure and print; 1 when asked to assert the limit and it is not kept."""
    parser = argparse.ArgumentParser(prog="scripts/bench", description=__doc__)
    parser.add_argument("part", nargs="*", metavar="PART", help=f"{' or '.join(_PARTS)}; all of them")
    parser.add_argument("--quick", action="store_true", help="this Python alone, fewer and shorter runs")
    parser.add_argument(
        "--assert", dest="insist", action="store_true", help=f"fail above {LIMIT} x bare Python"
    )
    options = parser.parse_args(arguments)
    unknown = set(options.part) - set(_PARTS)
    if unknown:
        parser.error(f"no part {min(unknown)!r}: there are {', '.join(_PARTS)}")
    try:
        with workplace() as work:
            kept = [_PARTS[part](_Bench(work), options.quick) for part in options.part or _PARTS]
    except Failed as failure:
        print(f"failed: {failure}", file=sys.stderr)
        return 1
    return 1 if options.insist and not all(kept) else 0


class _Bench:
    """Where it is measured, and the emulator that is installed there."""

    def __init__(self, work: Path) -> None:
        self.work = work
        self.wheel = find_wheel(work)
        self._full = Environment.create(work / "full")
        self._full.install(f"{self.wheel}[emulator]")
        self.environ = isolated_environ(work / "home", self._full.programs)
        self.gcr_emulator = self._full.program("gcr-emulator")
        self.serve = [self.gcr_emulator, "serve", "--port", "0", "--project", PROJECT]


def _measure_helper(bench: _Bench, quick: bool) -> bool:
    """Print what a get costs; True when the limit is kept."""
    environments = dict(_environments(bench.work, bench.wheel, quick=quick))
    environs = {
        name: isolated_environ(bench.work / f"{name}-home", each.programs)
        for name, each in environments.items()
    }
    serve = [*bench.serve, "--data", str(bench.work / "data")]
    runs = 10 if quick else 30
    with emulator(serve, environ=bench.environ, log=bench.work / "emulator.log") as ready:
        for name, environment in environments.items():
            fill_cache(environment, environs[name], bench.gcr_emulator, PROJECT, ready)
        cold = {
            name: time_cold(environment, environs[name], ready["registry"], runs=runs)
            for name, environment in environments.items()
        }
    # From here on nothing answers: what the helper gives comes from its cache.
    rows = {
        name: time_interleaved(environment, environs[name], ready["registry"], runs=runs)
        for name, environment in environments.items()
    }
    _print(rows)
    for name, median_ms in cold.items():
        print(f"cold get with a key, {name}: {median_ms:.0f} ms (median of {runs})", flush=True)
    helper, key = (
        environments["path"].program("docker-credential-gcr"),
        Path(environs["path"]["HOME"], "key.json"),
    )
    for row in measure_legacy_build(helper, key, environs["path"]):
        print(row, flush=True)
    slow = [name for name, times in rows.items() if times.ratio > LIMIT]
    if slow:
        print(f"a cached get costs more than {LIMIT} x bare Python: {', '.join(slow)}")
    return not slow


def _measure_registry(bench: _Bench, quick: bool) -> bool:
    """Print how soon the emulator is ready, and what its registry does in a second; always True."""
    seconds, rounds = (1.0, 1) if quick else (2.0, 5)
    for line in measure_registry(
        bench.serve, bench.environ, bench.work / "registry", PROJECT, seconds=seconds, rounds=rounds
    ):
        print(line, flush=True)
    return True


_PARTS = {"helper": _measure_helper, "registry": _measure_registry}


def _environments(work: Path, wheel: Path, *, quick: bool) -> Iterator[tuple[str, Environment]]:
    """Environments with the helper alone, made as people make them."""
    if not quick and Path(DEBIAN_PYTHON).exists():
        yield "debian", _install(Environment.create(work / "debian", DEBIAN_PYTHON), wheel)
    python = shutil.which("python3") or sys.executable
    yield "path", _install(Environment.create(work / "path", python), wheel)
    if not quick:
        current = Environment.create(work / "current", python)
        current.install("--upgrade", "pip")
        yield "current-pip", _install(current, wheel)


def _install(environment: Environment, wheel: Path) -> Environment:
    environment.install(str(wheel))
    return environment


def _print(rows: dict[str, Times]) -> None:
    print("environment   python -c pass      cached get          ratio")
    print("              median   best ms    median   best ms   of medians   of best five")
    for name, times in rows.items():
        medians = [statistics.median(values) for values in (times.bare, times.get)]
        print(
            f"{name:12} {medians[0]:8.2f} {times.bare[0]:8.2f} {medians[1]:10.2f} {times.get[0]:8.2f}"
            f" {times.ratio:11.2f} {times.best_ratio:13.2f}",
            flush=True,
        )
