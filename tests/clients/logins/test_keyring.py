"""Logins in the keyring of a desktop: a Secret Service on a separate bus, and a bus without one."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

SERVER_URL = "https://index.docker.io/v1/"
TRIPLE = {"ServerURL": SERVER_URL, "Username": "me", "Secret": "s3cret"}
# A password unlocks the keyring, which keeps the helper's logins until the bus ends.
SECRET_SERVICE = f"""
printf password | gnome-keyring-daemon --unlock --components=secrets > /dev/null
helper() {{ printf %s "$2" | docker-credential-gcr "$1"; echo "$1: $?"; }}
helper store '{json.dumps(TRIPLE)}'
helper get {SERVER_URL}
helper erase {SERVER_URL}
helper get {SERVER_URL}
"""


@pytest.fixture
def on_a_bus(
    find_client: Callable[[str], Any], environ: dict[str, str], tmp_path: Path
) -> Callable[..., "subprocess.CompletedProcess[str]"]:
    """Runs a shell script on a session bus that ends with it."""
    program = find_client("dbus-run-session").program
    environ["DOCKER_CREDENTIAL_GCR_KEYRING"] = "keyring"

    def run(script: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [program, "--", "sh", "-c", script],
            env=environ,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=60,
        )

    return run


@pytest.mark.skipif(sys.platform != "linux", reason="the Secret Service is Linux's")
def test_a_secret_service_keeps_a_login(
    on_a_bus: Callable[..., Any], find_client: Callable[[str], Any]
) -> None:
    find_client("gnome-keyring-daemon")

    done = on_a_bus(SECRET_SERVICE)

    assert done.stdout.splitlines() == [
        "store: 0",
        json.dumps(TRIPLE, separators=(",", ":")),
        "get: 0",
        "erase: 0",
        "credentials not found in native keychain",
        "get: 1",
    ]
    assert "s3cret" not in done.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="the Secret Service is Linux's")
def test_a_bus_without_a_secret_service_is_no_keyring(on_a_bus: Callable[..., Any]) -> None:
    done = on_a_bus(f"printf %s '{json.dumps(TRIPLE)}' | docker-credential-gcr store")

    assert done.returncode == 1
    assert "set DOCKER_CREDENTIAL_GCR_KEYRING=file to store logins in a private file" in done.stderr
    assert "s3cret" not in done.stdout + done.stderr
