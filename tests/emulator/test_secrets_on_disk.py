"""Secrets in the data directory: docs/serve.md's statements, compared with the bytes that a server writes."""

import base64
import json
import stat
from pathlib import Path
from typing import Any

import pytest
import requests
from support.checkout import DOCS

from docker_credential_gcr.emulator.server.in_thread import InThread
from docker_credential_gcr.emulator.settings import Settings

PAGE = (DOCS / "serve.md").read_text("utf-8")
SECTION = PAGE.partition("**Secrets on disk**")[2].partition("\n\n")[0].replace("\n", " ")
ACCOUNT = "ci@my-project.iam.gserviceaccount.com"
AWS_SECRET, SMALL_BLOB = "an-aws-secret-of-forty-letters-0123456789", b"the bytes of a small blob"


def post(url: str, path: str, document: object) -> Any:
    answer = requests.post(f"{url}{path}", json=document, timeout=30)
    answer.raise_for_status()
    return answer.json()


@pytest.fixture
def secrets(tmp_path: Path, editor_of: Any) -> dict[str, bytes]:
    """Returns a server's secrets of each kind, by their names on the page; its data is in `data`."""
    accounts = "/v1/projects/my-project/serviceAccounts"
    aws_key = {"access_key_id": "AKIAIOSFODNN7EXAMPLE", "secret_access_key": AWS_SECRET, "session_token": ""}
    aws_key |= {"arn": "arn:aws:iam::123456789012:user/ada", "user_id": "AIDACKCEVSQ6C2EXAMPLE"}
    with InThread(Settings(port=0, data=tmp_path / "data")) as ready:
        editor_of(ready.url).push_image("my-project/app", "v1", SMALL_BLOB)
        post(ready.url, accounts, {"accountId": "ci", "serviceAccount": {}})
        key = json.loads(
            base64.b64decode(post(ready.url, f"{accounts}/{ACCOUNT}/keys", {})["privateKeyData"])
        )
        post(ready.url, f"/v1/projects/-/serviceAccounts/{ACCOUNT}:signJwt", {"payload": "{}"})
        post(ready.url, "/_emulator/issuer/awsKeys", aws_key)
        post(ready.url, "/_emulator/users", {"email": "ada@example.com"})
        scopes = ["https://www.googleapis.com/auth/cloud-platform"]
        login = post(ready.url, "/_emulator/refreshTokens", {"email": "ada@example.com", "scopes": scopes})
    return {
        "private keys that Google manages": b"-----BEGIN PRIVATE KEY-----",
        "secrets of AWS access keys": AWS_SECRET.encode(),
        "bytes of small blobs": SMALL_BLOB,
        "refresh tokens": login["refresh_token"].encode(),
        "key from `key create`": key["private_key"].splitlines()[10].encode(),
    }


def test_z66_the_page_says_which_secrets_are_in_the_database_and_which_are_nowhere(
    tmp_path: Path, secrets: dict[str, bytes]
) -> None:
    files = [path for path in (tmp_path / "data").rglob("*") if path.is_file()]
    database = [path for path in files if path.name.startswith("emulator.db")]

    kept = {name for name, value in secrets.items() if any(value in path.read_bytes() for path in database)}
    anywhere = {name for name, value in secrets.items() if any(value in path.read_bytes() for path in files)}

    held, _, digests = SECTION.partition("Of refresh tokens")
    assert kept == anywhere == {name for name in secrets if name in held}
    assert set(secrets) - kept == {"refresh tokens", "key from `key create`"}
    assert "digests alone" in digests
    assert "a key from `key create` is not stored" in digests
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}
