"""Checks of `doctor` without an emulator: the clock, Google's hosts, registries that do not answer."""

from collections.abc import Mapping

import pytest

from docker_credential_gcr.helper.doctor import checks, registry_client
from docker_credential_gcr.helper.doctor.access import RegistryAccess
from docker_credential_gcr.helper.doctor.findings import Finding
from docker_credential_gcr.helper.doctor.registry_checks import RegistryChecks
from docker_credential_gcr.helper.doctor.registry_client import Challenge, NoAnswer
from docker_credential_gcr.helper.google_auth import connection_faults
from docker_credential_gcr.helper.google_auth.http import Answer

TARGETS = {
    "gcr.io": ("gcr.io", None, None),
    "https://gcr.io/v2/": ("gcr.io", None, None),
    "gcr.io/p/app": ("gcr.io", "p/app", None),
    "localhost:5000/p/app:v1": ("localhost:5000", "p/app", "v1"),
    "us-docker.pkg.dev/p/r/app@sha256:00": ("us-docker.pkg.dev", "p/r/app", "sha256:00"),
    "us-docker.pkg.dev/p/r/app:v1@sha256:00": ("us-docker.pkg.dev", "p/r/app", "sha256:00"),
}


@pytest.mark.parametrize("name", TARGETS)
def test_a_host_or_an_image_is_taken_apart(name: str) -> None:
    assert checks.parse_target(name) == TARGETS[name]


SET_CLOCK = "sudo timedatectl set-ntp true"
CLOCKS = {
    "right": (0, "ok", "this machine's clock is the registry's", None),
    "a minute": (60, "ok", "this machine's clock is the registry's", None),
    "ahead": (3600, "fault", "this machine's clock is 60 minutes ahead of the registry's", SET_CLOCK),
    "behind": (-3600, "fault", "this machine's clock is 60 minutes behind the registry's", SET_CLOCK),
}


@pytest.mark.parametrize("name", CLOCKS)
def test_the_clock_is_held_against_the_registrys(name: str) -> None:
    skew_s, state, text, command = CLOCKS[name]
    answer = Answer(401, {"Date": "Wed, 01 May 2024 12:00:00 GMT"}, b"")
    visit = RegistryChecks(RegistryAccess("gcr.io"), None, None, {}, 10, now=lambda: 1714564800 + skew_s)

    assert list(visit.examine_clock(answer)) == [Finding("clock", state, text, command, "gcr.io")]


def test_d10_every_cause_that_can_be_met_is_explained() -> None:
    # fetch_base tries https first: no TLS registry gets a request by http.
    assert {*SILENCES, connection_faults.ENCRYPTED} == set(connection_faults.HINTS)


@pytest.mark.parametrize("date", ["", "yesterday"])
def test_an_answer_without_a_date_says_nothing_of_the_clock(date: str) -> None:
    visit = RegistryChecks(RegistryAccess("gcr.io"), None, None, {}, 10)

    assert list(visit.examine_clock(Answer(401, {"Date": date}, b""))) == []


SILENCES: dict[str, tuple[Mapping[str, str], str, str | None]] = {
    "proxy": ({"HTTPS_PROXY": "x"}, "the proxy that HTTPS_PROXY names does not let it through: why",
              "export NO_PROXY=gcr.io"),
    "name": ({}, "the name gcr.io has no address: why: correct it, or ask who runs this network's DNS", None),
    "tls": ({}, "the certificate of gcr.io is not trusted: CA.pem stands for its authority",
            "export DOCKER_CREDENTIAL_GCR_CA_FILE=CA.pem; sudo mkdir -p /etc/docker/certs.d/gcr.io && "
            "sudo cp CA.pem /etc/docker/certs.d/gcr.io/ca.crt"),
    "plain": ({}, "gcr.io does not speak TLS, which docker demands of it: the registry's operator can add "
              "it, or name it in insecure-registries of docker's daemon.json", None),
    "silent": ({}, "gcr.io does not answer in time", "export DOCKER_CREDENTIAL_GCR_TIMEOUT=60"),
    "refused": ({}, "nothing listens at gcr.io: correct the host or the port, or ask the registry's operator "
                "to start it", None),
    "connection": ({}, "cannot reach gcr.io: why: ask who runs this network", None),
}  # fmt: skip


@pytest.mark.parametrize("kind", SILENCES)
def test_every_silence_is_explained(kind: str) -> None:
    environ, text, command = SILENCES[kind]

    found = RegistryChecks(RegistryAccess("gcr.io"), None, None, environ, 10).explain(NoAnswer(kind, "why"))

    assert found == Finding(kind, "fault", text, command, "gcr.io")


CHALLENGES = {
    'Bearer realm="https://gcr.io/v2/token",service="gcr.io"': Challenge(
        "bearer", "https://gcr.io/v2/token", "gcr.io"
    ),
    'BEARER service="s", realm="r"': Challenge("bearer", "r", "s"),
    'Basic realm="Registry"': Challenge("basic", "Registry", None),
    "Bearer": None,
    "": None,
}


@pytest.mark.parametrize("value", CHALLENGES)
def test_a_challenge_is_read(value: str) -> None:
    assert registry_client.parse_challenge(value) == CHALLENGES[value]


REALMS = {
    "https://gcr.io/v2/token": True,
    "https://GCR.io/token": True,
    "https://gcr.io:443/token": True,
    "ftp://gcr.io/token": False,
    "http://gcr.io/v2/token": False,
    "https://gcr.io.evil.example/token": False,
    "https://gcr.io:444/token": False,
    "https://gcr.io@evil.example/token": False,
    "/token": False,
}


@pytest.mark.parametrize("realm", REALMS)
def test_a_credential_is_shown_to_the_registrys_own_realm_alone(realm: str) -> None:
    assert registry_client.is_same_site(realm, "https://gcr.io") is REALMS[realm]
