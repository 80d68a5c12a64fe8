"""The command `print-token`: the token on stdout, and the output of a failure."""

from typing import Any

import pytest


def see(outcome: Any) -> tuple[int, str, str]:
    return outcome.status, outcome.stdout, outcome.stderr


@pytest.fixture
def token_file(cli: Any) -> Any:
    (cli.directory / "token").write_text("ya29.file")
    cli.write(cli.own, f'{{"TokenSources": ["token-file:{cli.directory}/token"]}}')
    return cli


@pytest.mark.parametrize("arguments", [(), ("gcr.io",), ("https://us-docker.pkg.dev/v2/",), ("gcr.io/p/i",)])
def test_the_token_and_a_line_end(token_file: Any, arguments: tuple[str, ...]) -> None:
    assert see(token_file("print-token", *arguments)) == (0, "ya29.file\n", "")


def test_without_a_credential_it_ends_with_3(cli: Any) -> None:
    fault = "docker-credential-gcr: no credential for gcr.io\nhint: docker-credential-gcr login\n"
    assert see(cli("print-token")) == (3, "", fault)


def test_a_source_that_failed_ends_with_1(cli: Any) -> None:
    outcome = cli("print-token", GOOGLE_APPLICATION_CREDENTIALS=str(cli.directory / "absent"))

    assert (outcome.status, outcome.stdout) == (1, "")
    assert outcome.stderr.startswith("docker-credential-gcr: no access token for gcr.io: store: no login")


def test_another_registry_gets_no_token(token_file: Any) -> None:
    told = "'quay.io' is not Google's: name the token source whose tokens it may have"
    hint = "docker-credential-gcr config --registry quay.io --token-source file:KEY.json"
    assert see(token_file("print-token", "quay.io")) == (
        2,
        "",
        f"docker-credential-gcr: {told}\nhint: {hint}\n",
    )
