"""The real gcloud, with the directory and the metadata server that `gcr-emulator credentials` prepares."""

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from support.registry_client import RegistryClient

from docker_credential_gcr.emulator.cli.main import main

pytestmark = pytest.mark.skipif(
    shutil.which("gcloud") is None, reason="gcloud is not installed: apt-get install google-cloud-cli"
)


def run_gcloud(environ: dict[str, str], *arguments: str) -> str:
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    done = subprocess.run(
        ["gcloud", *arguments],
        env={**kept, **environ},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def ask_registry(gcr_emulator: Any, token: str) -> int:
    client = RegistryClient(gcr_emulator.url, ("_dcgcloud_token", token))
    return int(client.ask_token("repository:my-project/app:pull,push").status_code)


@pytest.mark.parametrize("kind", ["gcloud", "metadata"])
def test_gcloud_signs_in_with_what_was_made_for_it(gcr_emulator: Any, tmp_path: Path, kind: str) -> None:
    gcr_emulator.project()
    path = tmp_path / kind
    arguments = ["--type", kind, "--role", "roles/editor", "--output", str(path)]
    assert main(["credentials", "create", "--server", gcr_emulator.url, *arguments]) == 0
    if kind == "gcloud":
        environ = {"CLOUDSDK_CONFIG": str(path)}
    else:
        lines = path.read_text().splitlines()
        environ = {"CLOUDSDK_CONFIG": str(tmp_path / "config"), **dict(line.split("=", 1) for line in lines)}

    token = run_gcloud(environ, "auth", "print-access-token")

    assert ask_registry(gcr_emulator, token) == 200
