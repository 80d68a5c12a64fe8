"""Impersonation of a service account, over any source."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

ACCOUNT = "ci@my-project.iam.gserviceaccount.com"
PATH = f"/v1/projects/-/serviceAccounts/{ACCOUNT}:generateAccessToken"
HINT = "grant the caller roles/iam.serviceAccountTokenCreator on the service account"
ENDPOINT = "check the key's token_uri, and the proxies between it and this machine"


def instant(seconds_left: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + seconds_left))


@pytest.fixture
def get(helper: Any, services: Any, make_key: Callable[..., Path]) -> Callable[..., tuple[int, str, str]]:
    """Returns a function that gets a token for localhost:5000, with a key of the token server as the base."""
    helper.environ["CLOUDSDK_API_ENDPOINT_OVERRIDES_IAMCREDENTIALS"] = services.url + "/"
    source = f"file:{make_key()}"

    def run(server_url: str = "localhost:5000", **members: object) -> tuple[int, str, str]:
        registry = {"TokenSources": [source], "Impersonate": ACCOUNT} | members
        helper.configure({"Registries": {server_url: registry}})
        outcome = helper("get", stdin=server_url)
        secret = json.loads(outcome.stdout)["Secret"] if outcome.status == 0 else outcome.stdout
        return outcome.status, secret, outcome.stderr

    return run


def failure(text: str, hint: str = "") -> tuple[int, str, str]:
    line = f"no access token for localhost:5000: file: {text}\n"
    return 1, line, f"docker-credential-gcr: {line}" + (f"hint: {hint}\n" if hint else "")


def test_the_sources_token_buys_the_accounts_once(get: Any, services: Any, token_server: Any) -> None:
    services.tell(PATH, {"accessToken": "ya29.impersonated", "expireTime": instant(7200)})
    members = {"Delegates": ["via@p.iam"], "Lifetime": 7200, "Scopes": ["https://s/a"]}

    assert [get(**members), get(**members)] == [(0, "ya29.impersonated", "")] * 2
    (request,) = services.requests
    assert (request.method, request.path, request.headers["Authorization"]) == ("POST", PATH, "Bearer ya29.1")
    assert json.loads(request.body) == {
        "delegates": ["projects/-/serviceAccounts/via@p.iam"],
        "scope": ["https://s/a"],
        "lifetime": "7200s",
    }
    assert len(token_server.requests) == 1


def test_edge_27_another_account_scope_or_way_is_another_identity(get: Any, services: Any) -> None:
    other = PATH.replace("ci@", "other@")
    for number in range(1, 6):
        answer = {"accessToken": f"ya29.{number}", "expireTime": instant(3600)}
        services.tell(other if number == 2 else PATH, answer)
    changes: list[dict[str, object]] = [
        {},
        {"Impersonate": "other@my-project.iam.gserviceaccount.com"},
        {"Scopes": ["s"]},
        {"Delegates": ["via@p.iam"]},
        {"Lifetime": 1800},
        {},
    ]

    secrets = [get(**change)[1] for change in changes]

    assert secrets == ["ya29.1", "ya29.2", "ya29.3", "ya29.4", "ya29.5", "ya29.1"]


def test_edge_27_another_token_in_the_file_is_another_identity(
    get: Any, services: Any, tmp_path: Path
) -> None:
    for number in (1, 2):
        services.tell(PATH, {"accessToken": f"ya29.{number}", "expireTime": instant(3600)})
    sources = [f"token-file:{tmp_path}/token"]
    secrets = []
    for token in ("ya29.mine", "ya29.mine", "ya29.another"):
        if not (tmp_path / "token").exists() or (tmp_path / "token").read_text() != token:
            (tmp_path / "token").write_text(token)
        secrets.append(get(TokenSources=sources)[1])

    assert secrets == ["ya29.1", "ya29.1", "ya29.2"]
    assert [r.headers["Authorization"] for r in services.requests] == [
        "Bearer ya29.mine",
        "Bearer ya29.another",
    ]


ANSWERS: dict[str, tuple[dict[str, Any], str, str]] = {
    "denied": (
        {"status": 403, "document": {"error": {"status": "PERMISSION_DENIED", "message": "no"}}},
        "HOST answered 403: PERMISSION_DENIED: no",
        HINT,
    ),
    "gone": ({"status": 404}, "HOST answered 404", HINT),
    "no token": (
        {"document": {"expireTime": instant(3600)}},
        "HOST answered without an access token",
        ENDPOINT,
    ),
    "no expiry": ({"document": {"accessToken": "t"}}, "HOST answered an access token without its expiry", ""),
    "expired": (
        {"document": {"accessToken": "t", "expireTime": instant(-9)}},
        "HOST answered an expired access token",
        "",
    ),
    "a redirect": (
        {"status": 307, "headers": {"Location": "/elsewhere"}},
        "HOST redirects (307) instead of answering",
        ENDPOINT,
    ),
}


@pytest.mark.parametrize("name", ANSWERS)
def test_anything_but_a_token_is_a_failure(get: Any, services: Any, name: str) -> None:
    reply, fault, hint = ANSWERS[name]
    services.tell(PATH, **reply)

    assert get() == failure(fault.replace("HOST", services.host), hint)


def test_a_token_of_googles_api_does_not_go_to_loopback(get: Any, helper: Any, token_server: Any) -> None:
    helper.environ["CLOUDSDK_API_ENDPOINT_OVERRIDES_IAMCREDENTIALS"] = ""

    fault = f"impersonation of {ACCOUNT} is Google's: its tokens are not sent to localhost:5000"
    assert get() == failure(fault, "use a credential from the emulator")
    assert token_server.requests == []


def test_t06_a_token_of_an_emulator_is_not_sent_to_googles_api(
    get: Any, helper: Any, token_server: Any
) -> None:
    helper.environ["CLOUDSDK_API_ENDPOINT_OVERRIDES_IAMCREDENTIALS"] = ""

    status, text, _ = get("gcr.io")

    assert status == 1
    assert text.endswith(
        f"is for {token_server.host}: its tokens are not sent to Google's iamcredentials.googleapis.com\n"
    )
    assert token_server.requests == []
