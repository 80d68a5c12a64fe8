"""Malformed config.json: each command that reads it names the fault, and none changes the file."""

import json
from typing import Any

import pytest
from support.docker_configs import REFUSED_BY_DOCKER, REFUSED_BY_PODMAN

from docker_credential_gcr.helper import protocol

HINT = "hint: correct the file, or move it away\n"


@pytest.fixture
def cli(cli: Any) -> Any:
    """Returns the program with a token for Google's hosts."""
    (cli.directory / "token").write_text("ya29.file")
    cli.write(cli.own, json.dumps({"TokenSources": [f"token-file:{cli.directory}/token"]}))
    return cli


COMMANDS = (
    *("configure-docker --registries gcr.io", "configure-docker --registries gcr.io --dry-run"),
    *("unconfigure-docker", "status", "write-auth --format docker --registries gcr.io"),
)


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: f"I-Z60-{command}")
def test_z60_it_is_refused_with_path_line_and_member_and_left_alone(cli: Any, command: str) -> None:
    for text, fault in REFUSED_BY_DOCKER.items():
        cli.write(cli.docker, text)

        outcome = cli(*command.split())

        told = f"docker-credential-gcr: {str(cli.docker)!r}, {fault}\n{HINT}"
        assert (outcome.status, outcome.stdout, outcome.stderr) == (1, "", told)
        assert cli.docker.read_text() == text


def test_z60_list_refuses_it_on_stdout_for_docker(cli: Any, capfd: Any) -> None:
    for text, fault in REFUSED_BY_DOCKER.items():
        cli.write(cli.docker, text)

        status = protocol.run(["list"], environ=cli.environ)

        assert (status, capfd.readouterr().out) == (1, f"{str(cli.docker)!r}, {fault}\n")


def test_z60_doctor_finds_a_fault_of_docker_s_configuration(cli: Any) -> None:
    for text, fault in list(REFUSED_BY_DOCKER.items())[:11]:
        cli.write(cli.docker, text)

        (found,) = (
            finding
            for finding in json.loads(cli("doctor", "--json", "gcr.io").stdout)["findings"]
            if finding["check"] == "docker configuration"
        )

        assert (found["state"], found["text"]) == ("fault", f"{str(cli.docker)!r}, {fault}")


@pytest.mark.parametrize(
    "command",
    [
        "configure-docker --registries gcr.io --authfile",
        "unconfigure-docker --authfile",
        "write-auth --format containers --registries gcr.io --output",
    ],
    ids=lambda command: f"I-Z60-{command}",
)
def test_z60_an_auth_json_that_podman_cannot_parse_is_refused_likewise(cli: Any, command: str) -> None:
    path = cli.home / "auth.json"
    for text, fault in REFUSED_BY_PODMAN.items():
        path.write_text(text)

        outcome = cli(*command.split(), str(path))

        told = f"docker-credential-gcr: {str(path)!r}, {fault}\n{HINT}"
        assert (outcome.status, outcome.stdout, outcome.stderr) == (1, "", told)
        assert path.read_text() == text
