"""docker and skopeo judge the tables of support/docker_configs.py, and whether each member is known."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from clients.command import Client
from support.docker_configs import ALL, VALUES, list_texts

from docker_credential_gcr.errors import ConfigError
from docker_credential_gcr.helper.configure import docker_types
from docker_credential_gcr.helper.configure.docker_types import DOCKER

TAG = re.compile(rb'json:"(\w+)(?:,omitempty)?"')
Judge = Callable[[str], bool]


@pytest.fixture
def ask_docker(find_client: Callable[[str], Client], place: Path) -> Judge:
    """Returns whether docker accepts a config.json, without an engine."""
    docker = find_client("docker")

    def ask(text: str) -> bool:
        (place / "config.json").write_text(text)
        told = docker("version", DOCKER_CONFIG=str(place), DOCKER_HOST="unix:///nonexistent").stderr
        return "WARNING: Error parsing config file" not in told

    return ask


@pytest.fixture
def ask_skopeo(skopeo: Client, place: Path) -> Judge:
    """Returns whether skopeo, and so podman, accepts an auth.json."""

    def ask(text: str) -> bool:
        (place / "auth.json").write_text(text)
        told = skopeo("login", "--get-login", "--authfile", place / "auth.json", "x.example").stderr
        return "unmarshaling JSON" not in told

    return ask


@pytest.fixture(params=ALL)
def judge(request: pytest.FixtureRequest) -> tuple[str, Judge]:
    client = request.param
    return client, request.getfixturevalue({"docker": "ask_docker", "podman": "ask_skopeo"}[client])


def is_taken(text: str, client: str) -> bool:
    """Returns whether the helper accepts a file."""
    try:
        docker_types.check(text, "config.json", ALL[client][0])
    except ConfigError:
        return False
    return True


def test_z60_the_client_refuses_and_takes_the_same_files(judge: tuple[str, Judge]) -> None:
    client, ask = judge
    _, refused, taken = ALL[client]

    assert [text for text in refused if ask(text)] == []
    assert [text for text in taken if not ask(text)] == []


def test_z60_the_client_judges_each_member_as_the_helper_does(judge: tuple[str, Judge]) -> None:
    client, ask = judge

    assert [text for text in list_texts(ALL[client][0]) if ask(text) != is_taken(text, client)] == []


def test_z60_docker_knows_no_member_that_the_helper_does_not(
    find_client: Callable[[str], Client], ask_docker: Judge
) -> None:
    tags = {tag.decode() for tag in TAG.findall(Path(find_client("docker").program).resolve().read_bytes())}
    known = {docker_types.fold(tag): tag for tag in tags}
    members = DOCKER.members or {}
    logins, proxies = ((members[name].value or DOCKER).members or {} for name in ("auths", "proxies"))

    assert set(members) <= set(known)
    for value in VALUES:
        rest, login, proxy = (
            {tag: value for name, tag in known.items() if name not in names}
            for names in (members, logins, proxies)
        )
        assert ask_docker(json.dumps({**rest, "auths": {"a": login}, "proxies": {"a": proxy}}))
