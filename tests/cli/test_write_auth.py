"""The command `write-auth`: the files for each client, what they keep, and the renewal."""

import base64
import json
import signal
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
import requests
from support.child_processes import LIMIT_S, running

from docker_credential_gcr.errors import NetworkError
from docker_credential_gcr.helper import auth_file
from docker_credential_gcr.helper.tokens import AccessToken

AUTH = base64.b64encode(b"oauth2accesstoken:ya29.file").decode()


def see(outcome: Any) -> tuple[int, str, str]:
    return outcome.status, outcome.stdout, outcome.stderr


@pytest.fixture
def writer(cli: Any) -> Any:
    """Returns the program with a token for Google's hosts."""
    (cli.directory / "token").write_text("ya29.file")
    cli.write(cli.own, json.dumps({"TokenSources": [f"token-file:{cli.directory}/token"]}))
    return cli


PLACES: dict[str, tuple[str, dict[str, str], str]] = {
    "docker": ("docker", {}, "home/.docker/config.json"),
    "docker with a directory": ("docker", {"DOCKER_CONFIG": "DIR/conf"}, "conf/config.json"),
    "containers": ("containers", {}, "home/.config/containers/auth.json"),
    "containers in a session": ("containers", {"XDG_RUNTIME_DIR": "DIR/run"}, "run/containers/auth.json"),
    "containers by name": ("containers", {"REGISTRY_AUTH_FILE": "DIR/a.json"}, "a.json"),
}


@pytest.mark.parametrize("name", PLACES)
def test_the_file_in_which_a_client_looks(writer: Any, name: str) -> None:
    format_, variables, place = PLACES[name]
    environ = {key: value.replace("DIR", str(writer.directory)) for key, value in variables.items()}

    outcome = writer("write-auth", "--format", format_, "--registries", "gcr.io,us-docker.pkg.dev", **environ)

    path = writer.directory / place
    assert see(outcome) == (0, "", f"{path}: gcr.io, us-docker.pkg.dev\n")
    assert json.loads(path.read_text()) == {
        "auths": {"gcr.io": {"auth": AUTH}, "us-docker.pkg.dev": {"auth": AUTH}}
    }
    assert path.stat().st_mode & 0o777 == 0o600


def test_everything_else_in_the_file_stays(writer: Any) -> None:
    before = '{\n  "auths": {\n    "x.io": {\n      "auth": "dTpw"\n    }\n  },\n  "zzz": 1.0\n}\n'
    writer.write(writer.docker, before)
    writer.docker.chmod(0o644)

    writer("write-auth", "--format", "docker", "--registries", "gcr.io")

    entry = f'"gcr.io": {{\n      "auth": "{AUTH}"\n    }}'
    assert writer.docker.read_text() == before.replace('"dTpw"\n    }', f'"dTpw"\n    }},\n    {entry}')
    assert writer.docker.stat().st_mode & 0o777 == 0o600


def test_the_spelling_that_is_there_is_kept(writer: Any) -> None:
    writer.write(writer.docker, '{"Auths": null}')

    writer("write-auth", "--format", "docker", "--registries", "gcr.io")

    assert json.loads(writer.docker.read_text()) == {"Auths": {"gcr.io": {"auth": AUTH}}}


@pytest.mark.parametrize("options", [(), ("--output", "-")])
def test_an_image_pull_secret_is_printed(writer: Any, options: tuple[str, ...]) -> None:
    outcome = writer(
        "write-auth", "--format", "kubernetes", "--registries", "gcr.io", "--namespace", "ci", *options
    )

    document = json.loads(outcome.stdout)
    config = json.loads(base64.b64decode(document["data"].pop(".dockerconfigjson")))
    assert (outcome.status, outcome.stderr) == (0, "")
    assert config == {"auths": {"gcr.io": {"auth": AUTH}}}
    assert document == {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "gcr-pull-secret", "namespace": "ci"},
        "type": "kubernetes.io/dockerconfigjson",
        "data": {},
    }


def test_a_secret_in_a_file_replaces_what_was_there(writer: Any) -> None:
    path = writer.directory / "secret.yaml"
    path.write_text("kind: Secret\n")

    outcome = writer(
        "write-auth", "--format", "kubernetes", "--registries", "gcr.io", "--output", "secret.yaml"
    )

    assert see(outcome) == (0, "", "secret.yaml: gcr.io\n")
    assert json.loads(path.read_text())["metadata"] == {"name": "gcr-pull-secret"}
    assert path.stat().st_mode & 0o777 == 0o600


def test_without_registries_all_that_are_configured_are_written(writer: Any) -> None:
    helpers = {"gcr.io": "gcr", "GCR.IO": "gcr", "quay.io": "other"}
    writer.write(writer.docker, json.dumps({"credHelpers": helpers}))
    own = json.loads(writer.own.read_text()) | {"Registries": {"r.example": {}}}
    writer.own.write_text(json.dumps(own))

    outcome = writer("write-auth", "--format", "docker", "--output", "-")

    assert list(json.loads(outcome.stdout)["auths"]) == ["gcr.io", "r.example"]


def test_a_registry_for_which_docker_asks_a_helper_is_warned_of(writer: Any) -> None:
    writer.write(writer.docker, '{"credHelpers": {"gcr.io": "gcr", "eu.gcr.io": "gcloud"}}')

    outcome = writer("write-auth", "--format", "docker", "--registries", "gcr.io,eu.gcr.io")

    assert outcome.stderr.splitlines()[:2] == [
        "warning: gcr.io: docker asks this program for it, and ignores this file",
        "warning: eu.gcr.io: docker asks docker-credential-gcloud for it, and ignores this file",
    ]


FAULTS: dict[str, tuple[tuple[str, ...], int, str]] = {
    "no format": ((), 2, "Missing option '--format'"),
    "watching stdout": (("--format", "kubernetes", "--watch"), 2, "--watch needs a file to renew"),
    "a stranger": (("--format", "docker", "--registries", "quay.io"), 2, "'quay.io' is not Google's"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_what_cannot_be_asked_for(writer: Any, name: str) -> None:
    arguments, status, fault = FAULTS[name]

    outcome = writer("write-auth", *arguments)

    assert (outcome.status, outcome.stdout) == (status, "")
    assert fault in outcome.stderr
    assert not writer.docker.exists()


def test_without_a_credential_nothing_is_written_and_a_login_is_asked_for(cli: Any) -> None:
    outcome = cli("write-auth", "--format", "docker", "--registries", "gcr.io")

    fault = "docker-credential-gcr: no credential for gcr.io\nhint: docker-credential-gcr login\n"
    assert see(outcome) == (3, "", fault)
    assert list(cli.home.iterdir()) == []


def test_the_registry_takes_what_is_written(cli: Any, gcr_emulator: Any) -> None:
    registry, key = gcr_emulator.registry, gcr_emulator.key()
    cli("configure-docker", "--registries", registry, "--token-source", f"file:{key}")

    outcome = cli("write-auth", "--format", "containers", "--output", "auth.json")

    auths = json.loads((cli.directory / "auth.json").read_text())["auths"]
    header = {"Authorization": f"Basic {auths[registry]['auth']}"}
    query = {"service": registry, "scope": "repository:my-project/app:pull,push"}
    answer = requests.get(f"{gcr_emulator.url}/v2/token", headers=header, params=query, timeout=30)
    assert (outcome.status, answer.status_code, "token" in answer.json()) == (0, 200, True)


class Ended(Exception):
    """Raised to end the loop under test."""


class Clock:
    """A clock that waiting advances; it ends the test at an instant."""

    def __init__(self, ends_at: float) -> None:
        self.now = 0.0
        self.ends_at = ends_at
        self.pauses: list[float] = []

    def wait(self, pause_s: float) -> None:
        self.pauses.append(pause_s)
        self.now += pause_s
        if self.now >= self.ends_at:
            raise Ended


def watch(clock: Clock, renew: Callable[[], float]) -> list[str]:
    told: list[str] = []
    with pytest.raises(Ended):
        auth_file.watch(renew, tell=told.append, wait=clock.wait, now=lambda: clock.now)
    return told


def test_tokens_are_renewed_when_they_are_due_and_not_before() -> None:
    clock = Clock(ends_at=7000)
    renewals = []

    def renew() -> float:
        renewals.append(clock.now)
        return clock.now + 3300

    assert watch(clock, renew) == []
    assert renewals == [0, 3300, 6600]
    assert (min(clock.pauses), max(clock.pauses)) == (60, 60)


def test_a_renewal_that_fails_is_told_of_and_tried_again() -> None:
    clock = Clock(ends_at=200)
    renewals = []

    def renew() -> float:
        renewals.append(clock.now)
        if len(renewals) == 2:
            raise NetworkError("cannot reach h")
        return clock.now + 100

    assert watch(clock, renew) == ["not renewed, next attempt in 30 s: cannot reach h"]
    assert renewals == [0, 100, 130]


def test_a_first_failure_ends_it() -> None:
    def renew() -> float:
        raise NetworkError("cannot reach h")

    with pytest.raises(NetworkError):
        auth_file.watch(renew, tell=print)


def test_a_token_that_is_due_already_is_not_asked_for_without_a_pause() -> None:
    clock = Clock(ends_at=15)

    watch(clock, lambda: clock.now)

    assert clock.pauses == [5, 5, 5]


@pytest.mark.parametrize(
    ("lives", "due_at"),
    [([(0, 3600)], 3300), ([(0, 300)], 150), ([(0, 3600), (-3000, 600)], 300)],
)
def test_a_token_is_due_by_the_rule_of_the_cache(lives: list[tuple[int, int]], due_at: float) -> None:
    tokens = {
        str(expires_at): AccessToken("t", expires_at=expires_at, obtained_at=obtained_at)
        for obtained_at, expires_at in lives
    }

    assert auth_file.find_due(tokens, 300) == due_at
    assert not any(token.is_aging(due_at - 1, 300) for token in tokens.values())


def test_watching_stays_until_it_is_interrupted(cli: Any, gcr_emulator: Any) -> None:
    key = gcr_emulator.key()
    cli("configure-docker", "--registries", gcr_emulator.registry, "--token-source", f"file:{key}")
    command = [sys.executable, "-m", "docker_credential_gcr", "write-auth", "--format", "docker"]
    command += ["--output", "a.json", "--watch"]
    with running(command, env=cli.environ, cwd=cli.directory, stderr=subprocess.PIPE, text=True) as process:
        line = process.stderr.readline()
        ended = process.poll()
        process.send_signal(signal.SIGINT)
        _, rest = process.communicate(timeout=LIMIT_S)

    assert (line, ended) == (f"a.json: {gcr_emulator.registry}\n", None)
    assert (process.returncode, rest.strip()) == (130, "")
    assert gcr_emulator.registry in json.loads((cli.directory / "a.json").read_text())["auths"]
