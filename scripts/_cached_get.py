"""Times a cached get, run as Docker runs it, against `python -c pass` of the same environment."""

import os
import statistics
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from _environment import Environment, Failed, run

_BEST = 5


@dataclass(frozen=True)
class Times:
    """Milliseconds, sorted, of as many runs each."""

    bare: list[float]
    get: list[float]

    @property
    def ratio(self) -> float:
        """Of the medians."""
        return statistics.median(self.get) / statistics.median(self.bare)

    @property
    def best_ratio(self) -> float:
        """Of the means of the best five, which a busy machine disturbs least."""
        return statistics.mean(self.get[:_BEST]) / statistics.mean(self.bare[:_BEST])


def fill_cache(
    environment: Environment,
    environ: Mapping[str, str],
    gcr_emulator: str,
    project: str,
    ready: Mapping[str, Any],
) -> None:
    """Configure the helper for the emulator's registry, and let it fetch its first token."""
    key = Path(environ["HOME"], "key.json")
    create = ["key", "create", "--server", ready["url"], "--project", project, "--account", "bench"]
    run([gcr_emulator, *create, "--role", "roles/viewer", "--output", str(key)], environ=environ)
    helper = environment.program("docker-credential-gcr")
    configure = ["configure-docker", "--registries", ready["registry"], "--token-source", f"file:{key}"]
    run([helper, *configure], environ=environ)
    _get(helper, environ, ready["registry"])


def time_interleaved(
    environment: Environment, environ: Mapping[str, str], registry: str, *, runs: int
) -> Times:
    """Run both by turns, so that whatever else the machine does hits both."""
    helper = environment.program("docker-credential-gcr")
    _get(helper, environ, registry)
    question = Path(environ["HOME"], "server-url")
    question.write_text(registry)
    bare, get = [], []
    for _ in range(runs):
        bare.append(_time([environment.program("python"), "-c", "pass"], environ, question))
        get.append(_time([helper, "get"], environ, question))
    return Times(sorted(bare), sorted(get))


def time_cold(environment: Environment, environ: Mapping[str, str], registry: str, *, runs: int) -> float:
    """Milliseconds, the median, of a get that finds no cached token and asks the token endpoint."""
    helper = environment.program("docker-credential-gcr")
    question = Path(environ["HOME"], "server-url")
    question.write_text(registry)
    uncached = {**environ, "DOCKER_CREDENTIAL_GCR_CACHE": "off"}
    return statistics.median(_time([helper, "get"], uncached, question) for _ in range(runs))


def _get(helper: str, environ: Mapping[str, str], registry: str) -> None:
    done = subprocess.run(
        [helper, "get"], input=registry, env=environ, capture_output=True, text=True, check=False
    )
    if done.returncode != 0 or '"Secret"' not in done.stdout:
        raise Failed(
            f"docker-credential-gcr get: exit status {done.returncode}\n{done.stdout}{done.stderr}".rstrip()
        )


def _time(command: list[str], environ: Mapping[str, str], stdin: Path) -> float:
    # posix_spawn: the parent's own work between start and end is a few microseconds.
    files = [
        (os.POSIX_SPAWN_OPEN, 0, str(stdin), os.O_RDONLY, 0),
        (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0),
    ]
    started = time.perf_counter()
    pid = os.posix_spawn(command[0], command, environ, file_actions=files)
    _, status = os.waitpid(pid, 0)
    elapsed = time.perf_counter() - started
    if status != 0:
        raise Failed(f"{' '.join(command)}: exit status {os.waitstatus_to_exitcode(status)}")
    return elapsed * 1000
