"""Mistyped keys and options of the helper's configuration are named (D30)."""

import json
from pathlib import Path
from typing import Any

import pytest

ADDRESS = "is not the address of a service account, such as ci@my-project.iam.gserviceaccount.com"
KEYS: dict[str, tuple[dict[str, Any], str | None]] = {
    "d30-singular": (
        {"TokenSource": ["env"]},
        "the key 'TokenSource' is ignored: rename it to 'TokenSources'",
    ),
    "d30-another case": ({"timeout": 3}, "the key 'timeout' is ignored: rename it to 'Timeout'"),
    "d30-of a registry": (
        {"Registries": {"gcr.io": {"Impersonat": "ci@p.iam"}}},
        "Registries['gcr.io']: the key 'Impersonat' is ignored: rename it to 'Impersonate'",
    ),
    "d30-at the wrong place": (
        {"Registries": {"gcr.io": {"Timeout": 3}}},
        "Registries['gcr.io']: the key 'Timeout' is ignored here: it applies to all registries: "
        "move it to the top of the file",
    ),
    "d30-another program's": ({"DefaultToGCRAccessToken": True}, None),
    "d30-none": ({"TokenSources": ["env"], "Registries": {"gcr.io": {"Scopes": []}}}, None),
}


@pytest.mark.parametrize("name", KEYS)
def test_a_misspelt_key_is_named_by_config_and_doctor(cli: Any, name: str) -> None:
    content, text = KEYS[name]
    cli.write(cli.own, json.dumps(content))

    shown = cli("config", "--show")
    found = json.loads(cli("doctor", "--json", "quay.io").stdout)["findings"]

    told = f"'{cli.own}': {text}"
    assert shown.stderr == (f"warning: {told}\n" if text else "")
    assert [(f["state"], f["text"], f["command"]) for f in found if f["check"] == "configuration"] == (
        [("warning", told, None)] if text else []
    )


OPTIONS = {
    "d30-no address": (("--impersonate", "notanemail"), f"--impersonate 'notanemail' {ADDRESS}"),
    "d30-no user": (("--impersonate", "@p.iam"), f"--impersonate '@p.iam' {ADDRESS}"),
    "d30-two": (("--impersonate", "a@b@c"), f"--impersonate 'a@b@c' {ADDRESS}"),
    "d30-a delegate": (("--delegates", "a@p.iam,b"), f"--delegates 'b' {ADDRESS}"),
    "d30-a path": (
        ("--token-source", "key.json"),
        "token source 'key.json' is unknown: did you mean 'file:key.json'?",
    ),
    "d30-for one registry": (
        ("--registry", "gcr.io", "--timeout", "3"),
        "--min-ttl, --timeout and --on-error apply to all registries: leave out --registry",
    ),
}


@pytest.mark.parametrize("name", OPTIONS)
def test_a_mistyped_option_is_refused(cli: Any, name: str) -> None:
    arguments, fault = OPTIONS[name]

    outcome = cli("config", *arguments)

    assert (outcome.status, outcome.stdout, outcome.stderr) == (2, "", f"docker-credential-gcr: {fault}\n")
    assert not cli.own.exists()


@pytest.mark.parametrize("seconds", ["10", "50000"])
def test_d30_a_lifetime_out_of_range_is_the_options_fault(cli: Any, seconds: str) -> None:
    outcome = cli("config", "--lifetime", seconds)

    assert outcome.status == 2
    assert outcome.stderr.splitlines()[-1].startswith("Error: Invalid value for '--lifetime': ")
    assert not cli.own.exists()


def test_d30_what_is_for_all_registries_is_set_and_taken_back(cli: Any) -> None:
    outcome = cli("config", "--min-ttl", "60", "--timeout", "2.5", "--on-error", "anonymous")

    assert outcome.stderr == "MinTTL: set\nTimeout: set\nOnError: set\n"
    assert json.loads(cli.own.read_text()) == {"MinTTL": 60, "Timeout": 2.5, "OnError": "anonymous"}
    cli("config", "--unset", "MinTTL", "--unset", "timeout", "--unset", "on-error")
    assert json.loads(cli.own.read_text()) == {}


TOKEN_FILES = {
    "d30-absent": (None, "cannot read token file 'PATH': No such file or directory"),
    "d30-empty": ("", "token file 'PATH' is empty"),
    "d30-a key": ('{"type": "x"}', "token file 'PATH' holds more than a token"),
}


@pytest.mark.parametrize("name", TOKEN_FILES)
@pytest.mark.parametrize("command", ["config", "configure-docker"])
def test_a_token_file_is_checked_as_a_key_file_is(cli: Any, command: str, name: str) -> None:
    text, fault = TOKEN_FILES[name]
    path = str(cli.directory / "key.json")
    if text is not None:
        cli.write(Path(cli.directory, "key.json"), text)

    outcome = cli(command, "--token-source", "token-file:key.json")

    assert (outcome.status, outcome.stdout) == (1, "")
    assert outcome.stderr == (
        f"docker-credential-gcr: {fault.replace('PATH', path)}\nhint: for a key file: file:{path}\n"
    )
    assert not cli.own.exists()


CLIENTS = {
    "d30-a desktop client": {"installed": {"client_id": "x"}},
    "d30-a web client": {"web": {"client_id": "x"}},
}


@pytest.mark.parametrize("name", CLIENTS)
def test_an_oauth_clients_file_is_named_as_what_it_is(cli: Any, name: str) -> None:
    path = cli.directory / "client.json"
    path.write_text(json.dumps(CLIENTS[name]))

    outcome = cli("config", "--token-source", "file:client.json")

    assert outcome.status == 1
    assert outcome.stderr.splitlines() == [
        f"docker-credential-gcr: key file '{path}' is an OAuth client's: "
        "it identifies a program, and gives no access to a registry",
        "hint: create a new JSON key for the service account, or run `docker-credential-gcr login`",
    ]


@pytest.mark.parametrize("command", ["status", "doctor"])
def test_d30_the_help_names_no_file_that_is_not_installed(cli: Any, command: str) -> None:
    assert "docs/" not in cli(command, "--help").stdout
