"""Secrets are in Docker's answer and the stores alone. Every run of this suite is scanned for them.

Here the scan itself is tried, and the program's argument lists and environments are looked at.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from support.secret_values import SECRETS, find_pieces


@dataclass
class Left:
    """Output and files of a run."""

    status: int = 0
    stdout: str = ""
    stderr: str = ""


KEY = "-----BEGIN PRIVATE KEY-----"
PLANTED: dict[str, Callable[[Path], tuple[tuple[str, ...], Left]]] = {
    "argv": lambda _: (("get", "ya29.planted"), Left()),
    "stderr": lambda _: (("get",), Left(stderr="Traceback: ya29.planted")),
    "stdout": lambda _: (("get",), Left(1, stdout="1//planted")),
    "log": lambda folder: ((folder / "log").write_text(f"x {KEY}") and ("get",), Left()),
    "gcloud-calls": lambda folder: ((folder / "gcloud-calls").write_text("eyJhbGciOi") and ("get",), Left()),
    "environ": lambda folder: ((folder / "environ").write_text("TOKEN=s3cret") and ("get",), Left()),
    "home/.cache/x.tmp": lambda folder: ((folder / "home/.cache/x.tmp").write_text(KEY) and ("get",), Left()),
}


@pytest.mark.parametrize("place", PLANTED, ids=lambda place: f"42-{place}")
def test_edge_42_a_planted_secret_is_found(tmp_path: Path, secret_scan: Any, place: str) -> None:
    (tmp_path / "home/.cache").mkdir(parents=True)
    (tmp_path / "key.json").write_text(KEY)  # from before the run
    scan = secret_scan(tmp_path)

    assert scan.find(*PLANTED[place](tmp_path)) == [place]


def test_edge_42_an_answer_and_the_stores_are_where_secrets_belong(tmp_path: Path, secret_scan: Any) -> None:
    scan = secret_scan(tmp_path)
    for name in ("0" * 32 + ".json", "docker_credential_gcr_logins.json", "secrets.json"):
        (tmp_path / name).write_text("ya29.kept")

    assert scan.find(("get",), Left(stdout="ya29.answer")) == []


def test_t04_every_path_of_the_helper_leaves_no_secret_behind(
    helper: Any, make_key: Callable[..., Path], token_server: Any, answer: Any, tmp_path: Path
) -> None:
    """Runs each kind of call once, with the log and a separate store; the scan looks at every run."""
    key = make_key()
    helper.environ |= {
        "DOCKER_CREDENTIAL_GCR_LOG": str(tmp_path / "log"),
        "DOCKER_CREDENTIAL_GCR_KEYRING": "file",
        "PYTHONDEVMODE": "1",
    }
    helper.configure({"Registries": {"localhost:5000": {"TokenSources": [f"file:{key}"]}}})
    triple = {"ServerURL": "quay.io", "Username": "me", "Secret": "s3cret"}
    key_triple = {"ServerURL": "localhost:5000", "Username": "_json_key", "Secret": key.read_text()}
    token_server.answers = [answer(400, b'{"error": "ya29.refused 1//refused"}')]
    runs = [
        ("get", "localhost:5000"),
        ("get", "localhost:5000"),
        ("get", "localhost:5000"),
        ("store", json.dumps(triple)),
        ("get", "quay.io"),
        ("store", json.dumps(key_triple)),
        ("store", json.dumps(key_triple | {"ServerURL": "gcr.io"})),
        ("store", json.dumps(triple)[:-1]),
        ("get", "localhost:5000"),
        ("list", ""),
        ("erase", "quay.io"),
        ("erase", "localhost:5000"),
    ]

    outcomes = [helper(verb, stdin=stdin) for verb, stdin in runs]

    assert [outcome.status for outcome in outcomes] == [1, 0, 0, 0, 0, 0, 1, 1, 0, 0, 0, 0]
    assert (tmp_path / "log").read_text().count("\n") == len(runs)


def test_edge_42_a_child_gets_no_token_by_argument_or_environment(helper: Any, tmp_path: Path) -> None:
    folder = tmp_path / "gcloud-bin"
    folder.mkdir()
    credential = {"credential": {"access_token": "ya29.gcloud", "token_expiry": "2999-01-01T00:00:00Z"}}
    program = folder / "gcloud"
    program.write_text(
        f'#!/bin/sh\nenv > {tmp_path}/environ\necho "$*" > {tmp_path}/argv\n'
        f"echo '{json.dumps(credential)}'\n"
    )
    program.chmod(0o755)
    registry = {"TokenSources": ["gcloud"]}
    helper.configure({"Registries": {"gcr.io": registry, "eu.gcr.io": registry | {"Account": "me@x"}}})

    outcomes = [helper("get", stdin=host, PATH=f"{folder}:{os.defpath}") for host in ("gcr.io", "eu.gcr.io")]

    assert [outcome.status for outcome in outcomes] == [0, 0]
    assert "ya29" not in (tmp_path / "environ").read_text() + (tmp_path / "argv").read_text()


def test_t04_the_cache_is_0600_in_0700_and_a_foreign_or_open_file_is_not_used(
    helper: Any, make_key: Callable[..., Path]
) -> None:
    helper.configure({"Registries": {"localhost:5000": {"TokenSources": [f"file:{make_key()}"]}}})

    def get() -> str:
        return str(json.loads(helper("get", stdin="localhost:5000").stdout)["Secret"])

    secrets = [get()]
    (entry,) = helper.cache.glob("*.json")
    modes = (entry.stat().st_mode & 0o777, helper.cache.stat().st_mode & 0o777)
    entry.chmod(0o644)
    secrets.append(get())
    helper.cache.chmod(0o755)
    entry.unlink()
    secrets.append(get())
    if os.geteuid() == 0:  # only root can give a file away
        os.chown(entry, 12345, 12345)
        secrets.append(get())

    assert modes == (0o600, 0o700)
    assert helper.cache.stat().st_mode & 0o777 == 0o700
    assert secrets == [f"ya29.{number}" for number in range(1, len(secrets) + 1)]


# An environment that fails for each name but the log's; the exception's text has a secret.
FAULT = """
import io, sys
from docker_credential_gcr.helper import protocol

class Environ(dict):
    def get(self, name, default=None):
        if name == protocol.LOG:
            return sys.argv[2]
        raise RuntimeError(sys.argv[1])

protocol.run(["get"], stdin=io.BytesIO(b"gcr.io"), environ=Environ({protocol.LOG: sys.argv[2]}))
"""


@pytest.mark.parametrize("mode", [[], ["-X", "dev"]], ids=["A-Z01-for a user", "A-Z01-for a developer"])
@pytest.mark.parametrize("name", ["a PEM key", "a bearer token"])
def test_z01_an_internal_error_repeats_no_secret_of_its_exception(
    tmp_path: Path, mode: list[str], name: str
) -> None:
    log = tmp_path / "log"

    run = subprocess.run(
        [sys.executable, *mode, "-c", FAULT, SECRETS[name], str(log)],
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert (run.returncode, run.stdout) == (0, "internal error\n")
    assert "RuntimeError" in run.stderr
    assert "internal error: RuntimeError" in log.read_text()
    assert find_pieces(SECRETS[name], run.stderr + log.read_text()) == []
