"""Token endpoint of a login (D18): the login stays with it, in every shell."""

import json
import shlex
import sys
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def registry(authorization_server: Any) -> str:
    return str(authorization_server.url.removeprefix("http://"))


@pytest.fixture
def store(cli: Any) -> Path:
    return Path(cli.own.with_name("docker_credentials.json"))


def log_in(cli: Any, server: Any) -> Any:
    script = cli.directory / "browser.py"
    script.write_text("import sys, urllib.request\nurllib.request.urlopen(sys.argv[1])\n")
    browser = f"{shlex.quote(sys.executable)} {script} %s"
    return cli.run_program("login", BROWSER=browser, **server.environ)


def expire(store: Path) -> None:
    content = json.loads(store.read_text())
    content["gcrCreds"]["token_expiry"] = "2020-01-01T00:00:00Z"
    store.write_text(json.dumps(content))


def test_d18_another_shell_buys_tokens_where_the_login_was_made(
    cli: Any, authorization_server: Any, registry: str, store: Path
) -> None:
    log_in(cli, authorization_server)
    cli("configure-docker", "--registries", registry, "--token-source", "store")
    expire(store)

    outcome = cli("print-token", registry)

    assert (outcome.status, outcome.stdout, outcome.stderr) == (0, "ya29.refreshed\n", "")
    assert json.loads(store.read_text())["gcrCreds"]["token_uri"] == f"{authorization_server.url}/token"


def test_d18_logout_in_another_shell_ends_the_login_where_it_was_made(
    cli: Any, authorization_server: Any
) -> None:
    log_in(cli, authorization_server)
    assert authorization_server.logins == {"1//login-0"}

    outcome = cli("logout")

    assert (outcome.status, outcome.stderr.splitlines()[0]) == (0, "login: revoked and forgotten")
    assert authorization_server.logins == set()


def test_d18_a_variable_does_not_lead_a_login_to_another_endpoint(
    cli: Any, authorization_server: Any, store: Path
) -> None:
    googles = {"refresh_token": "1//google", "token_uri": "https://oauth2.googleapis.com/token"}
    cli.write(store, json.dumps({"gcrCreds": googles}))
    cli.write(cli.own, '{"Registries": {"localhost:5000": {"TokenSources": ["store"]}}}')

    outcome = cli("print-token", "localhost:5000", **authorization_server.environ)

    assert (outcome.status, outcome.stdout) == (1, "")
    fault = f"the login in {str(store)!r} is Google's: its tokens are not sent to localhost:5000"
    assert fault in outcome.stderr


def test_d18_an_old_login_belongs_to_the_endpoint_of_the_environment(
    cli: Any, authorization_server: Any, registry: str, store: Path
) -> None:
    authorization_server.logins.add("1//old")
    cli.write(store, '{"gcrCreds": {"refresh_token": "1//old"}}')
    cli("configure-docker", "--registries", registry, "--token-source", "store")

    outcome = cli("print-token", registry, **authorization_server.environ)

    assert (outcome.status, outcome.stdout, outcome.stderr) == (0, "ya29.refreshed\n", "")


def test_d18_an_invalid_token_endpoint_is_named(cli: Any, store: Path) -> None:
    cli.write(store, '{"gcrCreds": {"refresh_token": "1//x", "token_uri": "nowhere"}}')

    outcome = cli("print-token", "gcr.io")

    assert outcome.status == 1
    assert f"the login in {str(store)!r}: 'token_uri' is not an http or https URL" in outcome.stderr


def test_d18_the_next_step_of_a_login_makes_docker_use_it(
    cli: Any, authorization_server: Any, registry: str
) -> None:
    first = log_in(cli, authorization_server).stderr.splitlines()[-1]
    assert (
        first == f"next: docker-credential-gcr configure-docker --registries {registry} --token-source store"
    )

    cli(*first.split()[2:])

    assert json.loads(cli.docker.read_text())["credHelpers"] == {registry: "gcr"}
    assert cli("print-token", registry).stdout == "ya29.first\n"
    assert log_in(cli, authorization_server).stderr.splitlines()[-1].startswith("logged in; ")
