"""Cost of a cached `get` next to `python -c pass` of the same environment, in pairs, measured by pyperf.

As a program it is one measurement: helper.py '["STDIN", ["COMMAND", "ARGUMENT"]]' [PYPERF OPTIONS]
"""

import json
import os
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# pyperf runs this file as a program.
sys.path.append(str(Path(__file__).parents[1]))

from _environment import Failed, run

ROUNDS, QUICK_ROUNDS = 15, 9
VALUES = 5
LEGACY_HOSTS = 96
BEST = 5


@dataclass(frozen=True)
class Pairs:
    """Milliseconds of both commands in each round: the median of the round's values."""

    bare: list[float]
    command: list[float]

    @property
    def ratio(self) -> float:
        """Returns the median of the ratios of the pairs."""
        return statistics.median(mine / bare for bare, mine in zip(self.bare, self.command, strict=True))

    @property
    def best_ratio(self) -> float:
        """Returns the ratio of the means of the best five, which a busy machine disturbs least."""
        return statistics.mean(sorted(self.command)[:BEST]) / statistics.mean(sorted(self.bare)[:BEST])


def measure_pairs(programs: Path, environ: Mapping[str, str], registry: str, *, rounds: int) -> Pairs:
    """Measures both commands in turn, so that other load of the machine affects both."""
    question = Path(environ["HOME"], "server-url")
    question.write_text(registry)
    bare, get = [], []
    for _ in range(rounds):
        bare.append(measure([str(programs / "python"), "-c", "pass"], environ, question))
        get.append(measure([str(programs / "docker-credential-gcr"), "get"], environ, question))
    return Pairs(bare, get)


def measure(command: Sequence[str], environ: Mapping[str, str], stdin: Path) -> float:
    """Returns the median of pyperf's values of one process, in milliseconds."""
    import pyperf  # type: ignore[import-untyped]

    output = Path(environ["HOME"], "measured.json")
    output.unlink(missing_ok=True)
    options = ["--processes=1", "--warmups=1", f"--values={VALUES}", "--quiet", f"--output={output}"]
    inherited = f"--inherit-environ={','.join(environ)}"
    given = json.dumps([str(stdin), command])
    run([sys.executable, "-B", __file__, given, *options, inherited], environ=environ)
    return float(pyperf.Benchmark.load(str(output)).median() * 1000)


def fetch_credential(helper: Path, environ: Mapping[str, str], registry: str) -> None:
    """Asks the helper for the registry's credential. Raises Failed if it has none."""
    done = subprocess.run(
        [helper, "get"], input=registry, env=environ, capture_output=True, text=True, check=False
    )
    if done.returncode != 0 or '"Secret"' not in done.stdout:
        raise Failed(f"{helper} get: exit status {done.returncode}\n{done.stdout}{done.stderr}".rstrip())


def measure_legacy_build(helper: Path, key: Path, environ: Mapping[str, str]) -> Iterator[str]:
    """Yields a line for each helper: the time of a legacy `docker build` in it, which asks for every host."""
    hosts = [f"localhost:{10_000 + number}" for number in range(LEGACY_HOSTS)]
    settings, question = Path(environ["HOME"], "legacy-build.json"), Path(environ["HOME"], "server-url")
    source = {"TokenSources": [f"file:{key}"]}
    settings.write_text(json.dumps({"Registries": dict.fromkeys(hosts, source)}))
    # gcloud's helper prints any token from this variable.
    given = {"DOCKER_CREDENTIAL_GCR_CONFIG": str(settings), "CLOUDSDK_AUTH_ACCESS_TOKEN": "none"}
    fetch_credential(helper, {**environ, **given}, hosts[0])
    gcloud = shutil.which("docker-credential-gcloud", path=environ["PATH"])
    for program, host in ((str(helper), hosts[0]), (gcloud, "gcr.io")):
        if program:
            question.write_text(host)
            total_s = measure([program, "get"], {**environ, **given}, question) / 1000 * LEGACY_HOSTS
            yield f"legacy build, {LEGACY_HOSTS} credHelpers: {total_s:6.2f} s, {Path(program).name}"


def time_spawn(command: list[str], environ: Mapping[str, str], stdin: Path | str) -> float:
    """Returns the seconds from the command's start to its end. Raises Failed if it fails."""
    # posix_spawn: the parent itself uses only a few microseconds between start and end.
    files: list[Any] = [
        (os.POSIX_SPAWN_OPEN, 0, stdin, os.O_RDONLY, 0),
        (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0),
        (os.POSIX_SPAWN_OPEN, 2, os.devnull, os.O_WRONLY, 0),
    ]
    started = time.perf_counter()
    pid = os.posix_spawn(command[0], command, environ, file_actions=files)
    _, status = os.waitpid(pid, 0)
    elapsed_s = time.perf_counter() - started
    if status != 0:
        raise Failed(f"{' '.join(command)}: exit status {os.waitstatus_to_exitcode(status)}")
    return elapsed_s


def _time_spawns(loops: int, stdin: str, command: list[str]) -> float:
    return sum(time_spawn(command, os.environ, stdin) for _ in range(loops))


if __name__ == "__main__":
    import pyperf

    given = sys.argv.pop(1)
    runner = pyperf.Runner(program_args=(__file__, given), loops=1)
    runner.bench_time_func("spawn", _time_spawns, *json.loads(given))
