"""Login that Google's helper stored: its file is read, and never written."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from docker_credential_gcr.helper.token_sources.credential_file import CLIENT


def instant(seconds_left: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + seconds_left))


@pytest.fixture
def get(helper: Any, token_server: Any) -> Callable[..., tuple[int, str, str]]:
    """Returns a function that gets a token for localhost:5000 with a login of the token server."""
    helper.store = helper.home / "store.json"
    helper.configure({"Registries": {"localhost:5000": {"TokenSources": ["store"]}}})
    helper.environ |= {
        "DOCKER_CREDENTIAL_GCR_STORE": str(helper.store),
        "CLOUDSDK_AUTH_TOKEN_HOST": token_server.url,
    }

    def run(server_url: str = "localhost:5000", **environ: str) -> tuple[int, str, str]:
        outcome = helper("get", stdin=server_url, **environ)
        secret = json.loads(outcome.stdout)["Secret"] if outcome.status == 0 else outcome.stdout
        return outcome.status, secret, outcome.stderr

    return run


def keep(helper: Any, **fields: object) -> None:
    login = {"access_token": "ya29.kept", "refresh_token": "1//kept", "token_expiry": instant(-60)} | fields
    helper.store.write_text(json.dumps({"gcrCreds": login}))


def failure(text: str, hint: str = "") -> tuple[int, str, str]:
    line = f"no access token for localhost:5000: store: {text}\n"
    return 1, line, f"docker-credential-gcr: {line}" + (f"hint: {hint}\n" if hint else "")


def test_a_refresh_token_buys_an_access_token_once_and_the_file_stays(
    get: Any, helper: Any, token_server: Any
) -> None:
    keep(helper)
    before = helper.store.read_bytes(), helper.store.stat().st_mtime_ns

    assert [get(), get()] == [(0, "ya29.1", "")] * 2
    assert token_server.requests == [
        {
            "grant_type": "refresh_token",
            "refresh_token": "1//kept",
            "client_id": CLIENT[0],
            "client_secret": CLIENT[1],
        }
    ]
    assert (helper.store.read_bytes(), helper.store.stat().st_mtime_ns) == before


@pytest.mark.parametrize(
    "expiry",
    [
        pytest.param("Z", id="25-Z"),
        pytest.param(".123456789Z", id="25-nanoseconds"),
        pytest.param("", id="25-naive"),
        pytest.param("+00:00", id="25-offset"),
    ],
)
def test_edge_25_an_unexpired_token_in_the_file_needs_no_network(
    get: Any, helper: Any, token_server: Any, expiry: str
) -> None:
    keep(helper, token_expiry=instant(1800)[:-1] + expiry)

    assert get() == (0, "ya29.kept", "")
    assert token_server.requests == []


@pytest.mark.parametrize("left", [-60, 5, 9], ids=lambda left: f"25-{left}s")
def test_edge_25_an_expired_token_in_the_file_is_not_served(get: Any, helper: Any, left: int) -> None:
    keep(helper, token_expiry=instant(left))

    assert get()[1] == "ya29.1"


@pytest.mark.parametrize("expiry", [None, "", "soon", "9999-01-01T00:00:00Z", "2024-13-01T00:00:00Z"])
def test_edge_25_a_token_of_unknown_age_is_refreshed(get: Any, helper: Any, expiry: object) -> None:
    keep(helper, token_expiry=expiry)

    assert get()[1] == "ya29.1"


def test_a_token_that_ages_is_refreshed_and_served_when_the_network_is_gone(get: Any, helper: Any) -> None:
    keep(helper, token_expiry=instant(120))
    gone = {"CLOUDSDK_AUTH_TOKEN_HOST": "http://localhost:1/token"}

    assert [get(**gone)[1], get()[1]] == ["ya29.kept", "ya29.1"]


def test_edge_30_a_login_that_is_revoked_or_must_be_renewed_is_named(
    get: Any, helper: Any, token_server: Any, answer: Any
) -> None:
    keep(helper)
    hint = "the login has ended or was revoked: log in again with the program that created it"
    outcomes = []
    for body in (
        {"error": "invalid_grant", "error_description": "Token has been expired or revoked."},
        {"error": "invalid_grant", "error_subtype": "invalid_rapt", "error_description": "reauth"},
    ):
        token_server.answers = [answer(400, json.dumps(body).encode())]
        outcomes.append(get())

    said = [
        f"{token_server.host} answered 400: invalid_grant: Token has been expired or revoked.",
        f"{token_server.host} answered 400: invalid_grant: invalid_rapt: reauth",
    ]
    assert outcomes == [failure(text, hint) for text in said]


def test_a_login_without_a_refresh_token_ends(get: Any, helper: Any) -> None:
    keep(helper, refresh_token=None)

    hint = "docker-credential-gcr login"
    fault = f"the login in {str(helper.store)!r} has expired and holds no refresh token"
    assert get() == failure(fault, hint)


def test_googles_login_does_not_go_to_loopback_nor_an_emulators_to_google(
    get: Any, helper: Any, token_server: Any
) -> None:
    keep(helper)
    what = f"the login in {str(helper.store)!r}"

    assert get(CLOUDSDK_AUTH_TOKEN_HOST="") == failure(
        f"{what} is Google's: its tokens are not sent to localhost:5000", "use a login from the emulator"
    )
    assert get("gcr.io")[1] == (
        f"no access token for gcr.io: store: {what} is for {token_server.host}: "
        "its tokens are not sent to Google's gcr.io\n"
    )
    assert token_server.requests == []


STORES: dict[str, tuple[str, str]] = {
    "not JSON": ("{", " is malformed: Expecting property name enclosed in double quotes: line 1 column 2"),
    "a list": ("[]", " is malformed: not a JSON object"),
    "a number": ('{"gcrCreds": 1}', " is malformed: 'gcrCreds' is not a login"),
    "a number for a token": (
        '{"gcrCreds": {"refresh_token": 1}}',
        " is malformed: 'gcrCreds' is not a login",
    ),
}


@pytest.mark.parametrize("name", STORES)
def test_a_malformed_store_is_a_failure(get: Any, helper: Any, name: str) -> None:
    text, fault = STORES[name]
    helper.store.write_text(text)

    status, line, notice = get()

    assert status == 1
    assert line.startswith(f"no access token for localhost:5000: store: {str(helper.store)!r}{fault}")
    assert notice == f"docker-credential-gcr: {line}hint: move the file away\n"


def test_another_login_in_the_file_buys_another_token(get: Any, helper: Any) -> None:
    keep(helper)
    assert get()[1] == "ya29.1"
    keep(helper, refresh_token="1//another")

    assert get()[1] == "ya29.2"


def test_the_files_of_googles_helper_are_found_where_it_keeps_them(
    helper: Any, get: Any, tmp_path: Path
) -> None:
    keep(helper, token_expiry=instant(1800))
    folder = tmp_path / "sdk"
    folder.mkdir()
    (folder / "docker_credentials.json").write_text(helper.store.read_text())
    (folder / "docker_credential_gcr_config.json").write_text('{"TokenSources":["env","store"]}\n')
    environ = {
        "CLOUDSDK_CONFIG": str(folder),
        "DOCKER_CREDENTIAL_GCR_STORE": "",
        "CLOUDSDK_AUTH_TOKEN_HOST": "",
    }

    assert get("gcr.io", **environ) == (0, "ya29.kept", "")
