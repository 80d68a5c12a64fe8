"""Provisions credentials at a running emulator: accounts, keys, logins, workload identity providers."""

import base64
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit

from docker_credential_gcr.emulator.cli.options import say
from docker_credential_gcr.emulator.client import credential_files as documents
from docker_credential_gcr.emulator.client.credential_files import Document, Endpoints
from docker_credential_gcr.emulator.client.rest import Server, expecting
from docker_credential_gcr.emulator.client.server_url import format_root
from docker_credential_gcr.emulator.identity.principal import format_service_account
from docker_credential_gcr.emulator.identity.resource_names import format_email

from .output_file import save

_POOL = "gcr-emulator"
_REFRESH = "refuses to renew it once the token in it has expired: create it again"
_IMPERSONATION = "impersonates at https://iamcredentials.{}, which needs --tls and a name that resolves"
_FIXED_ENDPOINT = "uses oauth2.googleapis.com, whatever the file says"
_PROJECT_LOOKUP = (
    "looks up the project at https://cloudresourcemanager.{} when it is loaded with scopes: add them later"
)


@dataclass(frozen=True)
class CredentialRequest:
    """The credential that the user asked for: its account, roles and output file."""

    server: Server
    project_id: str
    account: str
    roles: tuple[str, ...]
    output: Path
    subject_token_file: Path | None
    endpoints: Endpoints

    @property
    def email(self) -> str:
        """Returns the service account's address."""
        return format_email(self.account, self.project_id)

    @property
    def person(self) -> str:
        """Returns the address of the person, for a credential of a person."""
        return self.account if "@" in self.account else f"{self.account}@example.com"


def create_key(request: CredentialRequest) -> Document:
    """Creates a key of the service account, and the account if it is absent."""
    create_account(request)
    key = json.loads(base64.b64decode(request.server.create_key(request.project_id, request.email)))
    return documents.format_key(key, request.endpoints)


def create_login(request: CredentialRequest) -> Document:
    """Creates a login of a person, and the person if absent."""
    server, person = request.server, request.person
    server.call("POST", "/_emulator/users", {"email": person})
    _grant(request, f"user:{person}")
    login = server.call("POST", "/_emulator/refreshTokens", {"email": person})
    now = time.time()
    form = {"grant_type": "refresh_token"} | {
        name: login[name] for name in ("client_id", "client_secret", "refresh_token")
    }
    token = server.call("POST", "/token", form=form)
    _warn_python(request, _REFRESH)
    return documents.format_login(login, token, now, request.endpoints)


def create_impersonation(request: CredentialRequest) -> Document:
    """Creates a person's login that may impersonate the service account."""
    create_account(request)
    source = create_login(replace(request, roles=()))
    _grant_on_account(request, "roles/iam.serviceAccountTokenCreator", f"user:{request.person}")
    _warn_python(request, _IMPERSONATION.format(request.endpoints.universe))
    return documents.format_impersonation(request.email, source, request.endpoints)


def warn_node(request: CredentialRequest) -> None:
    """Warns that Node's library ignores the endpoints of a file."""
    if request.endpoints.universe is not None:
        say(
            f"note: google-auth-library for Node.js {_FIXED_ENDPOINT}: "
            "use --token-uri google in gcr-emulator run"
        )


def _warn_python(request: CredentialRequest, text: str) -> None:
    """Warns about a limit of Python's library with a file that names this server."""
    if request.endpoints.universe is not None:
        say(f"note: google-auth for Python {text}, or use --token-uri google in gcr-emulator run")


def create_federation(request: CredentialRequest) -> Document:
    """Creates an identity of the emulator's own issuer that may impersonate the service account."""
    create_account(request)
    server, project = request.server, f"/v1/projects/{request.project_id}"
    root = format_root(server.url)
    number = server.call("GET", project)["projectNumber"]
    pools = f"{project}/locations/global/workloadIdentityPools"
    _create_if_absent(server, f"{pools}?workloadIdentityPoolId={_POOL}", {"displayName": "gcr-emulator"})
    provider = {
        "oidc": {"issuerUri": f"{root}/_emulator/issuer"},
        "attributeMapping": {"google.subject": "assertion.sub"},
    }
    # The same server at another URL is another issuer.
    scheme, port = urlsplit(root).scheme, urlsplit(root).port
    provider_id = f"{_POOL}-{scheme}-{port}" if port else f"{_POOL}-{scheme}"
    query = f"workloadIdentityPoolProviderId={provider_id}"
    _create_if_absent(server, f"{pools}/{_POOL}/providers?{query}", provider)
    name = documents.format_provider(number, _POOL, provider_id)
    member = documents.format_subject(number, _POOL, request.account)
    _grant_on_account(request, "roles/iam.workloadIdentityUser", member)
    _warn_python(request, _PROJECT_LOOKUP.format(request.endpoints.universe))
    return documents.format_federation(
        request.email, name, _find_subject_token(request, root, name), request.endpoints
    )


def _find_subject_token(request: CredentialRequest, root: str, provider: str) -> Mapping[str, str]:
    """Returns the source of the subject token: a URL that signs a new one for each request, or a file."""
    if request.subject_token_file is None:
        return {"url": documents.format_subject_token_url(root, request.account, provider)}
    document = {
        "subject": request.account,
        "audience": f"https:{provider}",
        "lifetime_s": 24 * 3600,
        # Without a jti the token may be exchanged more than once.
        "claims": {"iss": f"{root}/_emulator/issuer", "jti": None},
    }
    token = request.server.call("POST", "/_emulator/issuer/tokens", document)
    path = request.subject_token_file.absolute()
    save(path, json.dumps(token) + "\n")
    say(f"wrote {path}: it expires in 24 hours, run the command with --force to renew it")
    return {"file": str(path)}


def create_account(request: CredentialRequest) -> None:
    """Creates the service account if it is absent, and grants it the roles."""
    request.server.create_account(request.project_id, request.account)
    _grant(request, format_service_account(request.email))


def _grant(request: CredentialRequest, member: str) -> None:
    if request.roles:
        request.server.grant(request.project_id, member, request.roles)


def _grant_on_account(request: CredentialRequest, role: str, member: str) -> None:
    """Grants a member a role on the service account."""
    request.server.grant(request.project_id, member, (role,), email=request.email)


def _create_if_absent(server: Server, path: str, document: Document) -> None:
    with expecting("ALREADY_EXISTS"):
        server.call("POST", path, document)
