"""Credential files for Google's clients, in which every URL leads to the emulator.

authorized_user  {"type", "client_id", "client_secret", "refresh_token", "token_uri", "token", "expiry", …}
external_account {"type", "audience", "subject_token_type", "token_url", "credential_source": {…}, …}
https://google.aip.dev/auth/4110 and 4112 to 4117
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any
from urllib.parse import urlencode, urlsplit

from .server_url import format_registry, format_root, format_token_url, is_loopback

Document = dict[str, Any]

# Marks a file with Google's endpoints that works in `gcr-emulator run` only: elsewhere docker-credential-gcr
# does not use it.
MARK = {"gcr_emulator": True}
_POOLS = "locations/global/workloadIdentityPools"
SUBJECT_TOKEN_TYPE = "urn:ietf:params:oauth:token-type:jwt"


@dataclass(frozen=True)
class Endpoints:
    """URLs at which clients exchange a credential. `universe` None is Google's own, googleapis.com."""

    auth: str
    token: str
    certificates: str
    exchange: str
    introspection: str
    service_accounts: str
    universe: str | None


GOOGLE_ENDPOINTS = Endpoints(
    "https://accounts.google.com/o/oauth2/auth",
    "https://oauth2.googleapis.com/token",
    "https://www.googleapis.com",
    "https://sts.googleapis.com/v1/token",
    "https://sts.googleapis.com/v1/introspect",
    "https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts",
    None,
)


def find_endpoints(url: str) -> Endpoints:
    """Returns the endpoints of the server.

    google-auth for Python exchanges refresh tokens, impersonates, and looks up a federated identity's project
    at Google's endpoints, whatever the file says. In another universe it does not: it refuses the first,
    and sends the others to a host that is never Google's. https://googleapis.dev/python/google-auth/latest/
    """
    root = format_root(url)
    return Endpoints(
        f"{root}/o/oauth2/auth",
        format_token_url(url),
        root,
        f"{root}/v1/token",
        f"{root}/v1/introspect",
        f"{root}/v1/projects/-/serviceAccounts",
        f"googleapis.com.{format_registry(url)}"
        if is_loopback(url)
        else f"googleapis.com.{urlsplit(url).netloc}",
    )


def _mark(endpoints: Endpoints) -> Document:
    return MARK if endpoints.universe is None else {}


def format_key(key: Document, endpoints: Endpoints) -> Document:
    """Returns a service account's key."""
    account = key["client_email"].replace("@", "%40")
    return {
        **key,
        "auth_uri": endpoints.auth,
        "token_uri": endpoints.token,
        "auth_provider_x509_cert_url": f"{endpoints.certificates}/oauth2/v1/certs",
        "client_x509_cert_url": f"{endpoints.certificates}/robot/v1/metadata/x509/{account}",
        **_mark(endpoints),
    }


def format_login(login: Document, token: Document, now: float, endpoints: Endpoints) -> Document:
    """Returns a person's login; `token` is the token endpoint's response, usable until it expires."""
    document = {**login, "token_uri": endpoints.token}
    if endpoints.universe is None:
        return {**document, **_mark(endpoints)}
    expires_at = datetime.fromtimestamp(int(now) + token["expires_in"], timezone.utc)
    return {
        **document,
        "token": token["access_token"],
        "expiry": expires_at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "universe_domain": endpoints.universe,
    }


def format_impersonation(email: str, source: Document, endpoints: Endpoints) -> Document:
    """Returns a credential that impersonates a service account."""
    return {
        "type": "impersonated_service_account",
        "service_account_impersonation_url": _format_impersonation_url(email, endpoints),
        "delegates": [],
        "source_credentials": source,
        **_mark(endpoints),
    }


def format_provider(project_number: str, pool: str, provider: str) -> str:
    """Returns the full name of a workload identity provider."""
    return f"//iam.googleapis.com/projects/{project_number}/{_POOLS}/{pool}/providers/{provider}"


def format_subject(project_number: str, pool: str, subject: str) -> str:
    """Returns the member that stands for one identity of a pool."""
    return f"principal://iam.googleapis.com/projects/{project_number}/{_POOLS}/{pool}/subject/{subject}"


def format_subject_token_url(root: str, subject: str, provider: str) -> str:
    """Returns the URL at which the emulator's issuer signs a new subject token for each request."""
    query = urlencode({"subject": subject, "audience": f"https:{provider}"})
    return f"{root}/_emulator/issuer/tokens?{query}"


def format_federation(email: str, provider: str, source: Mapping[str, str], endpoints: Endpoints) -> Document:
    """Returns a federated identity that impersonates a service account; `source` is {"file"} or {"url"}."""
    return {
        "type": "external_account",
        "audience": provider,
        "subject_token_type": SUBJECT_TOKEN_TYPE,
        "token_url": endpoints.exchange,
        "token_info_url": endpoints.introspection,
        "service_account_impersonation_url": _format_impersonation_url(email, endpoints),
        "credential_source": {**source, "format": {"type": "json", "subject_token_field_name": "token"}},
        **({} if endpoints.universe is None else {"universe_domain": endpoints.universe}),
        **_mark(endpoints),
    }


def format_gcloud_configuration(
    project_id: str, email: str, key: str, environment: Mapping[str, str | None]
) -> str:
    """Returns a gcloud configuration with the properties of `environment`: CLOUDSDK_SECTION_PROPERTY."""
    sections: dict[str, dict[str, str]] = {
        "core": {"account": email, "project": project_id, "disable_usage_reporting": "true"},
        "auth": {"credential_file_override": key},
        "artifacts": {"allow_unrecognized_registry": "true"},
    }
    for section in ("api_endpoint_overrides", "auth", "core"):
        prefix = f"CLOUDSDK_{section.upper()}_"
        for name, value in environment.items():
            if name.startswith(prefix) and value is not None:
                sections.setdefault(section, {})[name.removeprefix(prefix).lower()] = value
    # Python's configparser reads a % as the beginning of a name.
    return "\n".join(
        "".join(
            [f"[{section}]\n", *(f"{name} = {value.replace('%', '%%')}\n" for name, value in values.items())]
        )
        for section, values in sections.items()
    )


def _format_impersonation_url(email: str, endpoints: Endpoints) -> str:
    return f"{endpoints.service_accounts}/{email}:generateAccessToken"
