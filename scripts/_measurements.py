"""What a cached get costs over bare Python, and what the emulator does in a second."""

import argparse
import shutil
import statistics
import sys
from collections.abc import Iterator
from pathlib import Path

from _cached_get import Times, fill_cache, time_cold, time_interleaved
from _emulator_process import emulator
from _emulator_rates import measure
from _environment import Environment, Failed, find_wheel, isolated_environ, workplace
from _legacy_build import measure as measure_legacy_build

LIMIT = 1.4
PROJECT = "bench-project"
DEBIAN_PYTHON = "/usr/bin/python3"


def main(arguments: list[str]) -> int:
    """Measure and print; 1 when asked to assert the limit and it is not kept."""
    parser = argparse.ArgumentParser(prog="scripts/bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="this Python alone, fewer runs")
    parser.add_argument(
        "--assert", dest="insist", action="store_true", help=f"fail above {LIMIT} x bare Python"
    )
    options = parser.parse_args(arguments)
    try:
        with workplace() as work:
            rows = _measure(work, quick=options.quick)
    except Failed as failure:
        print(f"failed: {failure}", file=sys.stderr)
        return 1
    slow = [name for name, times in rows.items() if times.ratio > LIMIT]
    if slow:
        print(f"a cached get costs more than {LIMIT} x bare Python: {', '.join(slow)}")
    return 1 if slow and options.insist else 0


def _measure(work: Path, *, quick: bool) -> dict[str, Times]:
    wheel = find_wheel(work)
    environments = dict(_environments(work, wheel, quick=quick))
    full = Environment(work / "full")
    full.install(f"{wheel}[emulator]")
    environs = {name: isolated_environ(work / f"{name}-home", e.programs) for name, e in environments.items()}
    serving = isolated_environ(work / "home", full.programs)
    serve = [full.program("gcr-emulator"), "serve", "--port", "0", "--project", PROJECT]
    serve += ["--data", str(work / "data")]
    runs = 10 if quick else 30
    with emulator(serve, environ=serving, log=work / "emulator.log") as ready:
        for name, environment in environments.items():
            fill_cache(environment, environs[name], full.program("gcr-emulator"), PROJECT, ready)
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
    for line in measure(serve, serving, work, PROJECT, seconds=1.0 if quick else 3.0):
        print(line, flush=True)
    return rows


def _environments(work: Path, wheel: Path, *, quick: bool) -> Iterator[tuple[str, Environment]]:
    """Environments with the helper alone, made as people make them."""
    if not quick and Path(DEBIAN_PYTHON).exists():
        yield "debian", _install(Environment(work / "debian", DEBIAN_PYTHON), wheel)
    python = shutil.which("python3") or sys.executable
    yield "path", _install(Environment(work / "path", python), wheel)
    if not quick:
        current = Environment(work / "current", python)
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
