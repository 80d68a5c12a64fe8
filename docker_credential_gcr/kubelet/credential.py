"""Credential for an image: of the pod's service account with --sts-audience, else of the token sources."""

import os
import sys
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from docker_credential_gcr.errors import CredentialsNotFound, TokenError, find_secret_form
from docker_credential_gcr.helper import registries
from docker_credential_gcr.helper.config import load_config
from docker_credential_gcr.helper.keychain import Search
from docker_credential_gcr.helper.token_sources.impersonated import Impersonated
from docker_credential_gcr.helper.tokens import FLOOR_S, AccessToken

from .messages import RegistryPassword, Request
from .pod_identity import PodIdentity

if TYPE_CHECKING:
    from docker_credential_gcr.helper.tokens import TokenSource

# GKE's annotation of a Kubernetes service account; its value is a Google service account.
# https://cloud.google.com/kubernetes-engine/docs/how-to/workload-identity
ANNOTATION = "iam.gke.io/gcp-service-account"
NO_AUDIENCE = "there is no --sts-audience to exchange it for"
AUDIENCE_HINT = "add --sts-audience to `args`, or remove `tokenAttributes` from the kubelet's configuration"
NO_TOKEN = "the kubelet sent none"
TOKEN_HINT = (
    "set `requireServiceAccount` to true in `tokenAttributes` of the kubelet's configuration, "
    "or remove --sts-audience from `args`"
)


def find_registry_password(
    request: Request,
    *,
    audience: str,
    environ: Mapping[str, str] = os.environ,
    platform: str = sys.platform,
    now: Callable[[], float] = time.time,
) -> RegistryPassword:
    """Returns the password for the registry of a request's image.

    Raises CredentialsNotFound for an image of another registry, and where no token source has a credential;
    TokenError when one failed, and ConfigError for a malformed configuration.
    """
    registry = find_registry(request.image)
    host = registries.find_host(registry)
    if host is None:
        raise CredentialsNotFound(registry)
    config = load_config(environ, platform)
    trust_domain = registries.find_trust_domain(host, config.registries)
    if trust_domain is None:
        raise CredentialsNotFound(registry)
    search = Search(host, trust_domain, config, environ, platform, now)
    is_pod_identity = request.service_account_token or audience
    token = _exchange_pod_token(request, search, audience) if is_pod_identity else search.get_token()
    return RegistryPassword(registry, token.value, find_lifetime(token, now(), config.min_ttl_s))


def find_registry(image: str) -> str:
    """Returns the part before an image's first slash; "" where it cannot be a registry."""
    registry, slash, _ = image.partition("/")
    return registry if slash and registry.isascii() and registry.isprintable() else ""


def find_lifetime(token: AccessToken, now: float, min_ttl_s: float) -> int:
    """Returns for how many seconds the kubelet may cache a token: until Docker would get a new one.

    The kubelet uses a cached token for pulls that start later.
    """
    life_s = token.expires_at - token.obtained_at
    return max(0, int(token.expires_at - now - max(FLOOR_S, min(min_ttl_s, life_s / 2))))


def _exchange_pod_token(request: Request, search: Search, audience: str) -> AccessToken:
    """Exchanges the token of the pod's service account for an access token."""
    source: TokenSource = PodIdentity(request.service_account_token, audience, search.environ)
    account = request.annotations.get(ANNOTATION)
    if account or search.settings.impersonate:
        impersonated = Impersonated(source, search.settings, search.environ)
        if account:
            impersonated.account, impersonated.delegates = account, ()
        source = impersonated
    try:
        # The node's own credential is no substitute: each pod could then read what only the node may read.
        if not audience:
            raise TokenError(NO_AUDIENCE, hint=AUDIENCE_HINT)
        if not request.service_account_token:
            raise TokenError(NO_TOKEN, hint=TOKEN_HINT)
        if form := find_secret_form(account or ""):
            raise TokenError(f"the annotation {ANNOTATION} holds {form}, not an account")
        return source.fetch(search.request, search.deadline)
    except TokenError as error:
        host = search.request.host
        fault = type(error)(f"no access token for {host}: service account token: {error}", error.hint)
        raise search.waive(fault) from error
