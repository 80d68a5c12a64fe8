"""Service account keys: shown once at creation, refused after deletion."""

import base64
import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from support.keys import format_private, make_certificate

Apis = Any
EMAIL = "ci@my-project.iam.gserviceaccount.com"
ACCOUNT = f"/v1/projects/my-project/serviceAccounts/{EMAIL}"


def make_account(apis: Apis) -> None:
    apis.call("POST", "/v1/projects", {"projectId": "my-project"})
    apis.call("POST", "/v1/projects/my-project/serviceAccounts", {"accountId": "ci"})


def generate(apis: Apis) -> str:
    """Creates a key on the emulator, and returns its ID."""
    reply = apis.call("POST", f"{ACCOUNT}/keys", {})
    return str(json.loads(base64.b64decode(reply.body["privateKeyData"]))["private_key_id"])


def describe(key_id: str, **changes: object) -> dict[str, object]:
    return {
        "name": f"projects/my-project/serviceAccounts/{EMAIL}/keys/{key_id}",
        "validAfterTime": "2023-11-14T22:13:20Z",
        "validBeforeTime": "9999-12-31T23:59:59Z",
        "keyAlgorithm": "KEY_ALG_RSA_2048",
        "keyOrigin": "GOOGLE_PROVIDED",
        "keyType": "USER_MANAGED",
        **changes,
    }


def test_a_new_key_comes_with_its_file(apis: Apis) -> None:
    make_account(apis)
    body = {"privateKeyType": "TYPE_GOOGLE_CREDENTIALS_FILE", "keyAlgorithm": "KEY_ALG_RSA_2048"}

    reply = apis.call("POST", f"{ACCOUNT}/keys", body)

    file = json.loads(base64.b64decode(reply.body["privateKeyData"]))
    assert reply.body == {
        **describe(file["private_key_id"]),
        "privateKeyType": "TYPE_GOOGLE_CREDENTIALS_FILE",
        "privateKeyData": reply.body["privateKeyData"],
    }
    assert reply.headers["cache-control"] == "no-store"
    assert (file["type"], file["project_id"], file["client_email"], file["token_uri"]) == (
        "service_account",
        "my-project",
        EMAIL,
        "https://oauth2.googleapis.com/token",
    )


def test_a_key_is_listed_and_shown_without_its_private_half(apis: Apis) -> None:
    make_account(apis)
    assert apis.call("GET", f"{ACCOUNT}/keys").body == {}
    key_id = generate(apis)

    assert apis.call("GET", f"{ACCOUNT}/keys").body == {"keys": [describe(key_id)]}
    assert apis.call("GET", f"{ACCOUNT}/keys/{key_id}").body == describe(key_id)
    shown = apis.call("GET", f"{ACCOUNT}/keys/{key_id}?publicKeyType=TYPE_RAW_PUBLIC_KEY").body
    assert base64.b64decode(shown.pop("publicKeyData")).startswith(b"-----BEGIN PUBLIC KEY-----\n")
    assert shown == describe(key_id)


def test_a_key_of_another_account_is_not_found(apis: Apis) -> None:
    key_id = apis.make_key()["private_key_id"]
    other = apis.make_key("other")

    reply = apis.call("DELETE", f"/v1/projects/-/serviceAccounts/{other['client_email']}/keys/{key_id}")

    assert reply.status == 404
    assert apis.call("GET", f"{ACCOUNT}/keys/{key_id}").status == 200


def test_a_deleted_key_is_gone(apis: Apis) -> None:
    key_id = apis.make_key()["private_key_id"]

    assert apis.call("DELETE", f"{ACCOUNT}/keys/{key_id}").body == {}

    assert apis.call("DELETE", f"{ACCOUNT}/keys/{key_id}").status == 404
    assert apis.call("GET", f"{ACCOUNT}/keys").body == {}


def test_a_disabled_key_opens_nothing_until_it_is_enabled(apis: Apis) -> None:
    key = apis.make_key(role="roles/owner")
    token = apis.fetch_token(key)
    path = f"{ACCOUNT}/keys/{key['private_key_id']}"
    described = describe(key["private_key_id"], keyOrigin="USER_PROVIDED")

    assert apis.call("POST", f"{path}:disable", {}).body == {}
    assert apis.call("GET", path).body == {**described, "disabled": True}
    assert apis.call("GET", ACCOUNT, token=token).status == 401

    assert apis.call("POST", f"{path}:enable", {}).body == {}
    assert apis.call("GET", path).body == described
    assert apis.call("GET", ACCOUNT, token=token).status == 200


def test_a_key_of_ones_own_is_uploaded_and_used(apis: Apis, rsa_key: rsa.RSAPrivateKey) -> None:
    apis.make_account(role="roles/owner")
    data = make_certificate(rsa_key, until=1_700_000_000 + 24 * 3600)

    uploaded = apis.call("POST", f"{ACCOUNT}/keys:upload", {"publicKeyData": data})

    key_id = uploaded.body["name"].rpartition("/")[2]
    assert re.fullmatch("[0-9a-f]{40}", key_id)
    assert (uploaded.status, uploaded.body) == (
        200,
        describe(key_id, validBeforeTime="2023-11-15T22:13:20Z", keyOrigin="USER_PROVIDED"),
    )
    assert apis.call("GET", f"{ACCOUNT}/keys?keyTypes=USER_MANAGED").body == {"keys": [uploaded.body]}
    assert apis.call("GET", f"{ACCOUNT}/keys?keyTypes=SYSTEM_MANAGED").body == {}
    file = {"client_email": EMAIL, "private_key": format_private(rsa_key), "private_key_id": key_id}
    token = apis.fetch_token(file)
    assert apis.call("GET", ACCOUNT, token=token).status == 200

    again = apis.call("POST", f"{ACCOUNT}/keys:upload", {"publicKeyData": data})
    assert (again.status, again.body["error"]["status"]) == (409, "ALREADY_EXISTS")
    apis.clock.set(1_700_000_000 + 24 * 3600)
    assert apis.call("GET", ACCOUNT, token=token).status == 401


def test_an_account_without_permission_uploads_no_certificate(apis: Apis, rsa_key: rsa.RSAPrivateKey) -> None:
    make_account(apis)
    token = apis.fetch_token(apis.make_key("stranger", "other-project"))
    body = {"publicKeyData": make_certificate(rsa_key)}

    assert apis.call("POST", f"{ACCOUNT}/keys:upload", body, token).status == 403
    assert apis.call("GET", f"{ACCOUNT}/keys").body == {}


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: None, "publicKeyData must be base64 of a certificate"),
        (lambda: "*", "publicKeyData must be base64 of an X.509 certificate in PEM"),
        (lambda: "AAAA", "publicKeyData must be base64 of an X.509 certificate in PEM"),
        (
            lambda: make_certificate(ed25519.Ed25519PrivateKey.generate()),
            "the certificate's key must be RSA with 2048 to 4096 bits",
        ),
        (
            lambda: make_certificate(rsa.generate_private_key(65537, 1024)),  # noqa: S505
            "the certificate's key must be RSA with 2048 to 4096 bits",
        ),
    ],
    ids=["nothing", "no base64", "no certificate", "Ed25519", "RSA 1024"],
)
def test_what_is_no_certificate_of_an_rsa_key_is_refused(
    apis: Apis, make: Callable[[], object], message: str
) -> None:
    make_account(apis)

    reply = apis.call("POST", f"{ACCOUNT}/keys:upload", {"publicKeyData": make()})

    assert (reply.status, reply.body["error"]["message"]) == (400, f"Invalid public key: {message}.")
