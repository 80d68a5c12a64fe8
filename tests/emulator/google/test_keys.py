"""Keys are made once, never shown again, and end when they are deleted."""

import base64
import json
from typing import Any

Apis = Any
EMAIL = "ci@my-project.iam.gserviceaccount.com"
ACCOUNT = f"/v1/projects/my-project/serviceAccounts/{EMAIL}"


def make_account(apis: Apis) -> None:
    apis.call("POST", "/v1/projects", {"projectId": "my-project"})
    apis.call("POST", "/v1/projects/my-project/serviceAccounts", {"accountId": "ci"})


def describe(key_id: str) -> dict[str, str]:
    return {
        "name": f"projects/my-project/serviceAccounts/{EMAIL}/keys/{key_id}",
        "validAfterTime": "2023-11-14T22:13:20Z",
        "validBeforeTime": "9999-12-31T23:59:59Z",
        "keyAlgorithm": "KEY_ALG_RSA_2048",
        "keyOrigin": "GOOGLE_PROVIDED",
        "keyType": "USER_MANAGED",
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
    key_id = apis.make_key()["private_key_id"]

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
