"""Output to a device, a FIFO or /dev/stdout: it is written, without replacing or chmod."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.child_processes import LIMIT_S
from support.streams import MAKES_DEVICES, Stream

from docker_credential_gcr.files import write_file

PROGRAM = [sys.executable, "-m", "docker_credential_gcr.emulator.cli.main"]
Run = Callable[..., tuple[int, str, str]]


# id: the command, which gets the path last
OUTPUTS = {
    "key": ["key", "create", "--project", "my-project", "--account", "ci", "--output"],
    "key-force": ["key", "create", "--project", "my-project", "--account", "ci", "--force", "--output"],
    **{
        kind: ["credentials", "create", "--type", kind, "--project", "my-project", "--output"]
        for kind in ("service_account", "authorized_user", "external_account", "metadata")
    },
    "subject-token": [
        *("credentials", "create", "--type", "external_account", "--project", "my-project"),
        *("--output", "-", "--subject-token-file"),
    ],
}


@pytest.mark.parametrize("command", OUTPUTS.values(), ids=OUTPUTS)
@pytest.mark.parametrize("kind", ["fifo", "terminal", pytest.param("null", marks=MAKES_DEVICES)])
def test_d16_a_stream_is_written(
    request: pytest.FixtureRequest, gcr_emulator: Any, run: Run, command: list[str], kind: str
) -> None:
    gcr_emulator.project()
    stream = request.getfixturevalue(kind)

    status, _, said = run(*command, stream.path, "--server", gcr_emulator.url)

    assert (status, stream.is_untouched()) == (0, True), said
    written = stream.read()
    if kind != "null":
        assert written.endswith("\n")
        assert "GCE_METADATA_HOST=" in written if "metadata" in command else json.loads(written)


@pytest.mark.parametrize("command", OUTPUTS.values(), ids=OUTPUTS)
def test_d27_standard_output_by_name_is_written(gcr_emulator: Any, command: list[str]) -> None:
    gcr_emulator.project()

    done = subprocess.run(
        [*PROGRAM, *command, "/dev/stdout", "--server", gcr_emulator.url],
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )

    assert (done.returncode, done.stdout[-1:]) == (0, "\n"), done.stderr


@pytest.mark.parametrize("kind", ["fifo", pytest.param("null", marks=MAKES_DEVICES)])
def test_d16_a_ready_file_that_is_a_stream_is_written(request: pytest.FixtureRequest, kind: str) -> None:
    stream = request.getfixturevalue(kind)
    command = [*PROGRAM, "serve", "--port", "0", "--ready-file", str(stream.path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        written = stream.read()
        process.terminate()
        process.communicate(timeout=LIMIT_S)

    assert (process.returncode, stream.is_untouched()) == (0, True)
    assert written == ("" if kind == "null" else line)


def test_d16_a_ready_file_that_is_never_read_holds_nothing_up(tmp_path: Path) -> None:
    path = tmp_path / "fifo"
    os.mkfifo(path)
    command = [*PROGRAM, "serve", "--port", "0", "--ready-file", str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        ready = json.loads(process.stdout.readline())
        process.terminate()
        process.communicate(timeout=LIMIT_S)

    assert (process.returncode, list(ready)[:2]) == (0, ["url", "registry"])


@pytest.mark.needs_root("give a file away")
def test_d16_the_fifo_of_another_user_gets_nothing(fifo: Stream) -> None:
    os.chown(fifo.path, 65534, 65534)

    with pytest.raises(PermissionError, match="belongs to another user"):
        write_file(fifo.path, b"secret")

    assert fifo.read() == ""
