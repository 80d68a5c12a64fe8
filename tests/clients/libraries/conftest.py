"""Google's client libraries at an emulator: credentials of a new account, the endpoint, and an image."""

from collections.abc import Callable
from typing import Any

import pytest
import requests
from google.api_core.client_options import ClientOptions
from google.oauth2 import service_account
from support.images import OCI_CONFIG, OCI_MANIFEST, digest_of

from docker_credential_gcr.pytest_plugin import GcrEmulator

PLATFORM = ["https://www.googleapis.com/auth/cloud-platform"]


@pytest.fixture
def sign_in(gcr_emulator: GcrEmulator) -> Callable[..., Any]:
    """Creates google-auth's credentials for a new account with a role."""

    def make(role: str, scopes: list[str] = PLATFORM) -> Any:
        key = gcr_emulator.key(role, account=role.rpartition(".")[2].rpartition("/")[2].lower())
        return service_account.Credentials.from_service_account_file(str(key), scopes=scopes)

    return make


@pytest.fixture
def options(gcr_emulator: GcrEmulator) -> ClientOptions:
    return ClientOptions(api_endpoint=gcr_emulator.url)


@pytest.fixture
def push(gcr_emulator: GcrEmulator) -> Callable[..., dict[str, Any]]:
    """Pushes an image of one small blob as an editor; returns its digest and its blob."""

    def push(repository: str, *tags: str) -> dict[str, Any]:
        url, blob = f"{gcr_emulator.url}/v2/{repository}", b"{}"
        digest = digest_of(blob)
        with requests.Session() as session:
            session.trust_env = False  # no proxy: localhost would be the proxy's own machine
            session.auth = ("_json_key", gcr_emulator.key("roles/editor", account="pusher").read_text())
            session.post(f"{url}/blobs/uploads/?digest={digest}", data=blob, timeout=30).raise_for_status()
            config = {"mediaType": OCI_CONFIG, "digest": digest, "size": 2}
            manifest = {"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": config, "layers": []}
            headers = {"Content-Type": OCI_MANIFEST}
            for tag in tags:
                path = f"{url}/manifests/{tag}"
                answer = session.put(path, json=manifest, headers=headers, timeout=30)
                answer.raise_for_status()
        return {"digest": answer.headers["Docker-Content-Digest"], "blob": digest, "data": blob}

    return push
