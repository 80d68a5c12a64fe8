"""Unwritable config.json: the messages of the commands, and that no record of the change stays."""

import errno
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

DIRECTORY = "make its directory writable for this user: the old file is replaced by a new one"
ROOM = "make room on its file system"
MOUNT = "it is a mount point, which cannot be replaced"
MOUNT_HINT = "mount its directory instead, or change the file that is mounted there"
FAULTS = {
    "EBUSY": (MOUNT, MOUNT_HINT),
    "EACCES": (os.strerror(errno.EACCES), DIRECTORY),
    "EPERM": (os.strerror(errno.EPERM), DIRECTORY),
    "EROFS": (os.strerror(errno.EROFS), DIRECTORY),
    "ENOSPC": (os.strerror(errno.ENOSPC), ROOM),
    "EDQUOT": (os.strerror(errno.EDQUOT), ROOM),
}
CONFIGURE = ("configure-docker", "--registries", "gcr.io,us.gcr.io")
WRITE = ("write-auth", "--format", "docker", "--registries", "us.gcr.io")


@pytest.fixture
def home(cli: Any) -> Path:
    """Returns a home with a config.json that gives gcr.io to the helper, and a token for Google's hosts."""
    (cli.directory / "token").write_text("ya29.file")
    cli("config", "--token-source", f"token-file:{cli.directory}/token")
    assert cli("configure-docker", "--registries", "gcr.io").status == 0
    return cli.home


def list_files(home: Path) -> dict[str, str]:
    return {str(path): path.read_text() for path in home.rglob("*") if path.is_file()}


def fail(cli: Any, code: str, *arguments: str) -> tuple[int, str, str]:
    """Runs a command while config.json cannot be replaced."""
    preparation = (
        "real = os.replace\n"
        "def fail(source, target):\n"
        f"    if target != {str(cli.docker)!r}: return real(source, target)\n"
        f"    raise OSError(errno.{code}, os.strerror(errno.{code}))\n"
        "os.replace = fail"
    )
    outcome: tuple[int, str, str] = cli.run_prepared(preparation, *arguments)
    return outcome


@pytest.mark.parametrize("code", FAULTS, ids=lambda code: f"I-Z62-{code}")
@pytest.mark.parametrize("arguments", [CONFIGURE, WRITE, ("unconfigure-docker",)], ids=lambda given: given[0])
def test_z62_the_fault_and_what_mends_it_are_told_and_nothing_is_left(
    cli: Any, home: Path, code: str, arguments: tuple[str, ...]
) -> None:
    before, (reason, hint) = list_files(home), FAULTS[code]
    if arguments[0] == "unconfigure-docker":  # else the file would be removed
        cli.docker.write_text('{"a": 1, "credHelpers": {"gcr.io": "gcr"}}')
        before = list_files(home)

    outcome = fail(cli, code, *arguments)

    told = f"docker-credential-gcr: cannot write {str(cli.docker)!r}: {reason}\nhint: {hint}\n"
    assert outcome == (1, "", told)
    assert list_files(home) == before


@pytest.mark.usefixtures("home")
def test_z62_the_record_keeps_what_was_changed_before_the_fault(cli: Any, make_key: Any) -> None:
    key = make_key()
    before = cli.docker.read_text()

    fail(cli, "EBUSY", *CONFIGURE, "--token-source", f"file:{key}")
    status, _, told = vars(cli("unconfigure-docker", "--dry-run")).values()

    assert (status, told) == (0, "gcr.io: would be unconfigured\n")
    assert cli.docker.read_text() == before


@pytest.mark.needs("unshare", "mount")
@pytest.mark.needs_root("mount a file")
def test_z62_a_mounted_config_json_is_told_of_and_left_and_nothing_is_recorded(cli: Any) -> None:
    cli.write(cli.docker, "{}")
    seen = cli.directory / "seen"
    seen.write_text("{}")
    program = f"{sys.executable} -m docker_credential_gcr"
    script = f"mount --bind {seen} {cli.docker} && exec {program} configure-docker --registries gcr.io"
    unshare = str(shutil.which("unshare"))

    done = subprocess.run(
        [unshare, "--mount", "sh", "-c", script], env=cli.environ, capture_output=True, text=True, timeout=60
    )
    after = cli("unconfigure-docker", "--registries", "gcr.io")

    told = f"docker-credential-gcr: cannot write {str(cli.docker)!r}: {MOUNT}\nhint: {MOUNT_HINT}\n"
    assert (done.returncode, done.stdout, done.stderr) == (1, "", told)
    assert (after.status, after.stderr) == (0, "gcr.io: not configured\n")
    assert list_files(cli.home) == {str(cli.docker): "{}"}
