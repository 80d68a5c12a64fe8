"""The ID of a service account key, right, wrong, empty or absent, by each way to use a key."""

import base64
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jwt
import pytest
import requests
from cryptography.hazmat.primitives.asymmetric import rsa
from support.backing_services import serve
from support.keys import format_private, make_certificate
from support.registry_client import RegistryClient

from docker_credential_gcr.emulator.settings import Settings

HELPER = Path(sys.executable).parent / "docker-credential-gcr"
JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
SCOPE = "https://www.googleapis.com/auth/cloud-platform"
ABSENT: Any = object()


@dataclass
class Account:
    """A service account in its own project, the key that signs, and the ID that a client sends."""

    url: str
    email: str
    mine: rsa.RSAPrivateKey
    other: rsa.RSAPrivateKey
    key_id: Any = ABSENT

    def add(self, key: rsa.RSAPrivateKey, until: int = 253402300799) -> str:
        """Registers a key; returns its name."""
        body = {"publicKeyData": make_certificate(key, until=until)}
        answer = requests.post(f"{self.resource}/keys:upload", json=body, timeout=30)
        answer.raise_for_status()
        return str(answer.json()["name"])

    def change(self, method: str, path: str) -> None:
        requests.request(method, f"{self.url}/v1/{path}", json={}, timeout=30).raise_for_status()

    @property
    def resource(self) -> str:
        return f"{self.url}/v1/projects/-/serviceAccounts/{self.email}"

    @property
    def key_file(self) -> str:
        document = {
            "type": "service_account",
            "client_email": self.email,
            "private_key": format_private(self.mine),
            "private_key_id": self.key_id,
            "token_uri": f"{self.url}/token",
        }
        return json.dumps({name: value for name, value in document.items() if value is not ABSENT})

    def sign(self, **claims: object) -> str:
        now = int(time.time())
        document = {"iss": self.email, "scope": SCOPE, "iat": now, "exp": now + 3600, **claims}
        header = {} if self.key_id in (ABSENT, None) else {"kid": self.key_id}
        parts = [json.dumps(part).encode() for part in ({"alg": "RS256", **header}, document)]
        text = b".".join(map(jwt.utils.base64url_encode, parts))
        algorithm = jwt.algorithms.RSAAlgorithm(jwt.algorithms.RSAAlgorithm.SHA256)
        signature = jwt.utils.base64url_encode(algorithm.sign(text, self.mine))
        return f"{text.decode()}.{signature.decode()}"


def ask_token_endpoint(account: Account, _folder: Path) -> bool:
    form = {"grant_type": JWT_BEARER, "assertion": account.sign(aud="https://oauth2.googleapis.com/token")}
    return requests.post(f"{account.url}/token", data=form, timeout=30).status_code == 200


def send_self_signed(account: Account, _folder: Path) -> bool:
    headers = {"Authorization": f"Bearer {account.sign()}"}
    answer = requests.get(f"{account.url}/v1/projects/my-project", headers=headers, timeout=30)
    return answer.status_code == 200


def ask_registry(account: Account, user: str, password: str) -> bool:
    client = RegistryClient(account.url, (user, password))
    return bool(client.ask_token("repository:my-project/app:pull").status_code == 200)


def log_in_with_key(account: Account, _folder: Path) -> bool:
    return ask_registry(account, "_json_key", account.key_file)


def log_in_with_base64(account: Account, _folder: Path) -> bool:
    return ask_registry(account, "_json_key_base64", base64.b64encode(account.key_file.encode()).decode())


def run_helper(account: Account, folder: Path) -> bool:
    key, config, host = folder / "key.json", folder / "helper.json", account.url.partition("://")[2]
    key.write_text(account.key_file)
    config.write_text(json.dumps({"Registries": {host: {"TokenSources": ["env"]}}}))
    config.chmod(0o600)
    environ = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "DOCKER_CREDENTIAL_GCR_CONFIG": str(config),
        "GOOGLE_APPLICATION_CREDENTIALS": str(key),
    }
    done = subprocess.run(
        [str(HELPER), "get"], input=host, capture_output=True, text=True, env=environ, timeout=60, check=False
    )
    return done.returncode == 0 and ask_registry(
        account, "oauth2accesstoken", json.loads(done.stdout)["Secret"]
    )


WAYS = (ask_token_endpoint, send_self_signed, log_in_with_key, log_in_with_base64, run_helper)


def get_id(name: str) -> str:
    return name.rpartition("/")[2]


def named(account: Account) -> None:
    account.key_id = get_id(account.add(account.mine))


def with_id(key_id: object) -> Callable[[Account], None]:
    def prepare(account: Account) -> None:
        account.add(account.mine)
        account.key_id = key_id

    return prepare


def with_other_id(account: Account) -> None:
    account.add(account.mine)
    account.key_id = get_id(account.add(account.other))


def among_nineteen_others(account: Account) -> None:
    account.add(account.mine)
    for _ in range(19):
        account.add(account.other)


def behind_twenty_others(account: Account) -> None:
    among_nineteen_others(account)
    account.add(account.other)


def unknown_among_others(account: Account) -> None:
    account.add(account.other)


def deleted(account: Account) -> None:
    account.add(account.other)
    account.change("DELETE", account.add(account.mine))


def disabled(account: Account) -> None:
    account.change("POST", f"{account.add(account.mine)}:disable")


def expired(account: Account) -> None:
    account.add(account.mine, until=int(time.time()) - 1)


def of_a_disabled_account(account: Account) -> None:
    account.add(account.mine)
    account.change("POST", f"projects/-/serviceAccounts/{account.email}:disable")


# The change of the account, and whether its key is accepted afterwards.
KEYS: dict[str, tuple[Callable[[Account], None], bool]] = {
    "right": (named, True),
    "absent": (with_id(ABSENT), True),
    "empty": (with_id(""), True),
    "null in the key file": (with_id(None), True),
    "wrong": (with_id("0" * 40), False),
    "of another key": (with_other_id, False),
    "a number": (with_id(1), False),
    "absent, of 20 keys": (among_nineteen_others, True),
    "absent, older than 20 keys": (behind_twenty_others, False),
    "absent, not registered": (unknown_among_others, False),
    "absent, deleted": (deleted, False),
    "absent, disabled": (disabled, False),
    "absent, expired": (expired, False),
    "absent, of a disabled account": (of_a_disabled_account, False),
}


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with serve(Settings(port=0)) as ready:
        yield ready.url


@pytest.mark.parametrize(
    ("number", "prepare", "is_good"),
    [(number, *row) for number, row in enumerate(KEYS.values())],
    ids=[f"F-Z28-{name}" for name in KEYS],
)
def test_a_key_counts_by_its_id_or_without_one_by_its_signature(
    url: str,
    rsa_key: rsa.RSAPrivateKey,
    other_rsa_key: rsa.RSAPrivateKey,
    tmp_path: Path,
    number: int,
    prepare: Callable[[Account], None],
    is_good: bool,
) -> None:
    name = f"account-{number}"
    requests.post(f"{url}/v1/projects", json={"projectId": "my-project"}, timeout=30)
    made = requests.post(
        f"{url}/v1/projects/my-project/serviceAccounts", json={"accountId": name}, timeout=30
    )
    account = Account(url, made.json()["email"], rsa_key, other_rsa_key)
    resource = f"{url}/v1/projects/my-project"
    policy = requests.post(f"{resource}:getIamPolicy", json={}, timeout=30).json()
    policy.setdefault("bindings", []).append(
        {"role": "roles/editor", "members": [f"serviceAccount:{account.email}"]}
    )
    requests.post(f"{resource}:setIamPolicy", json={"policy": policy}, timeout=30).raise_for_status()

    prepare(account)

    assert {way.__name__: way(account, tmp_path) for way in WAYS} == {way.__name__: is_good for way in WAYS}
