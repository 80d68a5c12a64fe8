"""Messages of the kubelet: the CredentialProviderRequest on stdin, and the response on stdout.

{"kind": "CredentialProviderRequest", "apiVersion": "credentialprovider.kubelet.k8s.io/v1",
 "image": "us.gcr.io/p/app", "serviceAccountToken": "eyJ…", "serviceAccountAnnotations": {"KEY": "VALUE"}}
{"kind": "CredentialProviderResponse", "apiVersion": "credentialprovider.kubelet.k8s.io/v1",
 "cacheKeyType": "Registry", "cacheDuration": "3300s",
 "auth": {"us.gcr.io": {"username": "oauth2accesstoken", "password": "ya29.…"}}}
https://kubernetes.io/docs/reference/config-api/kubelet-credentialprovider.v1/
"""

import json
from dataclasses import dataclass, field

from docker_credential_gcr.errors import ProtocolError, quote
from docker_credential_gcr.helper import wire
from docker_credential_gcr.helper.keychain import USERNAME

from . import GROUP, VERSIONS

API_VERSIONS = tuple(f"{GROUP}/{version}" for version in VERSIONS)
MAX_SIZE = 1024 * 1024


@dataclass(frozen=True)
class Request:
    """A request; the pod's token is "" where the kubelet is not configured to send it."""

    api_version: str
    image: str
    service_account_token: str = field(default="", repr=False)
    annotations: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class RegistryPassword:
    """A password for a registry, named as in the image, and for how long the kubelet may cache it."""

    registry: str
    value: str = field(repr=False)
    lifetime_s: int


def parse_request(data: bytes) -> Request:
    """Parses the kubelet's request. Raises ProtocolError."""
    if len(data) > MAX_SIZE:
        raise ProtocolError("the request is larger than 1 MiB")
    try:
        members = wire.loads(data.decode("utf-8"))
    except ValueError as error:
        raise ProtocolError(f"the request is not JSON: {error}") from error
    if not isinstance(members, dict) or members.get("kind") != "CredentialProviderRequest":
        raise ProtocolError("the request is not a CredentialProviderRequest")
    if members.get("apiVersion") not in API_VERSIONS:
        known = " ".join(API_VERSIONS)
        raise ProtocolError(
            f"the apiVersion {quote(str(members.get('apiVersion'))):.100} is not one of {known}"
        )
    return Request(
        members["apiVersion"],
        _get_string(members, "image"),
        _get_string(members, "serviceAccountToken"),
        _get_strings(members, "serviceAccountAnnotations"),
    )


def format_response(api_version: str, password: RegistryPassword | None) -> str:
    """Formats the response as a line of JSON, in the version of the request: the kubelet accepts no other.

    Without a password `auth` is null, and the kubelet asks again at the next pull.
    """
    auth = {password.registry: {"username": USERNAME, "password": password.value}} if password else None
    response = {
        "kind": "CredentialProviderResponse",
        "apiVersion": api_version,
        "cacheKeyType": "Registry",  # each may have its own token source
        "cacheDuration": f"{password.lifetime_s if password else 0}s",
        "auth": auth,
    }
    return json.dumps(response, separators=(",", ":")) + "\n"


def _get_string(members: dict[str, object], name: str) -> str:
    value = members.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise ProtocolError(f"the request's {name} is not a string")
    return value


def _get_strings(members: dict[str, object], name: str) -> dict[str, str]:
    value = members.get(name)
    if value is None:
        return {}
    if not isinstance(value, dict) or not all(isinstance(item, str) for item in value.values()):
        raise ProtocolError(f"the request's {name} is not an object of strings")
    return value
