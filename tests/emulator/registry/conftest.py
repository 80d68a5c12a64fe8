"""Fixtures: service accounts with every kind of credential, and requests to any site."""

import base64
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests
from support.accounts import Account
from support.backing_services import serve
from support.registry_client import RegistryClient

from docker_credential_gcr.emulator.settings import Settings


@dataclass
class Settled:
    """Yields a registry with my-project/app:v1, an editor of the project, and the data directory."""

    registry: RegistryClient
    account: Account
    data: Path


@pytest.fixture(scope="module")
def settled(editor_of: Callable[[str], Any]) -> Iterator[Settled]:
    """Yields the state for tests that change nothing: creating it takes longer than most of them."""
    with serve(Settings(port=0)) as ready:
        editor = editor_of(ready.url)
        editor.push_image("my-project/app", "v1", b"layer")
        document = json.loads(base64.b64decode(editor.auth[1]))
        registry = RegistryClient(ready.url, host="gcr.io")
        yield Settled(registry, Account(ready.url, document), Path(ready.data))


@pytest.fixture
def registry(gcr_emulator):
    """Returns the registry gcr.io."""
    return RegistryClient(gcr_emulator.url, host="gcr.io")


@pytest.fixture
def make_account(gcr_emulator):
    """Returns a function that creates a service account of my-project with a role, or with None."""

    def make(role="roles/editor", *, account="ci", project="my-project"):
        key = gcr_emulator.key(role, project=project, account=account)
        return Account(gcr_emulator.url, json.loads(key.read_text()))

    return make


@pytest.fixture
def account(make_account):
    """Returns an editor of my-project."""
    return make_account()


@pytest.fixture
def call_api(gcr_emulator):
    """Calls Google's APIs as the operator, where my-project exists."""

    def call(method, path, body=None):
        answer = requests.request(method, f"{gcr_emulator.url}{path}", json=body, timeout=30)
        assert answer.status_code == 200, answer.text
        return answer.json()

    gcr_emulator.project()
    return call


@pytest.fixture
def find_bucket(gcr_emulator):
    """Returns a function that tells whether a bucket exists."""
    return lambda name: requests.get(f"{gcr_emulator.url}/storage/v1/b/{name}", timeout=30).status_code == 200


@pytest.fixture
def share_bucket(gcr_emulator):
    """Returns a function that grants a role on a bucket."""

    def share(bucket, role, member):
        url = f"{gcr_emulator.url}/storage/v1/b/{bucket}/iam"
        policy = requests.get(url, timeout=30).json()
        policy.setdefault("bindings", []).append({"role": role, "members": [member]})
        requests.put(url, json=policy, timeout=30).raise_for_status()

    return share
