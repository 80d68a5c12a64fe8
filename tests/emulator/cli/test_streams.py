"""Output to a device, a FIFO or /dev/stdout is written there: nothing is replaced or chmodded."""

import json
import os
import pty
import stat
import subprocess
import sys
import termios
import threading
import tty
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from docker_credential_gcr.files import write_file

LIMIT_S = 60
PROGRAM = [sys.executable, "-m", "docker_credential_gcr.emulator.cli.main"]
Run = Callable[..., tuple[int, str, str]]


class Stream:
    """Something at a path that is no regular file; `read` gives what was written, once its writer is done."""

    def __init__(self, path: Path, read: Callable[[], str]) -> None:
        self.path = path
        self.read = read
        self._before = self._look()

    def _look(self) -> tuple[int, int, int, int]:
        found = self.path.stat()
        return found.st_mode, found.st_rdev, found.st_ino, found.st_uid

    def is_untouched(self) -> bool:
        return self._look() == self._before


@pytest.fixture
def fifo(tmp_path: Path) -> Stream:
    path = tmp_path / "fifo"
    os.mkfifo(path, 0o644)
    parts: list[str] = []
    reader = threading.Thread(target=lambda: parts.append(path.read_text()), daemon=True)
    reader.start()

    def read() -> str:
        reader.join(LIMIT_S)
        return parts[0]

    return Stream(path, read)


@pytest.fixture
def terminal() -> Iterator[Stream]:
    """A character device that every user can make."""
    ours, theirs = pty.openpty()
    tty.setraw(theirs, termios.TCSANOW)
    yield Stream(Path(os.ttyname(theirs)), lambda: os.read(ours, 65536).decode())
    os.close(ours)
    os.close(theirs)


MAKES_DEVICES = pytest.mark.needs_root("make a device")


@pytest.fixture
def null(tmp_path: Path) -> Stream:
    """A second /dev/null: the machine's own is not for tests."""
    path = tmp_path / "null"
    try:
        os.mknod(path, stat.S_IFCHR | 0o666, os.makedev(1, 3))
        path.read_bytes()
    except PermissionError:
        pytest.skip("this file system has no devices: set TMPDIR to one that has them")
    return Stream(path, lambda: "")


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
