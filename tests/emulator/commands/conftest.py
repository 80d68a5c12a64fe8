"""Runs a gcr-emulator command in this process."""

import os
from collections.abc import Callable

import pytest

from docker_credential_gcr.emulator.cli import main

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a command in this process: exit code, stdout, stderr."""
    for name in [name for name in os.environ if name.startswith("GCR_EMULATOR_")]:
        monkeypatch.delenv(name)

    def call(*arguments: object) -> tuple[int, str, str]:
        code = main([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call
