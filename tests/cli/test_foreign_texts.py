"""Addresses, hosts and dates from servers: a message is one line, with any content."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from docker_credential_gcr import connection_causes
from docker_credential_gcr.cli import terminal
from docker_credential_gcr.errors import TokenError
from docker_credential_gcr.helper import registries
from docker_credential_gcr.helper.doctor.access import RegistryAccess
from docker_credential_gcr.helper.doctor.findings import Finding
from docker_credential_gcr.helper.doctor.registry_checks import RegistryChecks
from docker_credential_gcr.helper.google_auth.http import Answer
from docker_credential_gcr.helper.login.browser import Attempt, StrayRequest
from docker_credential_gcr.helper.token_sources.metadata import Metadata
from docker_credential_gcr.helper.tokens import TokenRequest

NOT_A_URL = "the address is not a URL: copy the whole of it"
OTHER_STATE = "the address is not of this login: its state differs"

try:
    urlsplit("http://[x]/")
    NO_ADDRESS_IN_BRACKETS = OTHER_STATE
except ValueError:  # Python 3.11.4 and later
    NO_ADDRESS_IN_BRACKETS = NOT_A_URL
PASTED = {
    "http://[::1/?state=x": NOT_A_URL,
    "http://[x]:99999/?code=a": NO_ADDRESS_IN_BRACKETS,
    "http://a\u2100b/?state=x": NOT_A_URL,
    "http://localhost:99999/?code=a": OTHER_STATE,
    "http://localhost/?state=\udcff": OTHER_STATE,
    "\0\x1b[2J": OTHER_STATE,
}


@pytest.mark.parametrize("text", PASTED, ids=[f"E-Z25-{number}" for number in range(len(PASTED))])
def test_z25_a_pasted_text_that_is_no_address_of_the_login(text: str) -> None:
    with pytest.raises(StrayRequest) as raised:
        Attempt("http://localhost:8085/").parse_redirect(text)

    assert str(raised.value) == PASTED[text]


def test_z25_a_pasted_text_ends_the_login_with_one_line(cli: Any) -> None:
    outcome = cli("login", "--no-browser", stdin="http://[::1/?state=x\n")

    last = f"docker-credential-gcr: {NOT_A_URL}\nhint: docker-credential-gcr login\n"
    assert (outcome.status, outcome.stdout, outcome.stderr.endswith(f"here\n{last}")) == (1, "", True)


def test_z25_a_line_without_end_is_read_to_64_kib(monkeypatch: pytest.MonkeyPatch) -> None:
    with open("/dev/zero", encoding="utf-8") as endless:
        monkeypatch.setattr("sys.stdin", endless)

        assert len(terminal.read_line()) == 64 * 1024


NO_URL = "the realm of its challenge is not an http or https URL: the registry's operator must mend it"
REALMS = ["http://[::1/", "https://gcr.io:99999/token", "/token", "https://gcr.io/\x1b[2J", "https://\u2100/"]


@pytest.mark.parametrize("realm", REALMS, ids=[f"E-Z25-{number}" for number in range(len(REALMS))])
def test_z25_a_realm_that_is_no_url_is_a_fault_of_the_registry(realm: str) -> None:
    answer = Answer(401, {"Www-Authenticate": f'Bearer realm="{realm}",service="s"'}, b"")

    found = list(RegistryChecks(RegistryAccess("gcr.io"), None, "secret", {}, 10)._examine_answer(answer))

    assert found == [Finding("challenge", "fault", NO_URL, None, "gcr.io")]


def test_z25_a_finding_holds_nothing_that_a_terminal_obeys() -> None:
    assert Finding("x", "ok", "a\x1b[2J\nb\ud800\0").text == "a?[2J b??"


DATES = [
    "Mon, 01 Jan 99999 00:00:00 GMT",
    "Mon, 01 Jan 2024 00:00:00 +" + "9" * 400,
    "Mon, 01 Jan " + "9" * 5000 + " 00:00:00 GMT",
    "Mon, 00 Foo 2024 99:99:99 GMT",
    ",,,,",
]


@pytest.mark.parametrize("date", DATES, ids=[f"E-Z25-{number}" for number in range(len(DATES))])
def test_z25_an_invalid_date_tells_nothing_about_the_clock(date: str) -> None:
    visit = RegistryChecks(RegistryAccess("gcr.io"), None, None, {}, 10)

    assert list(visit.examine_clock(Answer(401, {"Date": date}, b""))) == []


@pytest.mark.parametrize("host", ["gcr.io\x1b", "gcr.io\0", "\ud800", "gcr\u2100.io"])
def test_z25_a_host_is_printable_ascii(host: str) -> None:
    assert registries.find_host(host) is None


@pytest.mark.parametrize("name", ["[....]:5000", "[:::::]", "localhost:\u0661", "localhost:123456"])
def test_z25_a_registry_that_is_no_host_is_refused(cli: Any, name: str) -> None:
    outcome = cli("doctor", name)

    assert (outcome.status, outcome.stdout) == (2, "")
    assert " is not a registry: name a host, such as us-docker.pkg.dev or localhost:5000\n" in outcome.stderr


def test_z25_an_invalid_url_has_no_tls() -> None:
    assert [connection_causes.speaks_tls(url) for url in ("http://[", "http://a:99999/")] == [False, False]


MACHINES: dict[str, Callable[[str], dict[str, str]]] = {
    "GCE_METADATA_HOST": lambda host: {"GCE_METADATA_HOST": host},
    "GCE_METADATA_IP": lambda host: {
        "GCE_METADATA_IP": host,
        "GCE_METADATA_HOST": "localhost:1",
    },
}


@pytest.mark.parametrize("host", ["localhost:99999", "localhost:x"])
@pytest.mark.parametrize("name", MACHINES, ids=lambda name: f"E-Z25-{name}")
def test_z25_a_metadata_server_that_is_no_host_is_named_by_its_variable(name: str, host: str) -> None:
    source = Metadata(MACHINES[name](host), "linux", is_sure="IP" not in name)
    request = TokenRequest("localhost:5000", registries.LOOPBACK, scopes=())

    with pytest.raises(TokenError) as raised:
        source.fetch(request, 0)

    fault = f"{name} names {host!r}, which is not a host"
    assert (str(raised.value), raised.value.hint) == (fault, f"correct or unset {name}")


@pytest.mark.parametrize("url", ["http://[::1/", "http://a:99999/", "x"])
def test_z25_a_login_whose_endpoint_is_no_url_is_not_ended_there(cli: Any, url: str) -> None:
    store: Path = cli.own.with_name("docker_credentials.json")
    cli.write(store, json.dumps({"gcrCreds": {"refresh_token": "1//x", "token_uri": url}}))

    outcome = cli("logout")

    assert "Traceback" not in outcome.stderr
    told = f"the login in {str(store)!r}: 'token_uri' is not an http or https URL"
    assert told in outcome.stderr
