"""Output to a device, a FIFO or /dev/stdout is written there: nothing is replaced, read back or chmodded."""

import base64
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

from docker_credential_gcr import files

LIMIT_S = 60


class Stream:
    """Something at a path that is no regular file; `read` gives what was written, once its writer is done."""

    def __init__(self, path: str, read: Callable[[], str]) -> None:
        self.path = path
        self.read = read
        self._before = self._look()

    def _look(self) -> tuple[int, int, int, int]:
        found = os.stat(self.path)
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

    return Stream(str(path), read)


@pytest.fixture
def terminal() -> Iterator[Stream]:
    """A character device that every user can make."""
    ours, theirs = pty.openpty()
    tty.setraw(theirs, termios.TCSANOW)
    yield Stream(os.ttyname(theirs), lambda: os.read(ours, 65536).decode())
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
    return Stream(str(path), lambda: "")


@pytest.fixture
def writer(cli: Any) -> Any:
    """The program with a token for Google's hosts."""
    (cli.directory / "token").write_text("ya29.file")
    cli.write(cli.own, json.dumps({"TokenSources": [f"token-file:{cli.directory}/token"]}))
    return cli


AUTHS = {"auths": {"gcr.io": {"auth": "b2F1dGgyYWNjZXNzdG9rZW46eWEyOS5maWxl"}}}
SECRET = {
    "apiVersion": "v1",
    "kind": "Secret",
    "metadata": {"name": "gcr-pull-secret"},
    "type": "kubernetes.io/dockerconfigjson",
    "data": {
        ".dockerconfigjson": base64.b64encode(json.dumps(AUTHS, separators=(",", ":")).encode()).decode()
    },
}
HELPERS = {"credHelpers": {"gcr.io": "gcr"}}
# id: (the command, which gets the path last; what is written)
OUTPUTS: dict[str, tuple[list[str], object]] = {
    **{
        f"write-auth-{form}": (
            ["write-auth", "--format", form, "--registries", "gcr.io", "--output"],
            document,
        )
        for form, document in [("docker", AUTHS), ("containers", AUTHS), ("kubernetes", SECRET)]
    },
    "configure-docker": (["configure-docker", "--registries", "gcr.io", "--authfile"], HELPERS),
}
D16 = pytest.mark.parametrize(("command", "document"), OUTPUTS.values(), ids=OUTPUTS)


@D16
@pytest.mark.parametrize("kind", ["fifo", "terminal", pytest.param("null", marks=MAKES_DEVICES)])
def test_d16_a_stream_is_written(
    request: pytest.FixtureRequest, writer: Any, command: list[str], document: object, kind: str
) -> None:
    stream = request.getfixturevalue(kind)

    outcome = writer(*command, stream.path)

    assert (outcome.status, outcome.stdout) == (0, "")
    assert stream.is_untouched()
    written = stream.read()
    assert written == "" if kind == "null" else json.loads(written) == document
    assert list(writer.directory.rglob("*.tmp")) == []


def test_d16_a_link_to_a_stream_is_followed(writer: Any, fifo: Stream) -> None:
    link = writer.directory / "link"
    link.symlink_to(fifo.path)

    outcome = writer("write-auth", "--format", "docker", "--registries", "gcr.io", "--output", str(link))

    assert (outcome.status, json.loads(fifo.read()), link.is_symlink()) == (0, AUTHS, True)


@MAKES_DEVICES
@pytest.mark.parametrize("arguments", [["--token-source", "env"], ["--unset-all"]], ids=["set", "unset-all"])
def test_d16_a_device_as_the_configuration_stays(cli: Any, null: Stream, arguments: list[str]) -> None:
    outcome = cli("config", *arguments, DOCKER_CREDENTIAL_GCR_CONFIG=null.path)

    assert (outcome.status, outcome.stdout, null.is_untouched()) == (0, "", True)


@D16
@pytest.mark.parametrize("name", ["/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"])
def test_d27_standard_output_by_name_ends(
    writer: Any, command: list[str], document: object, name: str
) -> None:
    run = subprocess.run(
        [sys.executable, "-m", "docker_credential_gcr", *command, name],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        env=writer.environ,
        timeout=LIMIT_S,
        check=False,
    )

    assert (run.returncode, json.loads(run.stdout)) == (0, document)


def test_d27_standard_output_in_a_file_is_appended_to(writer: Any) -> None:
    path = writer.directory / "out"
    command = [sys.executable, "-m", "docker_credential_gcr", *OUTPUTS["write-auth-docker"][0], "/dev/stdout"]
    with path.open("w") as file:
        file.write("before\n")
        file.flush()
        subprocess.run(command, stdout=file, env=writer.environ, timeout=LIMIT_S, check=True)

    first, _, rest = path.read_text().partition("\n")
    assert (first, json.loads(rest)) == ("before", AUTHS)


@pytest.mark.needs_root("give a file away")
def test_d16_the_fifo_of_another_user_gets_nothing(fifo: Stream) -> None:
    os.chown(fifo.path, 65534, 65534)

    with pytest.raises(PermissionError, match="belongs to another user"):
        files.write_file(fifo.path, b"secret")

    assert fifo.read() == ""
