"""Asks the metadata server of a Google Cloud machine for a token of the machine's service account."""

import json
import os
import sys
import time
from contextlib import suppress
from urllib.parse import quote

from docker_credential_gcr import files
from docker_credential_gcr.errors import OTHER_SOURCE, NetworkError, NoToken, TokenRefused
from docker_credential_gcr.helper import config
from docker_credential_gcr.helper.token_sources import TokenRequest, metadata
from docker_credential_gcr.helper.token_sources.metadata import NAME, NOT_THERE, Metadata
from docker_credential_gcr.helper.tokens.access_token import AccessToken

from . import endpoint, http, oauth
from .metadata_host import CHECK, check_use

# Proves that neither side is a confused proxy. https://cloud.google.com/compute/docs/metadata/querying-metadata
FLAVOR = {"Metadata-Flavor": "Google"}
DETECTION_S = 1.0
ACCOUNT_HINT = "give the machine a service account, or configure another token source"
NOT_GOOGLES = "this is not a Google Cloud machine: configure another token source than metadata"
SCOPES_HINT = "give the machine's service account the scope cloud-platform, or configure another token source"


def fetch_token(source: Metadata, request: TokenRequest, deadline: float) -> AccessToken:
    """Returns the token of the machine's service account, or of the account that is configured.

    Raises NoToken when there is no server where one was only possible, TokenError otherwise.
    """
    check_use(source, request)
    if not source.is_sure and not _detect(source, deadline):
        _remember(source, False)
        raise NoToken(NOT_THERE)
    asked_at = int(time.time())
    token_endpoint = endpoint.parse_endpoint(_format_url(source, request))
    try:
        answer = http.send("GET", token_endpoint, headers=FLAVOR, deadline=deadline)
    except NetworkError as error:
        hint = _find_hint(source) if source.host == NAME else error.hint
        text = str(error)
        raise NetworkError(text, hint=hint or error.hint, check=CHECK, command=OTHER_SOURCE) from error
    _check_answer(source, answer)
    document = oauth.parse_answer(source.host, answer, ACCOUNT_HINT, check=CHECK, command=OTHER_SOURCE)
    token = oauth.parse_token(source.host, document, asked_at)
    _remember(source, True)
    return token


def _format_url(source: Metadata, request: TokenRequest) -> str:
    account = quote(request.account or "default", safe="@")
    # A virtual machine's scopes are fixed; a Kubernetes workload's may be narrowed.
    narrowed = () if request.scopes == config.DEFAULT_SCOPES else request.scopes
    query = "?scopes=" + quote(",".join(narrowed), safe=",") if narrowed else ""
    return f"http://{source.host}/computeMetadata/v1/instance/service-accounts/{account}/token{query}"


def _detect(source: Metadata, deadline: float) -> bool:
    """Whether a metadata server answers within a second; a captive portal is none."""
    until = min(deadline, time.monotonic() + DETECTION_S)
    with suppress(NetworkError):
        answer = http.send(
            "GET",
            endpoint.parse_endpoint(f"http://{source.address}/"),
            headers=FLAVOR,
            deadline=until,
            pauses_s=(),
        )
        return answer.headers.get("Metadata-Flavor", "") == "Google"
    return False


def _find_hint(source: Metadata) -> str:
    """What to do where no metadata server answers; nothing special on a machine that is known to have one."""
    if source.host != NAME:
        return f"check GCE_METADATA_HOST, which names {source.host}, or unset it"
    return "" if metadata.is_google_machine(sys.platform, metadata.PRODUCT_FILE) else NOT_GOOGLES


def _check_answer(source: Metadata, answer: http.Answer) -> None:
    if answer.headers.get("Metadata-Flavor", "") != "Google":
        text, hint = f"{source.host} answered {answer.status}, and is no metadata server", _find_hint(source)
        raise TokenRefused(text, hint=hint, check=CHECK, command=OTHER_SOURCE)
    if answer.status == 404:
        raise NoToken("the machine has no service account", check=CHECK, command=OTHER_SOURCE)
    if answer.status == 403:
        text = f"{source.host} answered 403: the scopes are not granted"
        raise TokenRefused(text, hint=SCOPES_HINT, check=CHECK, command=OTHER_SOURCE)


def _remember(source: Metadata, is_present: bool) -> None:
    if source.record is None:
        return
    record = {
        "version": 1,
        "address": source.address,
        "is_present": is_present,
        "checked_at": int(time.time()),
    }
    with suppress(OSError):  # nobody remembers then, and the next caller looks again
        files.make_private_directory(os.path.dirname(source.record))
        files.replace_file(source.record, json.dumps(record).encode("ascii"))
