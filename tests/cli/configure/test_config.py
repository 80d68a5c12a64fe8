"""The command `config`: it shows, changes and removes settings, and leaves the rest of the file as it is."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

USE = "use store, env, gcloud, gcloud:CONFIGURATION, file:PATH, token-file:PATH, metadata or none"
SCOPES = ["https://www.googleapis.com/auth/cloud-platform"]
DEFAULT = {
    "TokenSources": ["store", "env"],
    "Account": None,
    "Impersonate": None,
    "Delegates": [],
    "Lifetime": 3600,
    "Scopes": SCOPES,
}


def see(outcome: Any) -> tuple[int, str, str]:
    return outcome.status, outcome.stdout, outcome.stderr


def test_a_token_source_is_set_and_said(cli: Any) -> None:
    outcomes = [see(cli("config", "--token-source", "store, gcloud")) for _ in range(2)]

    assert outcomes == [(0, "", "TokenSources: set\n"), (0, "", "TokenSources: unchanged\n")]
    assert json.loads(cli.own.read_text()) == {"TokenSources": ["store", "gcloud"]}
    assert cli.own.stat().st_mode & 0o777 == 0o600


def test_a_registry_gets_its_own_settings(cli: Any) -> None:
    arguments = ["--registry", "https://US-docker.pkg.dev/v2/", "--impersonate", "ci@p.iam"]
    arguments += ["--delegates", "a@p.iam, b@p.iam", "--lifetime", "600", "--scopes", "s"]
    arguments += ["--account", "me@x.example", "--token-source", "gcloud:work"]

    outcome = see(cli("config", *arguments))

    names = ("TokenSources", "Account", "Impersonate", "Delegates", "Lifetime", "Scopes")
    assert outcome == (0, "", "".join(f"us-docker.pkg.dev: {name}: set\n" for name in names))
    assert json.loads(cli.own.read_text()) == {
        "Registries": {
            "us-docker.pkg.dev": {
                "TokenSources": ["gcloud:work"],
                "Account": "me@x.example",
                "Impersonate": "ci@p.iam",
                "Delegates": ["a@p.iam", "b@p.iam"],
                "Lifetime": 600,
                "Scopes": ["s"],
            }
        }
    }


def test_what_is_in_force_is_shown(cli: Any) -> None:
    cli.write(
        cli.own, json.dumps({"Account": "me@x", "Registries": {"gcr.io": {"TokenSources": ["gcloud"]}}})
    )

    whole, registry = (
        json.loads(cli("config", "--show", *more).stdout) for more in ([], ["--registry", "gcr.io"])
    )

    mine = DEFAULT | {"Account": "me@x"}
    assert registry == mine | {"TokenSources": ["gcloud"]}
    assert whole == {
        "File": str(cli.own),
        **mine,
        "MinTTL": 300,
        "Timeout": 10,
        "OnError": "fail",
        "SelfSignedJWT": False,
        "Registries": {"gcr.io": registry},
    }


def test_without_a_file_the_defaults_are_shown(cli: Any) -> None:
    assert json.loads(cli("config", "--show", "--registry", "gcr.io").stdout) == DEFAULT


def test_a_key_is_taken_out_and_all_else_stays_as_it_was(cli: Any) -> None:
    content = {"x": [1, 2], "TokenSources": ["env"], "Registries": {"gcr.io": {"Scopes": ["s"], "y": 1}}}
    cli.write(cli.own, json.dumps(content, indent="\t") + "\n")

    outcomes = [
        see(cli("config", "--unset", "token-source")),
        see(cli("config", "--unset", "Scopes", "--registry", "gcr.io")),
        see(cli("config", "--unset", "Impersonate")),
    ]

    assert outcomes == [
        (0, "", "TokenSources: unset\n"),
        (0, "", "gcr.io: Scopes: unset\n"),
        (0, "", "Impersonate: unchanged\n"),
    ]
    left = {"x": [1, 2], "Registries": {"gcr.io": {"y": 1}}}
    assert cli.own.read_text() == json.dumps(left, indent="\t") + "\n"


def test_everything_is_removed_and_removing_nothing_is_no_fault(cli: Any) -> None:
    cli.write(cli.own, '{"TokenSources": ["env"]}')

    outcomes = [see(cli("config", "--unset-all", *more)) for more in ([], [], ["--token-source", "env"])]

    assert outcomes == [
        (0, "", "configuration: removed\n"),
        (0, "", "configuration: there was none\n"),
        (0, "", "configuration: there was none\n"),
    ]
    assert not cli.own.exists()


def test_a_registry_is_removed_alone(cli: Any) -> None:
    cli.write(cli.own, '{"Registries": {"gcr.io": {}, "eu.gcr.io": {"Scopes": ["s"]}}}')

    outcomes = [see(cli("config", "--unset-all", "--registry", "eu.gcr.io")) for _ in range(2)]

    assert outcomes == [(0, "", "eu.gcr.io: removed\n"), (0, "", "eu.gcr.io: there was none\n")]
    assert cli.own.read_text() == '{"Registries": {"gcr.io": {}}}'


def test_config_alone_explains_itself(cli: Any) -> None:
    outcome = cli("config")

    assert (outcome.status, outcome.stderr) == (0, "")
    assert outcome.stdout.startswith("Usage: docker-credential-gcr config [OPTIONS]\n")


REFUSED = [
    (("--token-source", ""), f"--token-source names no token source: {USE}"),
    (("--token-source", "gcloud_sdk"), f"token source 'gcloud_sdk' is unknown: {USE}"),
    (
        ("--unset", "Bogus"),
        "--unset 'Bogus' is not a key: use one of Account, Delegates, Impersonate, "
        "Lifetime, MinTTL, OnError, Registries, Scopes, SelfSignedJWT, Timeout, TokenSources",
    ),
    (
        ("--unset", "MinTTL", "--registry", "gcr.io"),
        "--unset 'MinTTL' is not a key: use one of Account, "
        "Delegates, Impersonate, Lifetime, Scopes, TokenSources",
    ),
    (("--registry", "docker.io", "--show"), "'docker.io' is Docker Hub, which takes no Google credential"),
]


@pytest.mark.parametrize(("arguments", "fault"), REFUSED)
def test_what_cannot_be_is_a_usage_error(cli: Any, arguments: tuple[str, ...], fault: str) -> None:
    assert see(cli("config", *arguments)) == (2, "", f"docker-credential-gcr: {fault}\n")
    assert not cli.own.exists()


def test_a_file_that_the_helper_would_refuse_is_not_written(cli: Any) -> None:
    content = '{"TokenSources": ["env"], "Lifetime": 50000}'
    cli.write(cli.own, content)

    outcome = cli("config", "--account", "me@x.example")

    fault = f"{str(cli.own)!r}: Lifetime must be a number of seconds from 60 to 43200"
    assert see(outcome) == (1, "", f"docker-credential-gcr: {fault}\n")
    assert cli.own.read_text() == content


def test_a_malformed_file_is_refused_and_left(cli: Any) -> None:
    cli.write(cli.own, "{")

    outcome = cli("config", "--token-source", "env")

    assert outcome.status == 1
    assert outcome.stderr.startswith(f"docker-credential-gcr: {str(cli.own)!r}, line 1 column 2: ")
    assert cli.own.read_text() == "{"


def test_a_key_that_will_never_serve_the_registry_is_refused(cli: Any, make_key: Callable[..., Path]) -> None:
    key = make_key()

    outcomes = [
        cli("config", "--token-source", "file:key.json", *more)
        for more in ([], ["--registry", "localhost:5000"])
    ]

    fault = f"key file {str(key)!r} is for localhost:5000: its tokens are not sent to Google's gcr.io"
    assert see(outcomes[0]) == (1, "", f"docker-credential-gcr: {fault}\nhint: use a key from Google\n")
    assert see(outcomes[1]) == (0, "", "localhost:5000: TokenSources: set\n")
    assert json.loads(cli.own.read_text())["Registries"]["localhost:5000"] == {
        "TokenSources": [f"file:{key}"]
    }


def test_the_file_that_the_variable_names_is_changed(cli: Any, tmp_path: Path) -> None:
    path = tmp_path / "sub/own.json"

    outcome = cli("config", "--token-source", "none", DOCKER_CREDENTIAL_GCR_CONFIG=str(path))

    assert see(outcome) == (0, "", "TokenSources: set\n")
    assert json.loads(path.read_text()) == {"TokenSources": ["none"]}
