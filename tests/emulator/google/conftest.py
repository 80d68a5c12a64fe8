"""Google's APIs in this process, called as an ASGI server would call them."""

import base64
import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import jwt
import pytest
from sqlalchemy import Connection
from starlette.applications import Starlette

from docker_credential_gcr.emulator.blobs.filesystem import BlobFiles
from docker_credential_gcr.emulator.clock import Clock
from docker_credential_gcr.emulator.google.app import routes
from docker_credential_gcr.emulator.google.services import Services
from docker_credential_gcr.emulator.identity.id_tokens import IdTokenSigner
from docker_credential_gcr.emulator.identity.service_account_keys import generate
from docker_credential_gcr.emulator.identity.tokens import AccessGrant, Signer
from docker_credential_gcr.emulator.oci.image_config import UNKNOWN_CREATED_MS
from docker_credential_gcr.emulator.records import blobs, manifests, repositories, tags
from docker_credential_gcr.emulator.records.blobs import Blob
from docker_credential_gcr.emulator.records.database import Database
from docker_credential_gcr.emulator.records.manifests import Summary

NOW = 1_700_000_000
OPERATOR_TOKEN = "operator-token"
OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"


@dataclass
class Apis:
    """A client on this machine, without a token unless one is given."""

    services: Services
    clock: Clock
    call_app: Callable[..., Any]
    peer: str = "127.0.0.1"
    host: str = "localhost:5000"

    def send(self, method: str, path: str, body: bytes = b"", headers: dict[str, str] | None = None) -> Any:
        """One request, its answer parsed as JSON."""
        app = Starlette(routes=routes(self.services))
        return self.call_app(app, method, path, body, headers, host=self.host, peer=self.peer)

    def call(self, method: str, path: str, document: object = None, token: str | None = None) -> Any:
        """A request with a JSON body."""
        body = b"" if document is None else json.dumps(document).encode()
        return self.send(method, path, body, {"authorization": f"Bearer {token}"} if token else None)

    def post_form(self, path: str, fields: dict[str, str]) -> Any:
        headers = {"content-type": "application/x-www-form-urlencoded"}
        return self.send("POST", path, urlencode(fields).encode(), headers)

    def make_account(self, account: str = "ci", project: str = "my-project", role: str | None = None) -> str:
        """The address of an account that is made for it, with its project and its role."""
        email = f"{account}@{project}.iam.gserviceaccount.com"
        self.call("POST", "/v1/projects", {"projectId": project})
        self.call("POST", f"/v1/projects/{project}/serviceAccounts", {"accountId": account})
        if role is not None:
            self.grant(role, f"serviceAccount:{email}", project)
        return email

    def make_key(
        self, account: str = "ci", project: str = "my-project", role: str | None = None
    ) -> dict[str, Any]:
        """The key file of such an account."""
        email = self.make_account(account, project, role)
        reply = self.call("POST", f"/v1/projects/{project}/serviceAccounts/{email}/keys", {})
        assert reply.status == 200, reply
        document: dict[str, Any] = json.loads(base64.b64decode(reply.body["privateKeyData"]))
        return document

    def grant(self, role: str, member: str, project: str = "my-project") -> None:
        policy = self.call("POST", f"/v1/projects/{project}:getIamPolicy").body
        policy.setdefault("bindings", []).append({"role": role, "members": [member]})
        reply = self.call("POST", f"/v1/projects/{project}:setIamPolicy", {"policy": policy})
        assert reply.status == 200, reply

    def sign(self, key: dict[str, Any], **changes: object) -> str:
        """The assertion that a client makes of a key file; None takes a claim away."""
        claims = {
            "iss": key["client_email"],
            "aud": "https://oauth2.googleapis.com/token",
            "iat": NOW,
            "exp": NOW + 3600,
            "scope": "https://www.googleapis.com/auth/cloud-platform",
            **changes,
        }
        claims = {name: value for name, value in claims.items() if value is not None}
        return jwt.encode(claims, key["private_key"], "RS256", {"kid": key["private_key_id"]})

    def sign_in(self, member: str, *scopes: str) -> str:
        """An access token of the member, with all scopes where none is named."""
        granted = frozenset(
            f"https://www.googleapis.com/auth/{name}" for name in scopes or ("cloud-platform",)
        )
        grant = AccessGrant(member, None, granted, NOW + 3600, NOW)
        return self.services.signer.sign_access(grant, NOW)

    def push(self, bucket: str, repository: str, *layers: bytes, tag: str | None = "v1") -> str:
        """An image, put into the records as a push does; its digest."""
        data = json.dumps([layer.hex() for layer in layers]).encode()
        digest = f"sha256:{hashlib.sha256(data).hexdigest()}"
        instant_ms, size = NOW * 1000, sum(map(len, layers))
        summary = Summary(0, digest, OCI_MANIFEST, size, UNKNOWN_CREATED_MS, instant_ms)

        def work(connection: Connection) -> None:
            stored = repositories.create(connection, bucket, repository)
            assert stored is not None
            named = {f"sha256:{hashlib.sha256(layer).hexdigest()}": layer for layer in layers}
            for name, layer in named.items():
                blobs.add(connection, stored, Blob(name, len(layer), layer), now=NOW)
            manifest = manifests.add(connection, stored, summary, data, children=set(), blobs=set(named))
            if tag is not None:
                tags.put(connection, stored, tag, manifest)

        self.services.database.write_now(work)
        return digest

    def fetch_token(self, key: dict[str, Any], **changes: object) -> str:
        reply = self.post_form("/token", {"grant_type": JWT_BEARER, "assertion": self.sign(key, **changes)})
        assert reply.status == 200, reply
        token: str = reply.body["access_token"]
        return token


@pytest.fixture(scope="session")
def signer() -> Signer:
    return Signer.generate()


@pytest.fixture(scope="session")
def id_tokens() -> IdTokenSigner:
    pem = generate().private_key.encode()
    return IdTokenSigner(lambda: pem)


@pytest.fixture
def apis(
    tmp_path: Path, signer: Signer, id_tokens: IdTokenSigner, call_app: Callable[..., Any]
) -> Iterator[Apis]:
    clock = Clock()
    clock.set(NOW)
    database = Database(tmp_path / "emulator.db")
    files = BlobFiles(tmp_path)
    yield Apis(
        Services(
            database, clock, signer, OPERATOR_TOKEN, strict_admin=False, files=files, id_tokens=id_tokens
        ),
        clock,
        call_app,
    )
    database.close()
