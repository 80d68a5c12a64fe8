"""Entry point of gcr-emulator: help, version, and a reader that closes the pipe."""

import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any

from docker_credential_gcr import __version__

Emulator = Any
Run = Callable[..., tuple[int, str, str]]


def test_a_reader_that_goes_away_gets_no_traceback(gcr_emulator: Emulator) -> None:
    gcr_emulator.project("my-project")
    reading, writing = os.pipe()
    os.close(reading)

    listed = subprocess.run(
        [sys.executable, "-m", "docker_credential_gcr.emulator.cli.main", "project", "list"],
        env={**os.environ, "GCR_EMULATOR_URL": gcr_emulator.url},
        stdout=writing,
        stderr=subprocess.PIPE,
        text=True,
        timeout=60,
        check=False,
    )
    os.close(writing)

    assert (listed.returncode, listed.stderr) == (1, "")


def test_version_and_help_exit_with_zero(run: Run) -> None:
    assert run("--version") == (0, f"gcr-emulator, version {__version__}\n", "")
    code, out, err = run("--help")
    assert (code, out.startswith("Usage: gcr-emulator"), err) == (0, True, "")
