"""The command `status` (D05): it reads files only, and shows `not known` where a server must be asked."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

DEFAULT_HOST = "gcr.io"
STORE = "docker_credentials.json"


def load(cli: Any, registry: str = DEFAULT_HOST, **environ: str) -> dict[str, Any]:
    registries = json.loads(cli("status", "--json", **environ).stdout)["registries"]
    (found,) = (entry for entry in registries if entry["registry"] == registry)
    assert isinstance(found, dict)
    return found


def keep_login(cli: Any, **fields: str) -> None:
    cli.write(cli.own.with_name(STORE), json.dumps({"gcrCreds": fields}))


def set_sources(*sources: str) -> Callable[[Any, Callable[..., Path]], object]:
    return lambda cli, _: cli.write(cli.own, json.dumps({"TokenSources": list(sources)}))


def give_key(**fields: Any) -> Callable[[Any, Callable[..., Path]], object]:
    def prepare(cli: Any, make_key: Callable[..., Path]) -> None:
        set_sources(f"file:{make_key(**fields)}")(cli, make_key)

    return prepare


def install_gcloud(cli: Any, make_key: Callable[..., Path]) -> None:
    cli.write_program("gcloud", "exit 1")
    set_sources("gcloud")(cli, make_key)


GOOGLES = "https://oauth2.googleapis.com/token"
DOCTOR = "docker-credential-gcr doctor gcr.io"
# The setup, the state and the command, and a part of the error.
STATES: dict[str, tuple[Callable[[Any, Callable[..., Path]], object], str, str | None, str]] = {
    "d05-nothing": (set_sources("store", "env"), "absent", None, ""),
    "d05-a key": (give_key(token_uri=GOOGLES), "ready", None, ""),
    "d05-an emulator's key": (give_key(), "failed", None, ": its tokens are not sent to Google's gcr.io"),
    "d05-a key of another type": (give_key(type="api_key"), "failed", None, "has the unknown type 'api_key'"),
    "d05-metadata": (set_sources("metadata"), "unknown", DOCTOR, ""),
    "d05-gcloud": (install_gcloud, "unknown", DOCTOR, ""),
    "d05-no gcloud": (set_sources("gcloud"), "failed", None, "gcloud is not on PATH"),
    "d05-no token file": (set_sources("token-file:/nowhere/token"), "failed", None, "cannot read token file"),
    "d05-a login": (lambda cli, _: keep_login(cli, refresh_token="1//x"), "ready", None, ""),
    "d05-a login at its end": (
        lambda cli, _: keep_login(cli, access_token="ya29.x", token_expiry="2020-01-01T00:00:00Z"),
        "failed",
        None,
        "has expired and holds no refresh token",
    ),
}


@pytest.mark.parametrize("name", STATES)
def test_status_promises_what_a_file_holds_and_nothing_else(
    cli: Any, make_key: Callable[..., Path], name: str
) -> None:
    prepare, state, command, fault = STATES[name]
    prepare(cli, make_key)
    cli.environ["PATH"] = str(cli.programs)

    found = load(cli)

    assert (found["state"], found["command"]) == (state, command)
    assert fault in (found["error"] or "")
    assert bool(found["error"]) is (state == "failed")


@pytest.mark.parametrize("presence", [True, False], ids=["d05-found", "d05-not found"])
def test_status_does_not_depend_on_whether_a_metadata_server_was_looked_for(cli: Any, presence: bool) -> None:
    cli.environ.pop("NO_GCE_CHECK")
    address = "127.0.0.1:1"
    record = {"version": 1, "address": address, "is_present": presence, "checked_at": int(time.time())}

    before = load(cli, GCE_METADATA_IP=address)
    cli.write(cli.home / ".cache/docker-credential-gcr/metadata-server.json", json.dumps(record))

    assert load(cli, GCE_METADATA_IP=address) == before


def test_d05_the_same_warning_is_printed_once_with_one_command(cli: Any) -> None:
    outcome = cli("status", GOOGLE_APPLICATION_CREDENTIALS="", METADATA_SERVER_DETECTION="none")

    assert outcome.stderr.splitlines()[0].startswith("warning: gcr.io and ")
    assert outcome.stderr.splitlines()[0].endswith(" more: docker asks no helper for it")
    assert outcome.stderr.splitlines()[1:] == ["         docker-credential-gcr configure-docker"]


def test_d05_the_command_mends_every_registry_that_the_warning_is_about(cli: Any) -> None:
    helpers = {"gcr.io": "gcr", "us.gcr.io": "gcloud", "eu.gcr.io": "gcloud"}
    cli.write(cli.docker, json.dumps({"credHelpers": helpers}))
    cli.write(cli.own, '{"TokenSources": ["none"], "Registries": {"us.gcr.io": {}, "eu.gcr.io": {}}}')

    warned = cli("status").stderr.splitlines()
    cli(*warned[1].split()[1:])

    assert warned == [
        "warning: us.gcr.io and 1 more: docker asks docker-credential-gcloud for it",
        "         docker-credential-gcr configure-docker --registries us.gcr.io,eu.gcr.io --overwrite",
    ]
    assert cli("status").stderr == ""


def test_d05_the_hint_names_the_command_that_asks(cli: Any) -> None:
    cli.write(cli.docker, '{"credHelpers": {"gcr.io": "gcr", "us.gcr.io": "gcr"}}')
    cli.write(cli.own, '{"TokenSources": ["metadata"]}')

    outcome = cli("status")

    assert [line.split()[-2:] for line in outcome.stdout.splitlines()[1:]] == [["not", "known"]] * 2
    assert outcome.stderr.splitlines() == [
        "hint: only a request to metadata tells whether it gives a token",
        "         docker-credential-gcr doctor gcr.io",
    ]


def test_a_terminal_that_is_too_narrow_for_the_table_gets_lines(
    cli: Any, on_terminal: Callable[..., str]
) -> None:
    cli.write(cli.docker, '{"credHelpers": {"gcr.io": "gcr"}}')
    cli.write(cli.own, '{"TokenSources": ["none"]}')

    shown = {columns: on_terminal("status", COLUMNS=columns, NO_COLOR="1") for columns in ("20", "80")}

    assert shown["20"] == "registry  gcr.io\nsource    -\naccount   -\ntoken     no credential\n\n"
    assert shown["80"] == "REGISTRY  SOURCE  ACCOUNT  TOKEN\ngcr.io    -       -        no credential\n"
