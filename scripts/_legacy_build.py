"""What a legacy `docker build` spends in the helper: it asks for every entry of credHelpers, one by one.

tests/clients holds that docker does so; here the same calls are made without docker.
"""

import json
import shutil
import statistics
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from _environment import Failed

ENTRIES = 96
# gcloud's helper takes most of a second a call: a few are measured, and multiplied.
_GCLOUD_CALLS = 5
_GCLOUD_HOST = "gcr.io"


@dataclass(frozen=True)
class Row:
    """What all entries cost with one helper, from as many calls as were measured."""

    helper: str
    calls: int
    total_s: float

    def __str__(self) -> str:
        how = "measured" if self.calls == ENTRIES else f"{self.calls} measured, multiplied"
        return f"legacy build, {ENTRIES} credHelpers: {self.helper:6} {self.total_s:7.2f} s ({how})"


def measure(helper: str, key: Path, environ: Mapping[str, str]) -> list[Row]:
    """Our helper answering for 96 hosts with one key from its cache, and gcloud's where it is installed."""
    configuration = Path(environ["HOME"], "legacy-build.json")
    hosts = [f"localhost:{10_000 + number}" for number in range(ENTRIES)]
    registries = {host: {"TokenSources": [f"file:{key}"]} for host in hosts}
    configuration.write_text(json.dumps({"Registries": registries}))
    ours = {**environ, "DOCKER_CREDENTIAL_GCR_CONFIG": str(configuration)}
    _time_get(helper, hosts[0], ours)
    rows = [Row("ours", ENTRIES, sum(_time_get(helper, host, ours) for host in hosts))]
    if gcloud := shutil.which("docker-credential-gcloud", path=environ["PATH"]):
        # Its helper prints any token that it is given.
        theirs = {**environ, "CLOUDSDK_AUTH_ACCESS_TOKEN": "none"}
        times = [_time_get(gcloud, _GCLOUD_HOST, theirs) for _ in range(_GCLOUD_CALLS)]
        rows.append(Row("gcloud", _GCLOUD_CALLS, statistics.median(times) * ENTRIES))
    return rows


def _time_get(helper: str, host: str, environ: Mapping[str, str]) -> float:
    """How many seconds the helper takes to answer. Raises Failed when it has no answer."""
    begun = time.perf_counter()
    done = subprocess.run(
        [helper, "get"], input=host, env=environ, capture_output=True, text=True, check=False
    )
    elapsed = time.perf_counter() - begun
    if done.returncode != 0:
        raise Failed(f"{helper} get: {done.stdout}{done.stderr}".rstrip())
    return elapsed
