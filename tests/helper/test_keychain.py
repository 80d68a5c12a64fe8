"""Keychain: from a server string to a credential, which source is asked, and which is absent."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

NOT_FOUND = (1, "credentials not found in native keychain\n", "")
ABSENT = (
    "GOOGLE_APPLICATION_CREDENTIALS is not set, gcloud's well-known file does not exist "
    "and the metadata server is switched off"
)
HINT = "hint: configure a token source that has a credential\n"


def see(outcome: Any) -> tuple[int, str, str]:
    return outcome.status, outcome.stdout, outcome.stderr


def answer_of(server_url: str, secret: str) -> tuple[int, str, str]:
    answer = {"ServerURL": server_url, "Username": "oauth2accesstoken", "Secret": secret}
    return 0, json.dumps(answer, separators=(",", ":")) + "\n", ""


@pytest.fixture
def configured(helper: Any, make_key: Callable[..., Path]) -> Any:
    """Configures the helper with a key of the token server for localhost:5000."""
    helper.key = make_key()
    helper.configure({"Registries": {"localhost:5000": {"TokenSources": [f"file:{helper.key}"]}}})
    return helper


def test_get_buys_a_token_once_and_then_answers_from_the_cache(configured: Any, token_server: Any) -> None:
    outcomes = [
        see(configured("get", stdin=text)) for text in ("localhost:5000", " http://LOCALHOST:5000/v2/\n")
    ]

    assert outcomes == [
        answer_of("localhost:5000", "ya29.1"),
        answer_of("http://LOCALHOST:5000/v2/", "ya29.1"),
    ]
    assert [request["grant_type"] for request in token_server.requests] == [
        "urn:ietf:params:oauth:grant-type:jwt-bearer"
    ]


def test_env_reads_the_file_that_the_variable_names(configured: Any) -> None:
    configured.configure({"Registries": {"localhost:5000": {}}})

    outcome = configured("get", stdin="localhost:5000", GOOGLE_APPLICATION_CREDENTIALS=str(configured.key))

    assert see(outcome) == answer_of("localhost:5000", "ya29.1")


def test_env_reads_gclouds_well_known_file(configured: Any) -> None:
    configured.configure({"Registries": {"localhost:5000": {}}})
    configured.key.rename(configured.config.parent / "application_default_credentials.json")

    assert see(configured("get", stdin="localhost:5000")) == answer_of("localhost:5000", "ya29.1")


def test_a_variable_that_names_no_file_is_a_failure(helper: Any) -> None:
    absent = str(helper.directory / "absent")

    outcome = helper("get", stdin="gcr.io", GOOGLE_APPLICATION_CREDENTIALS=absent)

    message = (
        "no access token for gcr.io: store: no login is stored; env: GOOGLE_APPLICATION_CREDENTIALS: "
        f"cannot read key file {absent!r}: No such file or directory\n"
    )
    hint = "hint: name the JSON key file of a service account\n"
    assert see(outcome) == (1, message, f"docker-credential-gcr: {message}{hint}")


def test_credentials_of_an_unknown_type_are_a_failure_that_names_it(configured: Any) -> None:
    well_known = configured.config.parent / "application_default_credentials.json"
    well_known.write_text('{"type": "api_key", "refresh_token": "1//secret"}')

    outcome = configured("get", stdin="gcr.io")

    message = (
        "no access token for gcr.io: store: no login is stored; env: "
        f"key file {str(well_known)!r} has the unknown type 'api_key'\n"
    )
    hint = "hint: create a new JSON key for the service account\n"
    assert see(outcome) == (1, message, f"docker-credential-gcr: {message}{hint}")


def test_the_environment_wins_over_the_file(configured: Any) -> None:
    outcome = configured("get", stdin="localhost:5000", DOCKER_CREDENTIAL_GCR_TOKEN_SOURCE="env,none")

    assert see(outcome) == NOT_FOUND


@pytest.mark.parametrize("server_url", ["gcr.io", "us-docker.pkg.dev"])
def test_no_credential_anywhere_is_no_fault(helper: Any, server_url: str) -> None:
    assert see(helper("get", stdin=server_url)) == NOT_FOUND


@pytest.mark.parametrize("sources", [["none"], ["env", "none"], ["store", "env", "none"]])
def test_a_list_with_none_in_it_may_find_nothing(helper: Any, sources: list[str]) -> None:
    helper.configure({"TokenSources": sources})

    assert see(helper("get", stdin="gcr.io")) == NOT_FOUND


def test_edge_36_a_configured_list_that_finds_nothing_has_failed_and_names_every_source(helper: Any) -> None:
    helper.configure({"TokenSources": ["store", "env"]})

    message = f"no access token for gcr.io: store: no login is stored; env: {ABSENT}\n"
    assert see(helper("get", stdin="gcr.io")) == (1, message, f"docker-credential-gcr: {message}{HINT}")


def test_a_failure_is_an_absence_where_that_is_configured_and_says_so(helper: Any) -> None:
    helper.configure({"OnError": "anonymous", "TokenSources": ["env"]})

    notice = f"docker-credential-gcr: anonymous, as configured: no access token for gcr.io: env: {ABSENT}\n"
    assert see(helper("get", stdin="gcr.io")) == (1, NOT_FOUND[1], notice)


def test_an_emptied_store_is_an_absence(helper: Any) -> None:
    store = helper.home / "store.json"
    store.write_text("{}")

    assert see(helper("get", stdin="gcr.io", DOCKER_CREDENTIAL_GCR_STORE=str(store))) == NOT_FOUND


def test_t05_a_cached_token_of_an_emulator_is_not_found_for_google(
    configured: Any, token_server: Any
) -> None:
    configured.configure({"TokenSources": [f"file:{configured.key}"], "Registries": {"localhost:5000": {}}})
    assert configured("get", stdin="localhost:5000").status == 0

    outcome = configured("get", stdin="gcr.io")

    message = (
        f"no access token for gcr.io: file: key file {str(configured.key)!r} is for {token_server.host}: "
        "its tokens are not sent to Google's gcr.io\n"
    )
    assert see(outcome) == (1, message, f"docker-credential-gcr: {message}hint: use a key from Google\n")


def test_edge_27_another_key_under_the_same_name_buys_another_token(configured: Any) -> None:
    assert see(configured("get", stdin="localhost:5000")) == answer_of("localhost:5000", "ya29.1")
    other = configured.key.with_name("other")
    other.write_text(configured.key.read_text() + "\n")
    os.replace(other, configured.key)

    assert see(configured("get", stdin="localhost:5000")) == answer_of("localhost:5000", "ya29.2")


def test_edge_27_other_scopes_buy_another_token(configured: Any, token_server: Any) -> None:
    assert configured("get", stdin="localhost:5000").status == 0
    registry = {"TokenSources": [f"file:{configured.key}"], "Scopes": ["read-only"]}
    configured.configure({"Registries": {"localhost:5000": registry}})

    assert see(configured("get", stdin="localhost:5000")) == answer_of("localhost:5000", "ya29.2")
    assert len(token_server.requests) == 2


def test_a_host_that_is_not_configured_gets_nothing_of_a_configured_source(
    configured: Any, token_server: Any
) -> None:
    outcomes = [
        see(configured("get", stdin=host)) for host in ("localhost:5001", "localhost", "localhost:5000.")
    ]

    assert outcomes == [NOT_FOUND] * 3
    assert token_server.requests == []


def test_the_secret_does_not_show_in_a_credential() -> None:
    from docker_credential_gcr.helper.keychain import Credential

    assert repr(Credential("gcr.io", "u", "ya29.secret")) == "Credential('gcr.io', 'u', <hidden>)"
