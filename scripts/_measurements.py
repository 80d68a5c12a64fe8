"""Measures a cached get, the start of each command, and the emulator's rates and memory."""

import argparse
import os
import shutil
import statistics
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from _environment import WHEEL_VARIABLE, Failed, isolated_environ, make_environment, run, temporary_directory
from benchmarks import against, attacks, notifications, request_trace, scale, startup
from benchmarks import helper as helper_bench
from benchmarks.registry import measure as measure_registry
from benchmarks.revision import build_wheel, find_commit
from benchmarks.servers import run_emulator

AGAINST = "against"
LIMIT = 1.2
PROJECT = "bench-project"
DEBIAN_PYTHON = "/usr/bin/python3"


def main(arguments: list[str]) -> int:
    """Measures and prints; returns 1 if --assert is given and a limit is not kept."""
    options = parse(arguments)
    try:
        with temporary_directory() as work:
            if AGAINST in options.part:
                _measure_against(_Bench(work), options)
                return 0
            kept = [PARTS[part](_Bench(work), options.quick) for part in options.part or DEFAULT_PARTS]
    except Failed as failure:
        print(f"failed: {failure}", file=sys.stderr)
        return 1
    return 1 if options.insist and not all(kept) else 0


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Parses the options of scripts/bench; exits after --help, and with a usage error."""
    if AGAINST not in arguments:
        return _make_parser().parse_args(arguments)
    parser = against.make_parser()
    parser.set_defaults(part=[AGAINST])
    return parser.parse_args([argument for argument in arguments if argument != AGAINST])


def _make_parser() -> argparse.ArgumentParser:
    more = (
        f"scripts/bench {AGAINST} REVISION measures the registry next to an earlier revision: see its --help"
    )
    parser = argparse.ArgumentParser(
        prog="scripts/bench", description=__doc__, epilog=more, allow_abbrev=False
    )
    parser.add_argument("part", nargs="*", choices=[*PARTS, []], metavar="PART", help=_describe_parts())
    parser.add_argument("--quick", action="store_true", help="this Python alone, fewer and shorter runs")
    insist = f"fail when a cached get costs more than {LIMIT} x bare Python, or another limit is not kept"
    parser.add_argument("--assert", dest="insist", action="store_true", help=insist)
    return parser


def _describe_parts() -> str:
    return f"{' or '.join(PARTS)}; without PART all but {' and '.join(LONG_PARTS)}"


class _Bench:
    """The work directory of a measurement, and the command that starts the installed emulator."""

    def __init__(self, work: Path) -> None:
        self.work = work
        self.wheel = os.environ[WHEEL_VARIABLE]
        programs = Path(sys.executable).parent
        self.environ = isolated_environ(work / "home", programs)
        self.serve = [str(programs / "gcr-emulator"), "serve", "--port", "0", "--project", PROJECT]


def _measure_helper(bench: _Bench, quick: bool) -> bool:
    """Prints the cost of a get; returns whether the limit is kept."""
    installed = dict(_install_helper(bench, quick=quick))
    environs = {name: isolated_environ(bench.work / f"{name}-home", each) for name, each in installed.items()}
    rounds = helper_bench.QUICK_ROUNDS if quick else helper_bench.ROUNDS
    place = bench.work / "helper"
    with run_emulator(bench.serve, bench.environ, place, PROJECT) as server:
        registry, key = f"localhost:{server.port}", place / "key.json"
        for name, programs in installed.items():
            helper = programs / "docker-credential-gcr"
            source = ["--registries", registry, "--token-source", f"file:{key}"]
            run([str(helper), "configure-docker", *source], environ=environs[name])
            helper_bench.fetch_credential(helper, environs[name], registry)
            cold = _measure_cold(helper, environs[name], registry, rounds)
            print(f"cold get with a key, {name}: {cold:.0f} ms (median of {rounds})", flush=True)
    # The emulator is stopped: from here on the helper answers from its cache.
    rows = {name: helper_bench.measure_pairs(programs, environs[name], registry, rounds=rounds)
        for name, programs in installed.items()}  # fmt: skip
    _print(rows)
    for row in helper_bench.measure_legacy_build(
        installed["path"] / "docker-credential-gcr", key, environs["path"]
    ):
        print(row, flush=True)
    slow = [name for name, pairs in rows.items() if pairs.best_ratio > LIMIT]
    if slow:
        print(f"a cached get costs more than {LIMIT} x bare Python: {', '.join(slow)}")
    return not slow


def _measure_registry(bench: _Bench, quick: bool) -> bool:
    """Prints the emulator's start time and its registry's rates; always returns True."""
    seconds, rounds = (1.0, 1) if quick else (2.0, 5)
    for line in measure_registry(
        bench.serve, bench.environ, bench.work / "registry", PROJECT, seconds=seconds, rounds=rounds
    ):
        print(line, flush=True)
    return True


def _measure_attacks(bench: _Bench, _quick: bool) -> bool:
    """Prints the emulator's memory under each attack; returns whether the limit is kept."""
    kept = True
    for line, is_kept in attacks.measure(bench.serve, bench.environ, bench.work / "attacks", PROJECT):
        print(line if is_kept else f"{line}: not kept, the limit is {attacks.LIMIT // 2**20} MiB", flush=True)
        kept &= is_kept
    return kept


def _measure_startup(bench: _Bench, quick: bool) -> bool:
    """Prints the cost of the start of each command; returns whether every limit is kept."""
    # Installed as users do: pip compiles, while the session's own environment may have no byte code.
    programs = make_environment(bench.work / "environment", _find_python(), f"{bench.wheel}[emulator]")
    rounds = startup.QUICK_ROUNDS if quick else startup.ROUNDS
    kept = True
    for line, is_kept in startup.measure(programs, bench.work / "startup", PROJECT, rounds=rounds):
        print(line, flush=True)
        kept &= is_kept
    return kept


def _measure_scale(bench: _Bench, quick: bool) -> bool:
    """Prints the cost of servers on PostgreSQL and an object store; returns whether the limits are kept."""
    seconds, rounds = (1.0, 1) if quick else (4.0, 5)
    kept = True
    for line, is_kept in scale.measure(
        bench.serve, bench.environ, bench.work / "scale", PROJECT, seconds=seconds, rounds=rounds
    ):
        print(line if is_kept else f"{line}: not kept", flush=True)
        kept &= is_kept
    return kept


def _measure_notifications(bench: _Bench, quick: bool) -> bool:
    """Prints the rates of pushes next to subscribers; returns whether the limit is kept."""
    pairs = against.QUICK_PAIRS if quick else against.PAIRS
    kept = True
    for line, is_kept in notifications.measure(
        bench.serve, bench.environ, bench.work / "notifications", PROJECT, seconds=1.0, pairs=pairs
    ):
        print(line if is_kept else f"{line}: not kept, the limit is {notifications.LIMIT}", flush=True)
        kept &= is_kept
    return kept


def _trace_requests(bench: _Bench, _quick: bool) -> bool:
    """Prints the modules that some requests enter; always returns True."""
    for line in request_trace.measure(bench.environ, bench.work / "trace"):
        print(line, flush=True)
    return True


def _measure_against(bench: _Bench, options: argparse.Namespace) -> None:
    """Prints the registry's rates next to an earlier revision, both installed in the same way."""
    commit = find_commit(options.revision)
    wheels = {"before": str(build_wheel(commit, bench.work / "revision", sys.executable)), "now": bench.wheel}
    print(f"before is {commit}", flush=True)
    revisions = []
    for name, wheel in wheels.items():
        programs = make_environment(bench.work / name, _find_python(), f"{wheel}[emulator]")
        revision = against.InstalledRevision(name, programs)
        if options.workers is not None:
            revision = revision.with_workers(options.workers)
            print(f"{name}: {' '.join(revision.options) or 'serve has no --workers'}", flush=True)
        revisions.append(revision)
    for line in against.measure(
        revisions, bench.work / AGAINST, PROJECT, only=options.only, quick=options.quick
    ):
        print(line, flush=True)


PARTS = {
    "helper": _measure_helper,
    "startup": _measure_startup,
    "registry": _measure_registry,
    "attacks": _measure_attacks,
    "notifications": _measure_notifications,
    "trace": _trace_requests,
    "scale": _measure_scale,
}
# Others take long, or need programs of their own: PostgreSQL and SeaweedFS.
LONG_PARTS = ("notifications", "scale")
DEFAULT_PARTS = [part for part in PARTS if part not in LONG_PARTS]


def _find_python() -> str:
    return shutil.which("python3") or sys.executable


def _install_helper(bench: _Bench, *, quick: bool) -> Iterator[tuple[str, Path]]:
    """Yields environments with the helper alone, made as users do; each Python with its own pip."""
    python = _find_python()
    yield "path", make_environment(bench.work / "path", python, bench.wheel)
    if quick:
        return
    if Path(DEBIAN_PYTHON).exists():
        yield "debian", make_environment(bench.work / "debian", DEBIAN_PYTHON, bench.wheel)
    programs = make_environment(bench.work / "current-pip", python, "--upgrade", "pip")
    run([str(programs / "python"), "-m", "pip", "--quiet", "install", bench.wheel])
    yield "current-pip", programs


def _measure_cold(helper: Path, environ: dict[str, str], registry: str, rounds: int) -> float:
    """Returns the milliseconds of a get without a cached token, which asks the token endpoint."""
    question = Path(environ["HOME"], "server-url")
    question.write_text(registry)
    uncached = {**environ, "DOCKER_CREDENTIAL_GCR_CACHE": "off"}
    return statistics.median(
        helper_bench.measure([str(helper), "get"], uncached, question) for _ in range(rounds)
    )


def _print(rows: dict[str, helper_bench.Pairs]) -> None:
    print("environment   python -c pass      cached get          ratio")
    print("              median   best ms    median   best ms   of pairs   of best five")
    for name, pairs in rows.items():
        medians = [statistics.median(values) for values in (pairs.bare, pairs.command)]
        print(
            f"{name:12} {medians[0]:8.2f} {min(pairs.bare):8.2f} {medians[1]:10.2f} {min(pairs.command):8.2f}"
            f" {pairs.ratio:11.2f} {pairs.best_ratio:13.2f}",
            flush=True,
        )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
