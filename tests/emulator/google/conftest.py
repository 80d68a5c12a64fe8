"""Google's APIs in this process, called as an ASGI server calls them."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from sqlalchemy import Connection
from starlette.applications import Starlette
from support.accounts import sign_assertion
from support.backing_services import open_database
from support.images import OCI_MANIFEST, digest_of
from support.keys import format_private, format_public, make_certificate

from docker_credential_gcr.emulator.database.accounts import authorization_codes, users
from docker_credential_gcr.emulator.database.accounts.authenticator import Authenticator
from docker_credential_gcr.emulator.database.accounts.authorization_codes import CodeGrant
from docker_credential_gcr.emulator.database.accounts.users import User
from docker_credential_gcr.emulator.database.images import blobs, manifests, repositories, tags
from docker_credential_gcr.emulator.database.images.blobs import Blob
from docker_credential_gcr.emulator.database.images.manifests import Summary
from docker_credential_gcr.emulator.google.app import routes
from docker_credential_gcr.emulator.google.dependencies import GoogleServices
from docker_credential_gcr.emulator.identity.federation.issuer import Issuer
from docker_credential_gcr.emulator.identity.id_tokens import IdTokenSigner
from docker_credential_gcr.emulator.identity.keys.service_account_keys import (
    ServiceAccountKey,
    format_key_file,
)
from docker_credential_gcr.emulator.identity.redirection import DEFAULT_KIND
from docker_credential_gcr.emulator.identity.tokens import AccessGrant, Signer
from docker_credential_gcr.emulator.oci.image_config import UNKNOWN_CREATED_MS
from docker_credential_gcr.emulator.runtime.clock import Clock
from docker_credential_gcr.emulator.storage.filesystem import FileStore

NOW = 1_700_000_000
OPERATOR_TOKEN = "operator-token"
JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
TOKEN_EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
ACCESS_TOKEN_TYPE = "urn:ietf:params:oauth:token-type:access_token"
JWT_TYPE = "urn:ietf:params:oauth:token-type:jwt"
CLOUD_PLATFORM = "https://www.googleapis.com/auth/cloud-platform"
ISSUER = "https://issuer.example"
POOLS = "/v1/projects/my-project/locations/global/workloadIdentityPools"


@dataclass
class Apis:
    """Client on loopback; it sends no token unless one is given."""

    services: GoogleServices
    clock: Clock
    call_app: Callable[..., Any]
    rsa_key: rsa.RSAPrivateKey
    peer: str = "127.0.0.1"
    host: str = "localhost:5000"

    def send(self, method: str, path: str, body: bytes = b"", headers: dict[str, str] | None = None) -> Any:
        """Sends a request, and returns the response, its body parsed as JSON."""
        return self.call_app(self._serve, method, path, body, headers, host=self.host, peer=self.peer)

    async def _serve(self, scope: Any, receive: Any, send: Any) -> None:
        await self.services.database.refresh()  # as at the head of each request of a server
        await Starlette(routes=routes(self.services))(scope, receive, send)

    def call(self, method: str, path: str, document: object = None, token: str | None = None) -> Any:
        """Sends a request with a JSON body."""
        body = b"" if document is None else json.dumps(document).encode()
        return self.send(method, path, body, {"authorization": f"Bearer {token}"} if token else None)

    def post_form(self, path: str, fields: dict[str, str]) -> Any:
        headers = {"content-type": "application/x-www-form-urlencoded"}
        return self.send("POST", path, urlencode(fields).encode(), headers)

    def make_account(self, account: str = "ci", project: str = "my-project", role: str | None = None) -> str:
        """Creates an account with a project and a role, and returns its address."""
        email = f"{account}@{project}.iam.gserviceaccount.com"
        self.call("POST", "/v1/projects", {"projectId": project})
        self.call("POST", f"/v1/projects/{project}/serviceAccounts", {"accountId": account})
        if role is not None:
            self.grant(role, f"serviceAccount:{email}", project)
        return email

    def make_key(
        self, account: str = "ci", project: str = "my-project", role: str | None = None
    ) -> dict[str, Any]:
        """Creates an account, and returns a key file for it, with the session's private key."""
        email = self.make_account(account, project, role)
        path = f"/v1/projects/{project}/serviceAccounts/{email}"
        unique_id = self.call("GET", path).body["uniqueId"]
        reply = self.call("POST", f"{path}/keys:upload", {"publicKeyData": make_certificate(self.rsa_key)})
        assert reply.status == 200, reply
        key_id = reply.body["name"].rpartition("/")[2]
        key = ServiceAccountKey(key_id, format_private(self.rsa_key), format_public(self.rsa_key))
        text = format_key_file(key, project_id=project, email=email, unique_id=unique_id)
        document: dict[str, Any] = json.loads(text)
        return document

    def grant(self, role: str, member: str, project: str = "my-project") -> None:
        policy = self.call("POST", f"/v1/projects/{project}:getIamPolicy").body
        policy.setdefault("bindings", []).append({"role": role, "members": [member]})
        reply = self.call("POST", f"/v1/projects/{project}:setIamPolicy", {"policy": policy})
        assert reply.status == 200, reply

    def allow(self, role: str, member: str, account: str) -> None:
        """Grants the member the role on the account."""
        path = f"/v1/projects/-/serviceAccounts/{account}"
        policy = self.call("POST", f"{path}:getIamPolicy").body
        policy.setdefault("bindings", []).append({"role": role, "members": [member]})
        reply = self.call("POST", f"{path}:setIamPolicy", {"policy": policy})
        assert reply.status == 200, reply

    def sign(self, key: dict[str, Any], **changes: object) -> str:
        """Returns the assertion that a client signs with a key file; None removes a claim."""
        claims = {"aud": "https://oauth2.googleapis.com/token", **changes}
        return sign_assertion(key, NOW, **claims)

    def make_user(self, email: str = "ada@example.com", name: str = "Ada Lovelace") -> User:
        """Creates a user who can log in."""
        return self.services.database.write_now(
            lambda connection: users.put(connection, email, name=name, now=self.clock.now())
        )

    def make_code(self, grant: CodeGrant, email: str = "ada@example.com") -> str:
        """Creates a code, as the consent page does."""
        user = self.make_user(email)
        return self.services.database.write_now(
            lambda connection: authorization_codes.add(connection, user, grant, now=self.clock.now())
        )

    def sign_in(self, member: str, *scopes: str) -> str:
        """Returns an access token of the member, with cloud-platform by default."""
        granted = frozenset(
            f"https://www.googleapis.com/auth/{name}" for name in scopes or ("cloud-platform",)
        )
        grant = AccessGrant(member, None, granted, NOW + 3600, NOW)
        return self.services.signer.sign_access(grant, NOW)

    def push(self, bucket: str, repository: str, *layers: bytes, tag: str | None = "v1") -> str:
        """Adds an image to the database, as a push does, and returns its digest."""
        data = json.dumps([layer.hex() for layer in layers]).encode()
        digest = digest_of(data)
        instant_ms, size = NOW * 1000, sum(map(len, layers))
        summary = Summary(0, digest, OCI_MANIFEST, size, UNKNOWN_CREATED_MS, instant_ms)

        def work(connection: Connection) -> None:
            stored = repositories.create(connection, bucket, repository)
            assert stored is not None
            named = {digest_of(layer): layer for layer in layers}
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


class Federation:
    """The pool `outside` of my-project, and its provider `issuer`."""

    def __init__(self, apis: Any) -> None:
        self.apis = apis
        apis.call("POST", "/v1/projects", {"projectId": "my-project"})
        number = apis.call("GET", "/v1/projects/my-project").body["projectNumber"]
        self.pool = f"projects/{number}/locations/global/workloadIdentityPools/outside"
        self.provider = f"{self.pool}/providers/issuer"
        assert apis.call("POST", f"{POOLS}?workloadIdentityPoolId=outside", {}).status == 200

    def set_provider(self, **settings: Any) -> None:
        """Creates or replaces the provider, of OIDC by default."""
        of_oidc = {"oidc": {"issuerUri": ISSUER}, "attributeMapping": {"google.subject": "assertion.sub"}}
        body = settings if "aws" in settings else {**of_oidc, **settings}
        path = f"/v1/{self.pool}/providers?workloadIdentityPoolProviderId=issuer"
        reply = self.apis.call("POST", path, body)
        if reply.status == 409:
            reply = self.apis.call("PATCH", f"/v1/{self.provider}", body)
        assert reply.status == 200, reply

    def mint(self, **changes: Any) -> str:
        """Returns a subject token of the emulator's issuer; None removes a claim."""
        claims = {
            "iss": ISSUER,
            "sub": "ada",
            "aud": f"https://iam.googleapis.com/{self.provider}",
            "iat": NOW,
            "exp": NOW + 3600,
            **changes,
        }
        present = {name: value for name, value in claims.items() if value is not None}
        token: str = self.apis.services.issuer.sign(present)
        return token

    def exchange(self, token: str, **changes: Any) -> Any:
        """Exchanges a subject token, and returns the response; None removes a field."""
        fields = {
            "grant_type": TOKEN_EXCHANGE,
            "audience": f"//iam.googleapis.com/{self.provider}",
            "scope": CLOUD_PLATFORM,
            "requested_token_type": ACCESS_TOKEN_TYPE,
            "subject_token": token,
            "subject_token_type": JWT_TYPE,
            **changes,
        }
        return self.apis.post_form("/v1/token", {k: v for k, v in fields.items() if v is not None})

    def fetch_token(self, token: str | None = None) -> str:
        """Returns the access token for a subject token."""
        reply = self.exchange(token or self.mint())
        assert reply.status == 200, reply
        access_token: str = reply.body["access_token"]
        return access_token

    @staticmethod
    def refused(error: str, description: str, status: int = 400) -> tuple[int, dict[str, str]]:
        """Returns the status and the body of a refused exchange."""
        return status, {"error": error, "error_description": description}

    def member(self, subject: str = "ada") -> str:
        return f"principal://iam.googleapis.com/{self.pool}/subject/{subject}"

    def set_of(self, name: str) -> str:
        return f"principalSet://iam.googleapis.com/{self.pool}/{name}"


@pytest.fixture(scope="session")
def signer() -> Signer:
    return Signer.generate()


@pytest.fixture(scope="session")
def id_tokens(private_key: str) -> IdTokenSigner:
    return IdTokenSigner(private_key.encode)


@pytest.fixture
def apis(
    tmp_path: Path,
    signer: Signer,
    id_tokens: IdTokenSigner,
    call_app: Callable[..., Any],
    rsa_key: rsa.RSAPrivateKey,
) -> Iterator[Apis]:
    clock = Clock()
    clock.set(NOW)
    with open_database(tmp_path / "emulator.db") as database:
        services = GoogleServices(
            database,
            clock,
            signer,
            Authenticator(signer, clock.now),
            OPERATOR_TOKEN,
            strict_admin=False,
            store=FileStore(tmp_path),
            issuer=Issuer.generate(),
            id_tokens=id_tokens,
            registry_kind=DEFAULT_KIND,
        )
        yield Apis(services, clock, call_app, rsa_key)


@pytest.fixture
def federation(apis: Apis) -> Federation:
    return Federation(apis)
