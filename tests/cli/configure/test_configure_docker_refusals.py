"""Refusals of `configure-docker`: the messages, and that nothing is written."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

GOOGLE_URI = "https://oauth2.googleapis.com/token"


def see(outcome: Any) -> tuple[int, str, str]:
    return outcome.status, outcome.stdout, outcome.stderr


NO_REGISTRY = "is not a registry: name a host, such as us-docker.pkg.dev or localhost:5000"
WORKING = "use store, env, gcloud, gcloud:CONFIGURATION, file:PATH, token-file:PATH, metadata or none"
USAGE = [
    (("--registries", ""), "--registries names no registry"),
    (("--registries", " ,"), "--registries names no registry"),
    (("--registries", "*.gcr.io"), f"'*.gcr.io' {NO_REGISTRY}"),
    (("--registries", '"gcr.io'), f"'\"gcr.io' {NO_REGISTRY}"),
    (("--registries", "gcr.io."), f"'gcr.io.' {NO_REGISTRY}"),
    (("--registries", "gсr.io"), f"'gсr.io' {NO_REGISTRY}"),  # noqa: RUF001 - a look-alike letter
    (("--registries", "gcr.io:0"), f"'gcr.io:0' {NO_REGISTRY}"),
    (("--registries", "localhost:99999"), f"'localhost:99999' {NO_REGISTRY}"),
    (("--registries", "a..b"), f"'a..b' {NO_REGISTRY}"),
    (("--registries", "docker.io"), "'docker.io' is Docker Hub, which takes no Google credential"),
    (
        ("--registries", "localhost:5000"),
        "'localhost:5000' is not Google's: name its token source with --token-source",
    ),
    (("--token-source", ""), f"--token-source names no token source: {WORKING}"),
    (("--token-source", "bogus"), f"token source 'bogus' is unknown: {WORKING}"),
    (("--token-source", "gcloud_sdk"), f"token source 'gcloud_sdk' is unknown: {WORKING}"),
    (("--token-source", "env,gcloud:../x"), f"token source 'gcloud:../x' is unknown: {WORKING}"),
]


@pytest.mark.parametrize(("arguments", "fault"), USAGE)
def test_what_cannot_be_asked_for_is_a_usage_error(cli: Any, arguments: tuple[str, ...], fault: str) -> None:
    outcome = cli("configure-docker", *arguments)

    assert see(outcome) == (2, "", f"docker-credential-gcr: {fault}\n")
    assert list(cli.home.iterdir()) == []


def test_a_key_file_that_is_not_there_is_refused_before_anything_is_written(cli: Any) -> None:
    outcome = cli("configure-docker", "--token-source", "file:absent.json")

    path = str(cli.directory / "absent.json")
    fault = f"docker-credential-gcr: cannot read key file {path!r}: No such file or directory\n"
    assert see(outcome) == (1, "", fault + "hint: name the JSON key file of a service account\n")
    assert list(cli.home.iterdir()) == []


def test_a_key_that_cannot_sign_is_refused_before_anything_is_written(
    cli: Any, make_key: Callable[..., Path]
) -> None:
    key = make_key(private_key="garbage")

    outcome = cli("configure-docker", "--token-source", f"file:{key}")

    fault = f"docker-credential-gcr: key file {str(key)!r}: the private key is not PEM\n"
    assert see(outcome) == (1, "", fault + "hint: create a new JSON key for the service account\n")
    assert list(cli.home.iterdir()) == []


@pytest.mark.parametrize(
    ("token_uri", "host", "fault"),
    [
        (
            "http://localhost:5000/token",
            "gcr.io",
            "is for localhost:5000: its tokens are not sent to Google's gcr.io",
        ),
        (GOOGLE_URI, "localhost:5000", "is Google's: its tokens are not sent to localhost:5000"),
    ],
)
def test_a_key_of_another_trust_domain_is_refused_before_anything_is_written(
    cli: Any, make_key: Callable[..., Path], token_uri: str, host: str, fault: str
) -> None:
    key = make_key(token_uri=token_uri)

    outcome = cli("configure-docker", "--registries", host, "--token-source", f"file:{key}")

    assert (outcome.status, outcome.stdout) == (1, "")
    assert outcome.stderr.splitlines()[0] == f"docker-credential-gcr: key file {str(key)!r} {fault}"
    assert list(cli.home.iterdir()) == []


def test_a_malformed_configuration_of_the_helper_is_refused_before_anything_is_written(cli: Any) -> None:
    cli.write(cli.own, "{,}")

    outcome = cli("configure-docker", "--token-source", "env")

    fault = f"{str(cli.own)!r}, line 1 column 2: Expecting property name enclosed in double quotes"
    assert see(outcome) == (
        1,
        "",
        f"docker-credential-gcr: {fault}\nhint: correct the file, or move it away\n",
    )
    assert not cli.docker.exists()


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        ('{"Registries": []}', "'Registries' is not an object"),
        ('{"Registries": {"gcr.io": "x"}}', "'gcr.io' is not an object"),
    ],
)
def test_a_configuration_that_is_not_understood_is_left_alone(cli: Any, content: str, fault: str) -> None:
    cli.write(cli.own, content)

    outcome = cli("configure-docker", "--registries", "gcr.io", "--token-source", "env")

    hint = "hint: correct the file, or move it away\n"
    assert see(outcome) == (1, "", f"docker-credential-gcr: {str(cli.own)!r}: {fault}\n{hint}")
    assert cli.own.read_text() == content
    assert not cli.docker.exists()
