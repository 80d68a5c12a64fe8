"""POST /token exchanges a service account's assertion for an access token or an ID token."""

from typing import Any

import jwt
import pytest

from docker_credential_gcr.emulator.identity.id_tokens import hash_access_token
from docker_credential_gcr.emulator.identity.principal import CLOUD_PLATFORM

NOW = 1_700_000_000
JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
Apis = Any
SCOPES = {CLOUD_PLATFORM, "https://www.googleapis.com/auth/devstorage.read_only"}


def decode(apis: Apis, token: str, audience: str) -> dict[str, Any]:
    """Returns the claims of an ID token, verified with the published keys."""
    keys = jwt.PyJWKSet.from_dict(apis.call("GET", "/oauth2/v3/certs").body)
    key = keys[jwt.get_unverified_header(token)["kid"]]
    options: Any = {"verify_exp": False, "verify_iat": False}
    claims: dict[str, Any] = jwt.decode(token, key, ["RS256"], audience=audience, options=options)
    return claims


def trade(apis: Apis, assertion: str) -> Any:
    return apis.post_form("/token", {"grant_type": JWT_BEARER, "assertion": assertion})


def test_an_assertion_is_traded_for_an_access_token(apis: Apis) -> None:
    key = apis.make_key()

    reply = trade(apis, apis.sign(key, scope=" ".join(SCOPES)))

    token = reply.body["access_token"]
    grant = apis.services.signer.verify_access(token, NOW)
    assert reply.body == {"access_token": token, "expires_in": 3599, "token_type": "Bearer"}
    assert reply.status == 200
    assert reply.headers["cache-control"] == "no-store"
    assert token.startswith("ya29.")
    assert (grant.member, grant.key_id, grant.oauth_scopes, grant.expires_at) == (
        f"serviceAccount:{key['client_email']}",
        key["private_key_id"],
        SCOPES,
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


def test_check_54_an_assertion_for_an_audience_gives_an_id_token_alone(apis: Apis) -> None:
    key = apis.make_key()

    reply = trade(apis, apis.sign(key, scope=None, target_audience="https://run.example/a"))

    assert (reply.status, list(reply.body)) == (200, ["id_token"])
    assert reply.headers["cache-control"] == "no-store"
    assert decode(apis, reply.body["id_token"], "https://run.example/a") == {
        "iss": "https://accounts.google.com",
        "aud": "https://run.example/a",
        "azp": key["client_email"],
        "sub": key["client_id"],
        "email": key["client_email"],
        "email_verified": True,
        "iat": NOW,
        "exp": NOW + 3600,
    }


def test_check_54_openid_among_the_scopes_gives_an_id_token_too(apis: Apis) -> None:
    key = apis.make_key()
    scopes = f"openid https://www.googleapis.com/auth/userinfo.email {CLOUD_PLATFORM}"

    reply = trade(apis, apis.sign(key, scope=scopes))

    token = reply.body["access_token"]
    id_token = reply.body["id_token"]
    assert reply.body == {
        "access_token": token,
        "expires_in": 3599,
        "token_type": "Bearer",
        "id_token": id_token,
    }
    assert decode(apis, id_token, key["client_id"]) == {
        "iss": "https://accounts.google.com",
        "aud": key["client_id"],
        "azp": key["client_id"],
        "sub": key["client_id"],
        "at_hash": hash_access_token(token),
        "email": key["client_email"],
        "email_verified": True,
        "iat": NOW,
        "exp": NOW + 3600,
    }


@pytest.mark.parametrize("path", ["/oauth2/v4/token", "/o/oauth2/token"])
def test_the_older_paths_do_the_same(apis: Apis, path: str) -> None:
    assertion = apis.sign(apis.make_key(), aud=f"http://localhost:5000{path}")

    reply = apis.post_form(path, {"grant_type": JWT_BEARER, "assertion": assertion})

    assert (reply.status, reply.body["token_type"]) == (200, "Bearer")


def test_a_disabled_account_gets_no_id_token(apis: Apis) -> None:
    key = apis.make_key()
    apis.call("POST", f"/v1/projects/-/serviceAccounts/{key['client_email']}:disable")

    reply = trade(apis, apis.sign(key, target_audience="https://run.example/a"))

    assert (reply.status, reply.body) == (
        400,
        {"error": "invalid_grant", "error_description": "Invalid grant: account not found"},
    )
