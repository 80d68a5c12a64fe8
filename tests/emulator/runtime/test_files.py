"""Files that a user may not read: each command ends with one line, and `run` hides nothing (D25).

The directory has mode 000. Root may enter such a directory, and becomes another user for the test.
"""

import os
import socket
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from docker_credential_gcr.emulator.cli.main import cli
from docker_credential_gcr.emulator.runtime.files import find_status, format_os_error
from docker_credential_gcr.emulator.sandbox.run import find_engine_sockets, load_name_services
from docker_credential_gcr.emulator.server.certificate_authority import LOOPBACK, create_authority

Run = Callable[..., tuple[int, str, str]]

ANOTHER_USER = 65534
SERVER = ("--server", "https://127.0.0.1:1")  # nothing answers there
KEY = ("key", "create", "--project", "my-project", "--account", "ci", *SERVER)
CREDENTIAL = ("credentials", "create", "--type", "service_account", "--project", "my-project", *SERVER)
GRANT = ("iam", "grant", "--project", "my-project", "--role", "roles/viewer", "--member", "allUsers", *SERVER)
WEBHOOK = ("webhook", "create", "http://localhost:1/", *SERVER)
TRUST = ("trust", *SERVER, "--ca", "FOLDER/ca.pem", "--root", "FOLDER")
MOVE = ("move", "--database", "postgresql://localhost/x", "--storage", "s3://bucket")
CONTAINERD = "etc/containerd"
STORES = "usr/local/share"
AUTHORITIES = {
    "GCR_EMULATOR_DATA=FOLDER/closed/data": "closed/data/keys/ca.pem",
    "GCR_EMULATOR_READY_FILE=FOLDER/closed/ready": "closed/ready",
}
# (command, variable, the unreadable directory, the file in the message, the remedy)
CASES = [
    *(
        (command, variable, "closed", file, ": name the server's authority with --ca")
        for command in (
            ("env", *SERVER),
            ("trust", *SERVER),
            ("project", "list", *SERVER),
            ("repository", "list", *SERVER),
            ("account", "list", *SERVER),
            ("image", "list", *SERVER),
            ("events", *SERVER),
            ("webhook", "list", *SERVER),
            GRANT,
            (*KEY, "--output", "-"),
            (*CREDENTIAL, "--output", "-"),
            ("gc", *SERVER),
        )
        for variable, file in AUTHORITIES.items()
    ),
    ((*KEY, "--output", "FOLDER/closed/key.json"), "", "closed", "closed/key.json", ""),
    ((*CREDENTIAL, "--output", "FOLDER/closed/key.json"), "", "closed", "closed/key.json", ""),
    ((*WEBHOOK, "--secret-file", "FOLDER/closed/secret"), "", "closed", "closed/secret", ""),
    *(
        ((command, "--data", "FOLDER/closed/data"), "", "closed", "closed/data/keys", "")
        for command in ("gc", "fsck", "rebuild")
    ),
    ((*MOVE, "--data", "FOLDER/closed/data"), "", "closed", "closed/data/keys", ""),
    *(
        ((*TRUST, *options), "", CONTAINERD, f"{CONTAINERD}/certs.d/localhost:1/{file}", "")
        for options, file in (
            (("--apply",), "hosts.toml"),
            (("--remove", "--for", "containerd"), "gcr-emulator.crt"),
        )
    ),
    (("man", "--output", "FOLDER/closed/man1"), "", "closed", "closed/man1", ""),
    ((*TRUST, "--for", "system"), "", STORES, f"{STORES}/ca-certificates", ""),
]


@pytest.fixture
def folder() -> Iterator[Path]:
    """Yields a directory that all users may enter, unlike pytest's."""
    with tempfile.TemporaryDirectory(dir="/tmp") as name:
        path = Path(name)
        path.chmod(0o755)
        (path / "ca.pem").write_bytes(create_authority(["gcr.io"], LOOPBACK, time.time()).certificate_pem())
        for made in ("closed", CONTAINERD, f"{STORES}/ca-certificates"):
            (path / made).mkdir(parents=True)
        yield path


@contextmanager
def closed(path: Path) -> Iterator[None]:
    """Prevents this process from entering the directory, for a block."""
    user = os.geteuid()
    path.chmod(0)
    if user == 0:
        os.seteuid(ANOTHER_USER)
    try:
        yield
    finally:
        os.seteuid(user)
        path.chmod(0o755)


@pytest.mark.parametrize(
    ("command", "variable", "directory", "file", "remedy"),
    CASES,
    ids=[f"d25 {' '.join(command[:2])} {variable} {file}" for command, variable, _, file, _ in CASES],
)
def test_d25_command_that_may_not_look_names_the_file_in_one_line(
    run: Run,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    command: tuple[str, ...],
    variable: str,
    directory: str,
    file: str,
    remedy: str,
) -> None:
    arguments = [argument.replace("FOLDER", str(folder)) for argument in command]
    # Loads the libraries, as root: the other user may be unable to read them.
    run(*arguments)
    if variable:
        monkeypatch.setenv(*variable.replace("FOLDER", str(folder)).split("="))

    with closed(folder / directory):
        outcome = run(*arguments)

    assert outcome == (1, "", f"gcr-emulator: {folder / file}: Permission denied{remedy}\n")


def test_d25_serve_names_the_directory_that_it_may_not_use(run: Run, folder: Path) -> None:
    # Loads the libraries, as above.
    assert run("serve", "--port", "0", "--data", folder / "ca.pem")[0] == 1

    with closed(folder / "closed"):
        outcome = run("serve", "--port", "0", "--data", folder / "closed/data")

    assert outcome == (1, "", f"gcr-emulator: cannot use {folder}/closed/data: Permission denied\n")


def test_d25_every_command_that_looks_at_files_is_walked() -> None:
    # serve is tested above, run below and in test_run; other commands read no file.
    others = {"serve", "run", "hosts", "completion", "version", "migrate"}
    assert {command[0] for command, *_ in CASES} == set(cli.commands) - others


def test_d25_engine_that_this_user_cannot_reach_is_not_hidden(folder: Path) -> None:
    with closing(socket.socket(socket.AF_UNIX)) as docker, closing(socket.socket(socket.AF_UNIX)) as podman:
        (folder / "podman").mkdir()
        docker.bind(f"{folder}/docker.sock")
        podman.bind(f"{folder}/podman/podman.sock")
        environ = {"XDG_RUNTIME_DIR": str(folder)}
        reachable = find_engine_sockets(environ)
        with closed(folder / "podman"):
            reached = find_engine_sockets(environ)

    own = [[path for path in found if folder in path.parents] for found in (reachable, reached)]
    assert own == [[folder / "docker.sock", folder / "podman/podman.sock"], [folder / "docker.sock"]]


def test_d25_name_services_are_files_alone_also_where_the_file_cannot_be_read(folder: Path) -> None:
    path = folder / "closed/nsswitch.conf"
    path.write_text("passwd: files\nhosts: files dns\n")

    assert load_name_services(path) == "passwd: files\nhosts: files\n"
    assert load_name_services(folder / "none") is None
    with closed(path.parent):
        assert load_name_services(path) == "hosts: files\n"


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (OSError(13, "Permission denied", "/srv/data"), "/srv/data: Permission denied"),
        (OSError(24, "Too many open files"), "Too many open files"),
        (OSError("no certificate at /ca.pem"), "no certificate at /ca.pem"),
    ],
)
def test_fault_is_the_file_and_the_reason_without_a_number(error: OSError, line: str) -> None:
    assert format_os_error(error) == line


def test_status_is_none_where_nothing_is(folder: Path) -> None:
    assert find_status(folder / "none") is None
    assert find_status(folder / "ca.pem" / "none") is None
    assert find_status(folder / "ca.pem") == os.stat(folder / "ca.pem")
