"""Makes at a running emulator what a credential needs, and the credential's document."""

import base64
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit

from docker_credential_gcr.emulator.cli.options import say
from docker_credential_gcr.emulator.client.rest import Server, expecting
from docker_credential_gcr.emulator.identity.principal import format_service_account
from docker_credential_gcr.emulator.identity.resource_names import format_email

from . import credential_files as documents
from .credential_files import Document, Endpoints
from .key import save

_POOL = "gcr-emulator"
_REFRESHES = "refuses to renew it once the token in it has expired: make it anew"
_IMPERSONATES = "impersonates at https://iamcredentials.{}, which needs --tls and a name that resolves"
_ASKS_GOOGLE = "asks oauth2.googleapis.com, whatever the file says"
_LOOKS_UP = (
    "looks for the project at https://cloudresourcemanager.{} when it is loaded with scopes: add them later"
)


@dataclass(frozen=True)
class Wanted:
    """What the credential is to be: whose, for what, and where it goes."""

    server: Server
    project_id: str
    account: str
    roles: tuple[str, ...]
    output: Path
    subject_token_file: Path | None
    endpoints: Endpoints

    @property
    def email(self) -> str:
        """The service account's address."""
        return format_email(self.account, self.project_id)

    @property
    def person(self) -> str:
        """The person's address, for credentials that are a person's."""
        return self.account if "@" in self.account else f"{self.account}@example.com"


def make_key(wanted: Wanted) -> Document:
    """A key of the service account, which is made if it is absent."""
    prepare_account(wanted)
    key = json.loads(base64.b64decode(wanted.server.create_key(wanted.project_id, wanted.email)))
    return documents.format_key(key, wanted.endpoints)


def make_login(wanted: Wanted) -> Document:
    """A login of a person, who is made if they are absent."""
    server, person = wanted.server, wanted.person
    server.call("POST", "/_emulator/users", {"email": person})
    _grant(wanted, f"user:{person}")
    login = server.call("POST", "/_emulator/refreshTokens", {"email": person})
    now = time.time()
    form = {"grant_type": "refresh_token"} | {
        name: login[name] for name in ("client_id", "client_secret", "refresh_token")
    }
    token = server.call("POST", "/token", form=form)
    _note(wanted, _REFRESHES)
    return documents.format_login(login, token, now, wanted.endpoints)


def make_impersonation(wanted: Wanted) -> Document:
    """A person's login that acts as the service account."""
    prepare_account(wanted)
    source = make_login(replace(wanted, roles=()))
    _let(wanted, "roles/iam.serviceAccountTokenCreator", f"user:{wanted.person}")
    _note(wanted, _IMPERSONATES.format(wanted.endpoints.universe))
    return documents.format_impersonation(wanted.email, source, wanted.endpoints)


def note_node(wanted: Wanted) -> None:
    """Say that Node's library takes no notice of where a file leads."""
    if wanted.endpoints.universe is not None:
        say(
            f"note: google-auth-library for Node.js {_ASKS_GOOGLE}: "
            "use --token-uri google in gcr-emulator run"
        )


def _note(wanted: Wanted, text: str) -> None:
    """Say what Python's library makes of a file that leads here."""
    if wanted.endpoints.universe is not None:
        say(f"note: google-auth for Python {text}, or use --token-uri google in gcr-emulator run")


def make_federation(wanted: Wanted) -> Document:
    """An identity of the emulator's own issuer that acts as the service account."""
    prepare_account(wanted)
    server, project = wanted.server, f"/v1/projects/{wanted.project_id}"
    root = documents.format_root(server.url)
    number = server.call("GET", project)["projectNumber"]
    pools = f"{project}/locations/global/workloadIdentityPools"
    _make_once(server, f"{pools}?workloadIdentityPoolId={_POOL}", {"displayName": "gcr-emulator"})
    provider = {
        "oidc": {"issuerUri": f"{root}/_emulator/issuer"},
        "attributeMapping": {"google.subject": "assertion.sub"},
    }
    # The same server at another URL is another issuer.
    scheme, port = urlsplit(root).scheme, urlsplit(root).port
    provider_id = f"{_POOL}-{scheme}-{port}" if port else f"{_POOL}-{scheme}"
    _make_once(server, f"{pools}/{_POOL}/providers?workloadIdentityPoolProviderId={provider_id}", provider)
    name = documents.format_provider(number, _POOL, provider_id)
    member = documents.format_subject(number, _POOL, wanted.account)
    _let(wanted, "roles/iam.workloadIdentityUser", member)
    _note(wanted, _LOOKS_UP.format(wanted.endpoints.universe))
    return documents.format_federation(
        wanted.email, name, _find_subject_token(wanted, root, name), wanted.endpoints
    )


def _find_subject_token(wanted: Wanted, root: str, provider: str) -> Mapping[str, str]:
    """Where the credential reads the subject token: of a URL that makes a new one each time, or of a file."""
    if wanted.subject_token_file is None:
        return {"url": documents.format_subject_token_url(root, wanted.account, provider)}
    document = {
        "subject": wanted.account,
        "audience": f"https:{provider}",
        "lifetime_s": 24 * 3600,
        # Without a jti it may be exchanged as often as the file is read.
        "claims": {"iss": f"{root}/_emulator/issuer", "jti": None},
    }
    token = wanted.server.call("POST", "/_emulator/issuer/tokens", document)
    path = wanted.subject_token_file.absolute()
    save(path, json.dumps(token) + "\n")
    say(f"wrote {path}: it ends in 24 hours, run the command with --force to renew it")
    return {"file": str(path)}


def prepare_account(wanted: Wanted) -> None:
    """Make the service account, unless it is there, and give it the roles."""
    wanted.server.create_account(wanted.project_id, wanted.account)
    _grant(wanted, format_service_account(wanted.email))


def _grant(wanted: Wanted, member: str) -> None:
    if wanted.roles:
        wanted.server.grant(wanted.project_id, member, wanted.roles)


def _let(wanted: Wanted, role: str, member: str) -> None:
    """Gives a member a role on the service account."""
    wanted.server.grant(wanted.project_id, member, (role,), email=wanted.email)


def _make_once(server: Server, path: str, document: Document) -> None:
    with expecting("ALREADY_EXISTS"):
        server.call("POST", path, document)
