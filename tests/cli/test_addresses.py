"""Hosts in options, arguments and variables: any other text is refused in one line."""

from typing import Any

import pytest
from support.malformed_hosts import MALFORMED

OPTIONS: dict[str, tuple[str, ...]] = {
    "configure-docker": ("configure-docker", "--token-source", "env", "--registries", "HOST"),
    "configure-docker, with a port": ("configure-docker", "--token-source", "env", "--registries", "HOST:1"),
    "unconfigure-docker": ("unconfigure-docker", "--registries", "HOST"),
    "config": ("config", "--token-source", "env", "--registry", "HOST"),
    "login": ("login", "--key-file", "key.json", "--registries", "HOST"),
    "write-auth": ("write-auth", "--format", "containers", "--registries", "HOST"),
    "print-token": ("print-token", "HOST"),
    "doctor": ("doctor", "HOST/my-project/app"),
}


@pytest.mark.parametrize("option", OPTIONS, ids=lambda option: f"K-Z69-{option}")
@pytest.mark.parametrize("name", MALFORMED)
def test_z69_a_text_that_is_not_a_host_is_a_usage_error(cli: Any, option: str, name: str) -> None:
    (cli.directory / "key.json").write_text("{}")

    outcome = cli(*(word.replace("HOST", MALFORMED[name]) for word in OPTIONS[option]))

    lines = [
        line for line in outcome.stderr.splitlines() if not line.startswith(("hint: ", "Usage: ", "Try "))
    ]
    assert (outcome.status, outcome.stdout, len(list(filter(None, lines)))) == (2, "", 1)


@pytest.mark.parametrize(
    "variable", ["GCE_METADATA_HOST", "GCE_METADATA_IP"], ids=lambda name: f"K-Z69-{name}"
)
@pytest.mark.parametrize("name", sorted(MALFORMED.keys() - {"nothing"}))
def test_z69_a_metadata_server_that_is_not_a_host_is_named_in_one_line(
    cli: Any, variable: str, name: str
) -> None:
    cli.write(cli.own, '{"Registries": {"registry.example": {"TokenSources": ["metadata"]}}}')

    outcome = cli("print-token", "registry.example", **{variable: MALFORMED[name]})

    fault, hint = outcome.stderr.splitlines()
    assert (outcome.status, outcome.stdout, hint) == (1, "", f"hint: correct or unset {variable}")
    assert fault.startswith("docker-credential-gcr: no access token for registry.example: metadata: ")


URLS = ("CLOUDSDK_AUTH_TOKEN_HOST", "CLOUDSDK_AUTH_AUTH_HOST")


@pytest.mark.parametrize("variable", URLS, ids=lambda name: f"K-Z69-{name}")
@pytest.mark.parametrize("name", MALFORMED)
def test_z69_an_endpoint_without_a_host_is_named_in_one_line(cli: Any, variable: str, name: str) -> None:
    outcome = cli("login", "--no-browser", **{variable: f"https://{MALFORMED[name]}/token"})

    fault = f"docker-credential-gcr: {variable} is not an http or https URL\n"
    assert (outcome.status, outcome.stdout, outcome.stderr) == (1, "", fault)
