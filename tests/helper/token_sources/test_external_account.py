"""Subject token of an external account: the faults of its file or program, and the message for each."""

import json
import os
import select
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.child_processes import LIMIT_S

from docker_credential_gcr.errors import TokenError
from docker_credential_gcr.helper.google_auth import subject_token

JWT = "urn:ietf:params:oauth:token-type:jwt"
SAML = "urn:ietf:params:oauth:token-type:saml2"
ACCOUNT = "ci@my-project.iam.gserviceaccount.com"
GOOD: dict[str, object] = {"version": 1, "success": True, "token_type": JWT, "id_token": "subject-token"}
HINT = "check credential_source in the file, and the file or program that it names"
ALLOWED = {subject_token.ALLOWING: "1"}


@pytest.fixture
def get(helper: Any, services: Any, tmp_path: Path) -> Callable[..., tuple[int, str, str]]:
    """Returns a function that gets a token for localhost:5000 with a credential_source in the file."""
    path = tmp_path / "adc.json"
    helper.configure({"Registries": {"localhost:5000": {"TokenSources": [f"file:{path}"]}}})
    token = {"access_token": "ya29.x", "expires_in": 3600, "token_type": "Bearer", "issued_token_type": "x"}
    services.tell("/v1/token", token)

    def run(source: object, **environ: str) -> tuple[int, str, str]:
        document = {
            "type": "external_account",
            "audience": "audience",
            "subject_token_type": JWT,
            "token_url": services.url + "/v1/token",
            "credential_source": source,
        }
        path.write_text(json.dumps(document))
        outcome = helper("get", stdin="localhost:5000", **ALLOWED | environ)
        return outcome.status, outcome.stdout.replace(repr(str(path)), "PATH"), outcome.stderr

    return run


def failure(text: str) -> str:
    return f"no access token for localhost:5000: file: key file PATH: {text}\n"


def say(**members: object) -> str:
    return f"echo '{json.dumps(GOOD | members)}'"


@pytest.fixture
def make_program(tmp_path: Path) -> Callable[..., dict[str, Any]]:
    """Writes a program of one line, and returns the credential_source that names it."""

    def make(line: str, **members: object) -> dict[str, Any]:
        path = tmp_path / "program"
        path.write_text(f"#!/bin/sh\n{line}\n")
        path.chmod(0o755)
        return {"executable": {"command": str(path), "timeout_millis": 5000} | members}

    return make


NO_TOKEN = "the executable's answer holds no subject token"
PROGRAMS = {
    "exit 3, silent": ("exit 3", "the executable failed: exit status 3"),
    "exit 1, in its words": (
        "echo x >&2; echo it is broken >&2; exit 1",
        "the executable failed: exit status 1: it is broken",
    ),
    "no JSON": ("echo hello", "the executable's answer is not JSON"),
    "nothing": ("", "the executable's answer is not JSON"),
    "a list": ("echo []", "the executable's answer is not of version 1"),
    "another version": (say(version=2), "the executable's answer is not of version 1"),
    "a refusal": (say(success=False, code="401", message="no"), "the executable refused: 401: no"),
    "expired": (say(expiration_time=1), "the executable answered an expired subject token"),
    "an expiry that is no number": (
        say(expiration_time="soon"),
        "the executable answered an expired subject token",
    ),
    "another kind": (say(token_type="x"), NO_TOKEN),
    "no token": (say(id_token=None), NO_TOKEN),
    "a token of another kind": (say(token_type=SAML), NO_TOKEN),
    "without end": ("exec cat /dev/zero", "the executable answered more than 1 MiB"),
    "complaints without end": ("exec cat /dev/zero >&2", "the executable answered more than 1 MiB"),
}


@pytest.mark.parametrize("name", PROGRAMS, ids=lambda name: f"B-Z10-{name}")
def test_z10_what_an_executable_may_do_wrong(
    get: Any, services: Any, make_program: Callable[..., dict[str, Any]], name: str
) -> None:
    line, fault = PROGRAMS[name]

    status, text, notice = get(make_program(line))

    assert (status, text) == (1, failure(fault))
    assert notice.endswith(f"hint: {HINT}\n")
    assert services.requests == []


@pytest.mark.parametrize(
    ("command", "fault"),
    [("/absent", "No such file or directory"), ("x 'y", "malformed command")],
    ids=["B-Z12-absent", "B-Z12-quote"],
)
def test_z12_an_executable_that_cannot_be_started(get: Any, command: str, fault: str) -> None:
    assert get({"executable": {"command": command}})[1] == failure(f"the executable cannot be run: {fault}")


def is_released(pipe: int) -> bool:
    """Returns whether the last writer has ended."""
    return select.select([pipe], [], [], LIMIT_S)[0] == [pipe] and os.read(pipe, 1) == b""


def test_z12_an_executable_that_hangs_is_ended_at_the_deadline_with_its_children(
    get: Any, make_program: Callable[..., dict[str, Any]], tmp_path: Path
) -> None:
    os.mkfifo(tmp_path / "held")
    held = os.open(tmp_path / "held", os.O_RDONLY | os.O_NONBLOCK)
    source = make_program(f"exec 9>{tmp_path}/held; sleep 300 & wait")

    status, text, _ = get(source, DOCKER_CREDENTIAL_GCR_TIMEOUT="1")

    assert (status, text) == (1, failure("the executable did not answer in time"))
    assert is_released(held)


def test_z12_an_executable_that_hangs_is_ended_at_its_own_time_limit(
    monkeypatch: pytest.MonkeyPatch, make_program: Callable[..., dict[str, Any]]
) -> None:
    monkeypatch.setenv(subject_token.ALLOWING, "1")
    document = {"credential_source": make_program("exec sleep 300", timeout_millis=200)}
    read = subject_token.find_reader(document)
    assert read is not None

    with pytest.raises(TokenError, match=r"^the executable did not answer within 0\.2 s$"):
        read(document, time.monotonic() + LIMIT_S)


def test_an_executable_is_told_what_the_specification_promises(
    get: Any, services: Any, make_program: Callable[..., dict[str, Any]], tmp_path: Path
) -> None:
    source = make_program(f"env > {tmp_path}/env; {say()}", output_file=str(tmp_path / "output"))

    assert get(source)[0] == 0
    told = dict(line.split("=", 1) for line in (tmp_path / "env").read_text().splitlines() if "=" in line)
    prefix = subject_token.PREFIX
    assert {name.removeprefix(prefix): told[name] for name in told if name.startswith(prefix)} == {
        "ALLOW_EXECUTABLES": "1",
        "AUDIENCE": "audience",
        "ID": "",
        "INTERACTIVE": "0",
        "OUTPUT_FILE": str(tmp_path / "output"),
        "REVOKE": "0",
        "TOKEN_TYPE": JWT,
    }
    assert services.requests[0].form["subject_token"] == "subject-token"


@pytest.mark.parametrize(
    ("answer", "subject"),
    [
        ({"expiration_time": 4102444800, "id_token": "kept"}, "kept"),
        ({"expiration_time": 1, "id_token": "kept"}, "subject-token"),
        ({"id_token": "kept"}, "subject-token"),
        ({"success": False}, "subject-token"),
        (None, "subject-token"),
    ],
    ids=["good", "expired", "without a date", "a refusal", "half written"],
)
def test_an_executable_is_not_run_while_its_last_answer_is_good(
    get: Any,
    services: Any,
    make_program: Callable[..., dict[str, Any]],
    tmp_path: Path,
    answer: dict[str, object] | None,
    subject: str,
) -> None:
    (tmp_path / "output").write_text("{" if answer is None else json.dumps(GOOD | answer))

    assert get(make_program(say(), output_file=str(tmp_path / "output")))[0] == 0
    assert services.requests[0].form["subject_token"] == subject


def test_an_executable_may_answer_in_its_file_alone(
    get: Any, services: Any, make_program: Callable[..., dict[str, Any]], tmp_path: Path
) -> None:
    output = tmp_path / "output"

    assert get(make_program(f"{say()} > {output}", output_file=str(output)))[0] == 0
    assert services.requests[0].form["subject_token"] == "subject-token"


FORMAT = {"type": "json", "subject_token_field_name": "t"}
SUBJECTS: dict[str, tuple[bytes, dict[str, object], str]] = {
    "empty": (b"", {}, "the subject token's file holds no subject token"),
    "not UTF-8": (b"\xff", {}, "cannot read its credential_source.file: not UTF-8"),
    "not JSON": (b"eyJhbGci", {"format": FORMAT}, "the subject token's file is not JSON"),
    "another member": (b"{}", {"format": FORMAT}, "the subject token's file holds no subject token"),
    "a number": (b'{"t": 1}', {"format": FORMAT}, "the subject token's file holds no subject token"),
    "huge": (b" " * 1024 * 1025, {}, "cannot read its credential_source.file: larger than 1 MiB"),
}


@pytest.mark.parametrize("name", SUBJECTS, ids=lambda name: f"B-Z10-{name}")
def test_z10_what_a_subject_tokens_file_may_be(get: Any, services: Any, tmp_path: Path, name: str) -> None:
    data, members, fault = SUBJECTS[name]
    (tmp_path / "subject").write_bytes(data)

    assert get({"file": str(tmp_path / "subject")} | members)[:2] == (1, failure(fault))
    assert services.requests == []


def test_z10_a_subject_token_in_the_place_of_its_files_path_is_not_repeated(get: Any) -> None:
    status, text, notice = get({"file": "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ4In0.c2ln"})

    assert (status, text) == (1, failure("cannot read its credential_source.file: No such file or directory"))
    assert "eyJ" not in notice
