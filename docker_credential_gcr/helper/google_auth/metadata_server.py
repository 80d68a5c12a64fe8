"""Metadata server client: asks for a token of the machine's service account."""

import time
from contextlib import suppress
from urllib.parse import quote

from docker_credential_gcr.errors import OTHER_SOURCE, NetworkError, NoToken, TokenRefused
from docker_credential_gcr.helper import config
from docker_credential_gcr.helper.tokens import AccessToken, TokenRequest

from . import endpoint, http, oauth

CHECK = "metadata server"
# Proves that neither side is a confused proxy. https://cloud.google.com/compute/docs/metadata/querying-metadata
FLAVOR = {"Metadata-Flavor": "Google"}
DETECTION_S = 1.0
ACCOUNT_HINT = "give the machine a service account, or configure another token source"
SCOPES_HINT = "give the machine's service account the scope cloud-platform, or configure another token source"


def fetch_token(
    host: str, request: TokenRequest, deadline: float, *, no_answer_hint: str, wrong_answer_hint: str
) -> AccessToken:
    """Fetches a token of the machine's service account, or of the configured one.

    Without a `no_answer_hint` a NetworkError has the hint for its own cause. Raises NoToken where the machine
    has no service account, NetworkError and TokenRefused.
    """
    asked_at = int(time.time())
    token_endpoint = endpoint.parse_endpoint(_format_url(host, request))
    try:
        answer = http.send("GET", token_endpoint, headers=FLAVOR, deadline=deadline)
    except NetworkError as error:
        hint = no_answer_hint or error.hint
        raise NetworkError(str(error), hint=hint, check=CHECK, command=OTHER_SOURCE) from error
    check_answer(host, answer, wrong_answer_hint)
    document = oauth.parse_answer(host, answer, ACCOUNT_HINT, check=CHECK, command=OTHER_SOURCE)
    return oauth.parse_token(host, document, asked_at)


def is_present(address: str, deadline: float) -> bool:
    """Returns whether a metadata server answers within a second; a captive portal does not count."""
    until = min(deadline, time.monotonic() + DETECTION_S)
    with suppress(NetworkError):
        target = endpoint.parse_endpoint(f"http://{address}/")
        answer = http.send("GET", target, headers=FLAVOR, deadline=until, pauses_s=())
        return answer.headers.get("Metadata-Flavor", "") == "Google"
    return False


def check_answer(host: str, answer: http.Answer, hint: str) -> None:
    """Raises TokenRefused for another server or a missing scope, NoToken for a machine without an account."""
    if answer.headers.get("Metadata-Flavor", "") != "Google":
        text = f"{host} is not a metadata server: it answered {answer.status}"
        raise TokenRefused(text, hint=hint, check=CHECK, command=OTHER_SOURCE)
    if answer.status == 404:
        raise NoToken("the machine has no service account", check=CHECK, command=OTHER_SOURCE)
    if answer.status == 403:
        text = f"{host} answered 403: the scopes are not granted"
        raise TokenRefused(text, hint=SCOPES_HINT, check=CHECK, command=OTHER_SOURCE)


def _format_url(host: str, request: TokenRequest) -> str:
    account = quote(request.account or "default", safe="@")
    # A virtual machine's scopes are fixed; a Kubernetes workload's may be narrowed.
    narrowed = () if request.scopes == config.DEFAULT_SCOPES else request.scopes
    query = "?scopes=" + quote(",".join(narrowed), safe=",") if narrowed else ""
    return f"http://{host}/computeMetadata/v1/instance/service-accounts/{account}/token{query}"
