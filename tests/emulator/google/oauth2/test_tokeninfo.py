"""tokeninfo, userinfo, the published keys, and OpenID discovery."""

from typing import Any

import jwt
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256

from docker_credential_gcr.emulator.database.accounts.authorization_codes import CodeGrant
from docker_credential_gcr.emulator.identity.oauth.clients import CLIENTS

NOW = 1_700_000_000
Apis = Any
HELPER = list(CLIENTS.values())[2]
AUTH = "https://www.googleapis.com/auth"
EMAIL, PROFILE, CLOUD_PLATFORM = (
    f"{AUTH}/userinfo.email",
    f"{AUTH}/userinfo.profile",
    f"{AUTH}/cloud-platform",
)
REDIRECT = "http://localhost:1/"
FORM = {"content-type": "application/x-www-form-urlencoded"}


def log_in(apis: Apis, *scopes: str) -> dict[str, str]:
    """Returns Ada's tokens."""
    reply = apis.post_form(
        "/token",
        {
            "grant_type": "authorization_code",
            "code": apis.make_code(CodeGrant(HELPER.client_id, REDIRECT, frozenset(scopes))),
            "redirect_uri": REDIRECT,
            "client_id": HELPER.client_id,
            "client_secret": HELPER.secret,
        },
    )
    tokens: dict[str, str] = reply.body
    return tokens


@pytest.mark.parametrize("path", ["/tokeninfo", "/oauth2/v3/tokeninfo"])
def test_f_z33_tokeninfo_says_of_an_access_token_whom_and_what_it_is_for(apis: Apis, path: str) -> None:
    token = log_in(apis, EMAIL, CLOUD_PLATFORM)["access_token"]
    apis.clock.set(NOW + 100.5)

    replies = [
        apis.call("GET", f"{path}?access_token={token}"),
        apis.post_form(path, {"access_token": token}),
        # Google's Node library sends the token in a header, with an empty form.
        apis.send("POST", path, b"", {**FORM, "authorization": f"Bearer {token}"}),
        apis.call("GET", path, token=token),
    ]

    for reply in replies:
        assert (reply.status, reply.body) == (
            200,
            {
                "azp": HELPER.client_id,
                "aud": HELPER.client_id,
                "sub": apis.make_user().unique_id,
                "scope": f"{CLOUD_PLATFORM} {EMAIL}",
                "exp": str(NOW + 3600),
                "expires_in": "3499",
                "email": "ada@example.com",
                "email_verified": "true",
                "access_type": "offline",
            },
        )


def test_tokeninfo_of_a_service_account_tells_no_address_without_its_scope(apis: Apis) -> None:
    key = apis.make_key()

    reply = apis.call("GET", f"/tokeninfo?access_token={apis.fetch_token(key)}")

    assert reply.body == {
        "azp": key["client_id"],
        "aud": key["client_id"],
        "sub": key["client_id"],
        "scope": CLOUD_PLATFORM,
        "exp": str(NOW + 3600),
        "expires_in": "3600",
        "access_type": "online",
    }


def test_tokeninfo_v1_says_it_in_its_own_words(apis: Apis) -> None:
    token = log_in(apis, EMAIL)["access_token"]

    reply = apis.call("GET", f"/oauth2/v1/tokeninfo?access_token={token}")

    assert reply.body == {
        "issued_to": HELPER.client_id,
        "audience": HELPER.client_id,
        "user_id": apis.make_user().unique_id,
        "scope": EMAIL,
        "expires_in": 3600,
        "email": "ada@example.com",
        "verified_email": True,
        "access_type": "offline",
    }


def test_tokeninfo_says_what_an_id_token_claims(apis: Apis, id_tokens: Any) -> None:
    token = log_in(apis, "openid")["id_token"]

    reply = apis.call("GET", f"/tokeninfo?id_token={token}")

    assert reply.body == {
        "iss": "https://accounts.google.com",
        "azp": HELPER.client_id,
        "aud": HELPER.client_id,
        "sub": apis.make_user().unique_id,
        "at_hash": id_tokens.verify(token, NOW)["at_hash"],
        "iat": str(NOW),
        "exp": str(NOW + 3600),
        "expires_in": "3600",
        "alg": "RS256",
        "kid": id_tokens.key_id,
        "typ": "JWT",
    }
    assert apis.call("GET", f"/oauth2/v1/tokeninfo?id_token={token}").body == {
        "issued_to": HELPER.client_id,
        "audience": HELPER.client_id,
        "user_id": apis.make_user().unique_id,
        "expires_in": 3600,
        "issuer": "https://accounts.google.com",
        "issued_at": NOW,
    }


@pytest.mark.parametrize("path", ["/tokeninfo", "/oauth2/v1/tokeninfo", "/oauth2/v3/tokeninfo"])
@pytest.mark.parametrize("kind", ["access_token", "id_token"])
@pytest.mark.parametrize("fault", ["garbage", "expired", "swapped", "revoked"])
def test_tokeninfo_refuses_what_no_longer_counts(apis: Apis, path: str, kind: str, fault: str) -> None:
    tokens = log_in(apis, "openid")
    token = tokens[kind]
    if fault == "garbage":
        token = token[:-9] + "AAAAAAAAA"
    elif fault == "expired":
        apis.clock.set(NOW + 3600)
    elif fault == "swapped":
        token = tokens["id_token" if kind == "access_token" else "access_token"]
    else:
        apis.post_form("/revoke", {"token": tokens["refresh_token"]})

    reply = apis.call("GET", f"{path}?{kind}={token}")

    if (fault, kind) == ("revoked", "id_token"):  # an ID token stays valid: it gives no access
        assert reply.status == 200
    else:
        assert (reply.status, reply.body) == (
            400,
            {"error": "invalid_token", "error_description": "Invalid Value"},
        )


def test_tokeninfo_of_nothing(apis: Apis) -> None:
    assert apis.call("GET", "/tokeninfo").body == {
        "error": "invalid_request",
        "error_description": "Either access_token or id_token required",
    }


NEW = {"email": "ada@example.com", "email_verified": True}
OLD = {"email": "ada@example.com", "verified_email": True}
NAMES = {"name": "Ada Lovelace", "given_name": "Ada", "family_name": "Lovelace"}


@pytest.mark.parametrize("path", ["/v1/userinfo", "/oauth2/v3/userinfo"])
def test_userinfo_tells_what_the_scopes_allow(apis: Apis, path: str) -> None:
    number = {"sub": apis.make_user().unique_id}
    for scopes, facts in (
        (("openid",), number),
        ((EMAIL,), number | NEW),
        (("profile",), number | NAMES),
        (("openid", "email", PROFILE), number | NEW | NAMES),
    ):
        reply = apis.call("GET", path, token=log_in(apis, *scopes)["access_token"])
        assert (reply.status, reply.body) == (200, facts)


@pytest.mark.parametrize("path", ["/oauth2/v1/userinfo", "/oauth2/v2/userinfo"])
def test_userinfo_before_openid_connect_has_other_names(apis: Apis, path: str) -> None:
    token = log_in(apis, EMAIL, PROFILE)["access_token"]

    replies = [apis.call("GET", path, token=token), apis.call("GET", f"{path}?access_token={token}")]

    expected = {"id": apis.make_user().unique_id, **OLD, **NAMES}
    assert [(reply.status, reply.body) for reply in replies] == [(200, expected)] * 2


def test_userinfo_of_a_service_account(apis: Apis) -> None:
    key = apis.make_key()

    reply = apis.call("GET", "/v1/userinfo", token=apis.fetch_token(key, scope=EMAIL))

    assert reply.body == {"sub": key["client_id"], "email": key["client_email"], "email_verified": True}


def test_userinfo_refuses_no_token_a_dead_one_and_one_for_other_things(apis: Apis) -> None:
    tokens = log_in(apis, CLOUD_PLATFORM)
    narrow = apis.call("GET", "/v1/userinfo", token=tokens["access_token"])
    apis.post_form("/revoke", {"token": tokens["refresh_token"]})
    dead = apis.call("GET", "/v1/userinfo", token=tokens["access_token"])

    statuses = [(reply.status, reply.body["error"]["status"]) for reply in (narrow, dead)]

    assert statuses == [(403, "PERMISSION_DENIED"), (401, "UNAUTHENTICATED")]
    # A request from loopback without a token is refused too.
    assert apis.call("GET", "/v1/userinfo").status == 401


def test_both_forms_of_the_keys_check_an_id_token(apis: Apis) -> None:
    token = log_in(apis, "openid")["id_token"]
    signed, _, signature = token.rpartition(".")

    certificates = apis.call("GET", "/oauth2/v1/certs")
    keys = apis.call("GET", "/oauth2/v3/certs")

    ((key_id, pem),) = certificates.body.items()
    ((key,),) = keys.body.values()
    certificate: Any = x509.load_pem_x509_certificate(pem.encode())
    certificate.public_key().verify(
        jwt.utils.base64url_decode(signature), signed.encode(), PKCS1v15(), SHA256()
    )
    assert jwt.PyJWK(key).key.public_numbers() == certificate.public_key().public_numbers()
    assert {name: key[name] for name in ("kid", "kty", "alg", "use", "e")} == {
        "kid": key_id,
        "kty": "RSA",
        "alg": "RS256",
        "use": "sig",
        "e": "AQAB",
    }
    for reply in (certificates, keys):
        assert reply.headers["cache-control"] == "public, max-age=21600, must-revalidate, no-transform"


@pytest.mark.parametrize(
    ("host", "hosts"),
    [
        ("localhost:5000", ["http://localhost:5000"] * 5),
        (
            "accounts.google.com",
            [
                "https://accounts.google.com",
                "https://oauth2.googleapis.com",
                "https://openidconnect.googleapis.com",
                "https://oauth2.googleapis.com",
                "https://www.googleapis.com",
            ],
        ),
    ],
)
def test_discovery_leads_to_this_server_and_on_googles_host_to_its_names(
    apis: Apis, host: str, hosts: list[str]
) -> None:
    apis.host = host

    body = apis.call("GET", "/.well-known/openid-configuration").body

    endpoints = {name: value for name, value in body.items() if isinstance(value, str)}
    accounts, tokens, users, revocations, keys = hosts
    assert endpoints == {
        "issuer": "https://accounts.google.com",
        "authorization_endpoint": f"{accounts}/o/oauth2/v2/auth",
        "token_endpoint": f"{tokens}/token",
        "userinfo_endpoint": f"{users}/v1/userinfo",
        "revocation_endpoint": f"{revocations}/revoke",
        "jwks_uri": f"{keys}/oauth2/v3/certs",
    }
    assert body["code_challenge_methods_supported"] == ["plain", "S256"]


def test_f_z33_userinfo_takes_a_token_by_header_query_and_form(apis: Apis) -> None:
    token = log_in(apis, "openid", EMAIL)["access_token"]
    facts = {"sub": apis.make_user().unique_id, "email": "ada@example.com", "email_verified": True}

    replies = [
        apis.call("GET", "/v1/userinfo", token=token),
        apis.call("GET", f"/v1/userinfo?access_token={token}"),
        apis.post_form("/v1/userinfo", {"access_token": token}),
    ]

    assert [(reply.status, reply.body) for reply in replies] == [(200, facts)] * 3


def test_f_z33_an_access_token_in_the_header_is_no_id_token(apis: Apis) -> None:
    id_token = log_in(apis, "openid")["id_token"]

    reply = apis.call("GET", "/tokeninfo", token=id_token)

    assert (reply.status, reply.body) == (
        400,
        {"error": "invalid_token", "error_description": "Invalid Value"},
    )
