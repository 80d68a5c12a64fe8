"""Protocol of Docker's verbs: exact texts, streams and exit statuses."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import docker_credential_gcr
from docker_credential_gcr import __main__
from docker_credential_gcr.helper import protocol
from docker_credential_gcr.helper.registries import DEFAULT_HOSTS

NOT_FOUND = "credentials not found in native keychain\n"
USAGE = "Usage: docker-credential-gcr <store|get|erase|list|version>\n"
VERSION = f"docker-credential-gcr (docker-credential-gcr) {docker_credential_gcr.__version__}\n"


@pytest.mark.parametrize("verb", ["version", "-v", "--version"])
def test_edge_23_version_names_program_package_and_version(helper: Any, verb: str) -> None:
    outcome = helper(verb)

    assert (outcome.status, outcome.stdout, outcome.stderr) == (0, VERSION, "")


@pytest.mark.parametrize("verb", ["get", "store", "erase", "list", "version"])
def test_edge_23_a_verb_takes_no_argument(helper: Any, verb: str) -> None:
    outcome = helper(verb, "extra")

    assert (outcome.status, outcome.stdout) == (1, USAGE)
    assert outcome.stderr.startswith(f"docker-credential-gcr: {verb} takes no argument")


REQUESTS = [
    ("get", "", 1, "no credentials server URL\n"),
    ("get", " \r\n\t", 1, "no credentials server URL\n"),
    ("get", "gcr.io", 1, NOT_FOUND),
    ("get", "https://index.docker.io/v1/", 1, NOT_FOUND),
    ("erase", "", 1, "no credentials server URL\n"),
    ("erase", "gcr.io", 0, ""),
    ("erase", "https://index.docker.io/v1/", 0, ""),
    ("erase", b"\xff\0", 0, ""),
    ("store", '{"ServerURL":"gcr.io","Username":"u","Secret":"s"}\n', 0, ""),
    ("store", '{"ServerURL":"gcr.io","Username":"u","Secret":""}', 0, ""),
    ("store", '{"ServerURL":"gcr.io","Username":"ü","Secret":"\\u00e9"}', 0, ""),
    ("store", '{"Username":"u","Secret":"s"}', 1, "no credentials server URL\n"),
    ("store", '{"ServerURL":" ","Username":"u","Secret":"s"}', 1, "no credentials server URL\n"),
    ("store", '{"ServerURL":"gcr.io","Secret":"s"}', 1, "no credentials username\n"),
    ("store", '{"ServerURL":"gcr.io","Username":null,"Secret":"s"}', 1, "no credentials username\n"),
    ("store", '{"ServerURL":1,"Username":"u"}', 1, "the credential's ServerURL is not a string\n"),
    ("store", '{"ServerURL":"a","Username":"u","Secret":[]}x', 1, None),
    ("store", "[]", 1, "the credential is not a JSON object\n"),
    ("store", "", 1, "the credential is not JSON: Expecting value: line 1 column 1 (char 0)\n"),
    ("store", b"\xff", 1, None),
    ("store", " " * 1024 * 1025, 1, "the credential is larger than 1 MiB\n"),
    ("list", "unused", 0, None),
]


def name_request(request: tuple[str, str | bytes, int, str | None]) -> str:
    """Returns the number of the edge case, the verb and the start of stdin."""
    verb, stdin = request[:2]
    number = "21" if verb in ("store", "erase") else "19" if not stdin.strip() else "20"
    return f"{number}-{verb}-{stdin[:24]!r}"


@pytest.mark.parametrize(
    ("verb", "stdin", "status", "stdout"), REQUESTS, ids=[name_request(request) for request in REQUESTS]
)
def test_a_request_is_answered_with_the_protocols_texts(
    helper: Any, verb: str, stdin: str | bytes, status: int, stdout: str | None
) -> None:
    outcome = helper(verb, stdin=stdin)

    assert (outcome.status, outcome.stderr) == (status, "")
    assert outcome.stdout == stdout if stdout is not None else outcome.stdout.count("\n") == 1
    assert sorted(p.name for p in helper.home.iterdir()) == []


def test_list_without_a_configuration_names_the_default_hosts(helper: Any) -> None:
    outcome = helper("list")

    assert json.loads(outcome.stdout) == dict.fromkeys(DEFAULT_HOSTS, "oauth2accesstoken")


def test_list_names_the_hosts_that_docker_gives_to_this_helper_byte_for_byte(helper: Any) -> None:
    (helper.home / ".docker").mkdir()
    helpers = {"https://gcr.io/": "gcr", "EU.gcr.io": "gcr", "us.gcr.io": "gcloud"}
    (helper.home / ".docker/config.json").write_text(json.dumps({"credHelpers": helpers}))

    outcome = helper("list")

    assert json.loads(outcome.stdout) == {
        "https://gcr.io/": "oauth2accesstoken",
        "EU.gcr.io": "oauth2accesstoken",
    }


def test_list_refuses_a_config_json_that_docker_itself_cannot_read(helper: Any) -> None:
    path = helper.home / ".docker/config.json"
    path.parent.mkdir()
    path.write_text("[]")

    outcome = helper("list")

    message = f"{str(path)!r}, line 1: not a JSON object\n"
    hint = "hint: correct the file, or move it away\n"
    assert (outcome.status, outcome.stdout, outcome.stderr) == (
        1,
        message,
        f"docker-credential-gcr: {message}{hint}",
    )


@pytest.mark.parametrize("verb", ["list", "version"])
def test_edge_22_list_and_version_do_not_wait_for_stdin(helper: Any, verb: str) -> None:
    reader, writer = os.pipe()  # never closed by the other side while the helper runs
    try:
        program = [sys.executable, "-m", "docker_credential_gcr", verb]
        run = subprocess.run(
            program, stdin=reader, capture_output=True, env=helper.environ, timeout=60, cwd="/"
        )
    finally:
        os.close(reader)
        os.close(writer)

    assert (run.returncode, run.stderr) == (0, b"")


@pytest.fixture
def run_shell(helper: Any) -> Callable[[str], tuple[int, str, str]]:
    def run(command: str) -> tuple[int, str, str]:
        script = command.replace("HELPER", f"{sys.executable} -m docker_credential_gcr")
        done = subprocess.run(
            ["/bin/sh", "-c", script], env=helper.environ, cwd="/", capture_output=True, text=True, timeout=60
        )
        return done.returncode, done.stdout, done.stderr

    return run


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("HELPER get <&-", (1, "no credentials server URL\n", "")),
        ("HELPER version >&-", (1, "", "")),
        ("HELPER version 2>&-", (0, VERSION, "")),
        ("HELPER version <&- >&- 2>&-", (1, "", "")),
        ("HELPER version >/dev/full", (1, "", "")),
        ("(HELPER version; echo $? >&2) | exec true", (0, "", None)),
    ],
)
def test_edge_16_closed_streams_end_in_a_status_and_no_traceback(
    run_shell: Callable[[str], tuple[int, str, str]], command: str, expected: tuple[int, str, str | None]
) -> None:
    status, stdout, stderr = run_shell(command)

    assert (status, stdout) == expected[:2]
    assert stderr == expected[2] if expected[2] is not None else stderr in ("0\n", "1\n")


def test_edge_16_a_pipe_without_a_reader_is_a_failure(helper: Any) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    try:
        program = [sys.executable, "-m", "docker_credential_gcr", "version"]
        run = subprocess.run(
            program, stdout=writer, stderr=subprocess.PIPE, env=helper.environ, timeout=60, cwd="/"
        )
    finally:
        os.close(writer)

    assert (run.returncode, run.stderr) == (1, b"")


class Stream:
    """Stream in memory."""

    def __init__(self, data: bytes = b"") -> None:
        self.data = data

    def read(self, size: int) -> bytes:
        return self.data[:size]

    def write(self, data: bytes) -> int:
        self.data += data
        return len(data)


def test_an_unexpected_exception_is_an_internal_error_without_a_traceback() -> None:
    out, err = Stream(), Stream()

    status = protocol.run(["get"], stdin=Stream(b"gcr.io"), stdout=out, stderr=err, environ=None)  # type: ignore[arg-type]

    assert (status, out.data) == (1, b"internal error\n")
    assert err.data == (
        b"docker-credential-gcr: internal error: AttributeError\nhint: set PYTHONDEVMODE=1 to see where\n"
    )


def test_main_returns_the_status_when_it_is_called(capfd: pytest.CaptureFixture[str]) -> None:
    assert __main__.main(["version"]) == 0
    assert capfd.readouterr() == (VERSION, "")


def test_the_installed_program_runs() -> None:
    script = Path(sys.executable).parent / "docker-credential-gcr"
    if not script.exists():
        pytest.skip("the program is not installed: pip install .")
    run = subprocess.run([script, "version"], capture_output=True, text=True, timeout=60)

    assert (run.returncode, run.stdout, run.stderr) == (0, VERSION, "")


def test_the_package_gives_its_root_exception_and_nothing_unknown() -> None:
    from docker_credential_gcr.errors import Error

    assert docker_credential_gcr.Error is Error
    with pytest.raises(AttributeError, match=r"^module 'docker_credential_gcr' has no attribute 'nonsense'$"):
        _ = docker_credential_gcr.nonsense
