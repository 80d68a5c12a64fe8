"""Options for the server, the token and names, and the messages about bad values."""

import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Emulator = Any
Run = Callable[..., tuple[int, str, str]]


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])


def test_the_server_comes_from_the_environment(
    gcr_emulator: Emulator, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    gcr_emulator.project("my-project")
    monkeypatch.setenv("GCR_EMULATOR_URL", gcr_emulator.url + "/")

    code, out, err = run("project", "list")

    assert (code, out.splitlines()[1].split()[0], err) == (0, "my-project", "")


def test_a_proxy_is_never_asked_for_loopback(
    gcr_emulator: Emulator, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{free_port()}")
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{free_port()}")

    empty = "there is no project: gcr-emulator project create ID\n"
    assert run("project", "list", "--server", gcr_emulator.url) == (0, "", empty)


@pytest.mark.parametrize("content", [b"two words", b"two\nlines", b"\xff"])
def test_a_file_that_holds_no_token_is_not_sent(
    gcr_emulator: Emulator, run: Run, tmp_path: Path, content: bytes
) -> None:
    file = tmp_path / "token"
    file.write_bytes(content)

    code, out, err = run("project", "list", "--token-file", file, "--server", gcr_emulator.url)

    assert (code, out) == (1, "")
    assert err in (
        f"gcr-emulator: {file} does not hold a token\n",
        f"gcr-emulator: {file} cannot be read as a token\n",
    )


def test_where_no_emulator_answers_one_line_says_what_to_do(run: Run) -> None:
    url = f"http://localhost:{free_port()}"

    assert run("project", "list", "--server", url) == (
        1,
        "",
        f"gcr-emulator: no emulator answers at {url}: "
        "start one with gcr-emulator serve, or name it with --server\n",
    )


@pytest.mark.parametrize("body", ["<html>", "[]", ""])
def test_another_server_is_told_from_an_emulator(gcr_emulator: Emulator, run: Run, body: str) -> None:
    gcr_emulator.faults.set(
        {"method": "GET", "path": "/v1/projects", "status": 200, "body": body, "times": 1}
    )

    assert run("project", "list", "--server", gcr_emulator.url) == (
        1,
        "",
        f"gcr-emulator: what answers at {gcr_emulator.url} is not a gcr-emulator\n",
    )


USAGE_ERRORS = [
    (("nonsense",), "No such command 'nonsense'."),
    (("project", "create"), "Missing argument 'ID'."),
    (
        ("project", "create", "My_Project"),
        "Invalid value for 'ID': 'My_Project' is not a project ID: 6 to 30 lower-case letters, digits or "
        "hyphens, beginning with a letter, not ending in a hyphen",
    ),
    (
        ("key", "create", "--project", "my-project", "--account", "C I", "--output", "-"),
        "Invalid value for '--account': 'C I' is not a name for a service account: 1 to 30 lower-case "
        "letters, digits or hyphens, beginning with a letter, not ending in a hyphen",
    ),
    (
        ("key", "create", "--project", "my-project", "--account", "ci", "--output", "-", "--role", "editor"),
        "Invalid value for '--role': no such role: 'editor'; did you mean roles/editor?",
    ),
    (
        (
            *("iam", "grant", "--project", "my-project", "--member", "allUsers"),
            *("--role", "roles/storage.legacyBucketWriter"),
        ),
        "Invalid value for '--role': roles/storage.legacyBucketWriter can be granted on buckets only",
    ),
    (
        ("iam", "revoke", "--project", "my-project", "--member", "ci", "--role", "roles/viewer"),
        "Invalid value for '--member': 'ci' is not a member, such as serviceAccount:EMAIL or allUsers",
    ),
    (
        ("project", "list", "--server", "ftp://x"),
        "Invalid value for '--server': 'ftp://x' is not the URL of a server, such as http://localhost:5000",
    ),
    (
        ("serve", "--port", "65536"),
        "Invalid value for '--port': 65536 is not in the range 0<=x<=65535.",
    ),
    (
        ("env", "--shell", "csh"),
        "Invalid value for '--shell': 'csh' is not one of 'posix', 'fish', 'powershell'.",
    ),
]


@pytest.mark.parametrize(("arguments", "complaint"), USAGE_ERRORS, ids=lambda value: str(value)[:40])
def test_a_usage_error_exits_with_two(run: Run, arguments: tuple[str, ...], complaint: str) -> None:
    code, out, err = run(*arguments)

    assert (code, out) == (2, "")
    assert err.endswith(f"Error: {complaint}\n")


@pytest.mark.parametrize(
    "url",
    [
        "http://",
        "localhost:5000",
        "http://u:p@localhost",
        "http://localhost/v2",
        "http://localhost:x",
        "http://a?b",
    ],
)
def test_what_is_not_the_root_of_a_server_is_refused(run: Run, url: str) -> None:
    assert run("project", "list", "--server", url)[0] == 2


def test_a_misspelt_role_brings_its_neighbours(run: Run) -> None:
    role = "roles/storage.objectViewr"

    code, _, err = run("iam", "grant", "--project", "my-project", "--member", "allUsers", "--role", role)

    assert code == 2
    assert f"no such role: {role!r}; did you mean roles/storage.objectViewer or " in err


def test_an_unknown_role_without_a_neighbour_lists_what_is_known(run: Run) -> None:
    command = ("iam", "grant", "--project", "my-project", "--member", "allUsers", "--role", "zzz")

    code, _, err = run(*command)

    assert code == 2
    assert "no such role: 'zzz'; known are roles/owner, roles/editor, roles/viewer, " in err
    assert "legacyBucket" not in err
