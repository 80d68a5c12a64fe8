"""POST /token trades a service account's assertion for an access token."""

from typing import Any

import pytest

NOW = 1_700_000_000
JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
Apis = Any


def trade(apis: Apis, assertion: str) -> Any:
    return apis.post_form("/token", {"grant_type": JWT_BEARER, "assertion": assertion})


def test_an_assertion_is_traded_for_an_access_token(apis: Apis) -> None:
    key = apis.make_key()

    reply = trade(apis, apis.sign(key, scope="https://scope.example/a https://scope.example/b"))

    token = reply.body["access_token"]
    grant = apis.services.signer.verify_access(token, NOW)
    assert reply.body == {"access_token": token, "expires_in": 3599, "token_type": "Bearer"}
    assert reply.status == 200
    assert reply.headers["cache-control"] == "no-store"
    assert token.startswith("ya29.")
    assert (grant.member, grant.key_id, grant.oauth_scopes, grant.expires_at) == (
        f"serviceAccount:{key['client_email']}",
        key["private_key_id"],
        {"https://scope.example/a", "https://scope.example/b"},
        NOW + 3600,
    )


@pytest.mark.parametrize(
    "audience",
    [
        "https://oauth2.googleapis.com/token",
        "https://accounts.google.com/o/oauth2/token",
        "https://www.googleapis.com/oauth2/v4/token",
        "http://localhost:5000/token",
    ],
)
def test_the_audiences_of_all_clients_are_accepted(apis: Apis, audience: str) -> None:
    assert trade(apis, apis.sign(apis.make_key(), aud=audience)).status == 200


def test_the_own_audience_follows_the_host_header(apis: Apis) -> None:
    assertion = apis.sign(apis.make_key(), aud="http://emulator.example:80/token")
    assert trade(apis, assertion).body["error_description"] == "Invalid JWT: Failed audience check."

    apis.host = "emulator.example:80"
    assert trade(apis, assertion).status == 200


def test_a_token_ends_with_its_hour(apis: Apis) -> None:
    token = apis.fetch_token(apis.make_key(role="roles/viewer"))

    apis.clock.set(NOW + 3599)
    assert apis.call("GET", "/v1/projects/my-project", token=token).status == 200
    apis.clock.set(NOW + 3600)
    assert apis.call("GET", "/v1/projects/my-project", token=token).status == 401


def test_a_token_ends_with_its_key(apis: Apis) -> None:
    key = apis.make_key(role="roles/viewer")
    token, assertion = apis.fetch_token(key), apis.sign(key)
    account = f"/v1/projects/-/serviceAccounts/{key['client_email']}"

    apis.call("DELETE", f"{account}/keys/{key['private_key_id']}")

    assert apis.call("GET", "/v1/projects/my-project", token=token).status == 401
    assert trade(apis, assertion).body == {
        "error": "invalid_grant",
        "error_description": "Invalid JWT Signature.",
    }
    apis.call("DELETE", account)
    assert trade(apis, assertion).body == {
        "error": "invalid_grant",
        "error_description": "Invalid grant: account not found",
    }


def test_an_assertion_that_asks_for_another_user_is_unauthorized(apis: Apis) -> None:
    reply = trade(apis, apis.sign(apis.make_key(), sub="boss@example.com"))

    assert (reply.status, reply.body["error"]) == (401, "unauthorized_client")
