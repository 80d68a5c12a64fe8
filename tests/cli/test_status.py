"""The command `status`: source, account and expiry of each registry, and conflicts of the configurations."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from support.checkout import DOCS

from docker_credential_gcr.helper.registries import DEFAULT_HOSTS

SCHEMA = DOCS / "schemas/status.json"
EMAIL = "ci@my-project.iam.gserviceaccount.com"


def load(cli: Any, **environ: str) -> dict[str, Any]:
    """Returns the document after validation by its schema."""
    outcome = cli("status", "--json", **environ)
    assert (outcome.status, outcome.stderr) == (0, "")
    document: dict[str, Any] = json.loads(outcome.stdout)
    jsonschema.validate(document, json.loads(SCHEMA.read_text()))
    return document


def find(document: dict[str, Any], registry: str) -> dict[str, Any]:
    (found,) = (entry for entry in document["registries"] if entry["registry"] == registry)
    assert isinstance(found, dict)
    return found


def test_with_nothing_configured_it_says_so_of_the_default_registries(cli: Any) -> None:
    document = load(cli)

    configure = "docker-credential-gcr configure-docker"
    assert document["program"] == str(cli.directory / "bin/docker-credential-gcr")
    assert document["docker_config_file"] == str(cli.docker)
    assert [entry["registry"] for entry in document["registries"]] == list(DEFAULT_HOSTS)
    assert find(document, "gcr.io") == {
        "registry": "gcr.io",
        "state": "absent",
        "source": None,
        "account": None,
        "expires_at": None,
        "error": None,
        "command": None,
        "problems": [{"text": "docker asks no helper for it", "command": configure}],
    }


def test_a_registry_with_a_key_before_and_after_its_first_token(cli: Any, gcr_emulator: Any) -> None:
    registry, key = gcr_emulator.registry, gcr_emulator.key()
    cli("configure-docker", "--registries", registry, "--token-source", f"file:{key}")

    before = find(load(cli), registry)
    assert cli("print-token", registry).status == 0
    after = find(load(cli), registry)

    assert before == {
        "registry": registry,
        "state": "ready",
        "source": f"file:{key}",
        "account": EMAIL,
        "expires_at": None,
        "error": None,
        "command": None,
        "problems": [],
    }
    assert after["expires_at"] is not None
    assert after == before | {"state": "cached", "expires_at": after["expires_at"]}


def prepare_gcloud(cli: Any) -> None:
    folder = cli.own.parent / "configurations"
    cli.write(folder / "config_work", "[core]\naccount = me@x.example\n")
    cli.write_program("gcloud", "exit 1")


# The source, its state according to the files, and the account.
SOURCES: dict[str, tuple[str, str, str | None]] = {
    "gcloud:work": ("gcloud:work", "unknown", "me@x.example"),
    "token-file": ("token-file:DIR/token", "ready", None),
    "metadata": ("metadata", "unknown", None),
}


@pytest.mark.parametrize("name", SOURCES)
def test_the_account_as_far_as_it_can_be_read(cli: Any, name: str) -> None:
    template, state, account = SOURCES[name]
    source = template.replace("DIR", str(cli.directory))
    prepare_gcloud(cli)
    cli.write(cli.directory / "token", "ya29.token")
    cli.write(cli.own, json.dumps({"TokenSources": [source]}))

    found = find(load(cli), "gcr.io")

    assert (found["state"], found["source"], found["account"]) == (state, source, account)


def test_an_impersonated_account_is_the_account(cli: Any) -> None:
    cli.write(cli.own, '{"TokenSources": ["metadata"], "Impersonate": "deploy@p.iam.gserviceaccount.com"}')

    assert find(load(cli), "gcr.io")["account"] == "deploy@p.iam.gserviceaccount.com"


def test_a_source_that_will_fail_is_named(cli: Any) -> None:
    (cli.directory / "key.json").write_text("{")

    found = find(load(cli, GOOGLE_APPLICATION_CREDENTIALS=str(cli.directory / "key.json")), "gcr.io")

    assert (found["state"], found["source"]) == ("failed", "env")
    assert " is not JSON: line 1 column 2" in found["error"]


OTHER = "docker asks docker-credential-gcloud for it"
MISSPELLED = "docker never asks for 'https://eu.gcr.io': it compares the names byte for byte"
CONFIGURE = "docker-credential-gcr configure-docker --registries"
DISAGREEMENTS = {
    "us.gcr.io": [(OTHER, f"{CONFIGURE} us.gcr.io --overwrite")],
    "asia.gcr.io": [("docker asks its own file for it", f"{CONFIGURE} asia.gcr.io --overwrite")],
    "eu.gcr.io": [(MISSPELLED, f"{CONFIGURE} eu.gcr.io")],
    "https://eu.gcr.io": [(MISSPELLED, None)],
    "r.example": [
        (
            "it is not Google's, and has no token source: it gets no token",
            "docker-credential-gcr config --registry r.example --token-source file:KEY.json",
        )
    ],
    "gcr.io": [
        ("CONFIG holds a login of it, which some clients use instead", "docker logout https://gcr.io")
    ],
}


def test_where_docker_disagrees_it_says_so_with_the_command(cli: Any) -> None:
    helpers = {"gcr.io": "gcr", "us.gcr.io": "gcloud", "asia.gcr.io": ""}
    helpers |= {"https://eu.gcr.io": "gcr", "r.example": "gcr"}
    auths = {"https://gcr.io": {"auth": "dTpw"}}
    cli.write(cli.docker, json.dumps({"credHelpers": helpers, "auths": auths}))
    own = {"us.gcr.io": {}, "eu.gcr.io": {}, "asia.gcr.io": {}}
    cli.write(cli.own, json.dumps({"TokenSources": ["none"], "Registries": own}))

    document = load(cli)

    assert {
        entry["registry"]: [
            (item["text"].replace(repr(str(cli.docker)), "CONFIG"), item["command"])
            for item in entry["problems"]
        ]
        for entry in document["registries"]
    } == DISAGREEMENTS


def test_the_lines_for_a_person(cli: Any, make_key: Callable[..., Path]) -> None:
    key = make_key()
    cli("configure-docker", "--registries", "localhost:5000", "--token-source", f"file:{key}")
    cli.write(cli.docker, '{"credHelpers": {"localhost:5000": "gcr", "gcr.io": "gcr"}}')

    outcome = cli("status")

    assert (outcome.status, outcome.stderr) == (0, "")
    assert [line.split() for line in outcome.stdout.splitlines()] == [
        ["REGISTRY", "SOURCE", "ACCOUNT", "TOKEN"],
        ["localhost:5000", f"file:{key}", EMAIL, "a", "new", "one", "at", "the", "next", "call"],
        ["gcr.io", "-", "-", "no", "credential"],
    ]


def test_no_secret_is_shown(cli: Any, make_key: Callable[..., Path]) -> None:
    key = make_key()
    cli.write(cli.own.with_name("docker_credentials.json"), '{"gcrCreds": {"refresh_token": "1//s3cret"}}')
    cli("configure-docker", "--registries", "localhost:5000", "--token-source", f"store,file:{key}")

    texts = [cli("status", *options).stdout for options in ((), ("--json",))]

    assert [text for text in texts if "s3cret" in text or "PRIVATE" in text] == []


def test_a_configuration_that_cannot_be_read_is_named(cli: Any) -> None:
    cli.write(cli.docker, "[]")

    outcome = cli("status")

    assert (outcome.status, outcome.stdout) == (1, "")
    assert outcome.stderr.startswith(
        f"docker-credential-gcr: {str(cli.docker)!r}, line 1: not a JSON object\n"
    )
