"""Workload identity federation and its kin, as Google's own library speaks them, within our deadline.

Its expiry is taken as it stands: the library itself calls a token expired 225 s before that, which the
five-minute tokens of direct federation never survive.
"""

import time
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from docker_credential_gcr.errors import KeyFileError, NetworkError, TokenRefused
from docker_credential_gcr.helper import connection_faults, http, times
from docker_credential_gcr.helper.access_token import (
    MAX_LIFETIME_S,
    AccessToken,
    is_token,
    make_of_unknown_life,
)
from docker_credential_gcr.helper.deadline import call_within
from docker_credential_gcr.helper.redaction import redact
from docker_credential_gcr.helper.token_sources import TokenRequest

if TYPE_CHECKING:
    import requests

Document = dict[str, object]
ENDPOINTS = ("token_url", "token_uri", "service_account_impersonation_url")  # what the tokens are traded at
AWS = "urn:ietf:params:aws:token-type:aws4_request"
NEW_FILE = "make the file anew: `gcloud iam workload-identity-pools create-cred-config`"
REFUSED_HINT = "check the pool's provider, and the roles of the identity"


def fetch_token(document: Document, request: TokenRequest, deadline: float) -> AccessToken:
    """A token for an external_account, external_account_authorized_user or gdch_service_account.

    Raises KeyFileError when the document is malformed, TokenRefused or NetworkError when no token came.
    """
    from google.auth import exceptions

    asked_at = int(time.time())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            credentials = _load(document, request)
        except (exceptions.GoogleAuthError, ValueError, TypeError, KeyError, AttributeError) as error:
            raise KeyFileError(_format_fault(error), hint=NEW_FILE) from error
        try:
            call_within(deadline, lambda: credentials.refresh(_start_transport(deadline)))
        except TimeoutError as error:
            hint = connection_faults.HINTS[connection_faults.SILENT]
            raise NetworkError("no token came in time", hint=hint) from error
        except exceptions.TransportError as error:
            hint = connection_faults.HINTS[connection_faults.classify(error)]
            raise NetworkError(_format_fault(error), hint=hint) from error
        except (exceptions.GoogleAuthError, ValueError, TypeError, KeyError, OSError) as error:
            raise TokenRefused(_format_fault(error), hint=REFUSED_HINT) from error
    return _check_token(credentials.token, credentials.expiry, asked_at)


def _check_token(value: object, expiry: Any, asked_at: int) -> AccessToken:
    if not isinstance(value, str) or not is_token(value):
        raise TokenRefused("the answer holds no access token that can be sent", hint=REFUSED_HINT)
    if expiry is None:
        return make_of_unknown_life(value, asked_at)
    expires_at = min(times.parse_naive(expiry), asked_at + MAX_LIFETIME_S)
    token = AccessToken(value, expires_at=expires_at, obtained_at=asked_at)
    if not token.is_fresh(asked_at):
        raise TokenRefused("the answer holds an expired access token", hint=REFUSED_HINT)
    return token


def _load(document: Document, request: TokenRequest) -> Any:
    return LOADERS[str(document["type"])](document, request)


def _load_external(document: Document, request: TokenRequest) -> Any:
    from google.auth import aws, identity_pool, pluggable

    source = document.get("credential_source")
    kind: Any = identity_pool
    if document.get("subject_token_type") == AWS:
        kind = aws
    elif isinstance(source, dict) and "executable" in source:
        kind = pluggable
    return kind.Credentials.from_info(document, scopes=list(request.scopes))


def _load_external_user(document: Document, _request: TokenRequest) -> Any:
    from google.auth import external_account_authorized_user

    kind: Any = external_account_authorized_user.Credentials
    return kind.from_info(document)  # its scopes are the login's


def _load_gdch(document: Document, request: TokenRequest) -> Any:
    from google.oauth2 import gdch_credentials

    kind: Any = gdch_credentials.ServiceAccountCredentials
    # Google Distributed Cloud's audience is the service that the token is for.
    return kind.from_service_account_info(document).with_gdch_audience(f"https://{request.host}")


LOADERS: dict[str, Callable[[Document, TokenRequest], Any]] = {
    "external_account": _load_external,
    "external_account_authorized_user": _load_external_user,
    "gdch_service_account": _load_gdch,
}


def _start_transport(deadline: float) -> Any:
    """The library's own transport, over a session that keeps the deadline and follows no redirect."""
    import requests
    from google.auth.transport.requests import Request

    class Session(requests.Session):
        def request(self, method: Any, url: Any, **kwargs: Any) -> "requests.Response":  # type: ignore[override]
            kwargs["timeout"] = max(0.1, deadline - time.monotonic())
            kwargs["allow_redirects"] = False
            with http.start_session(urlsplit(url).netloc) as session:
                return session.request(method, url, **kwargs)

    return Request(session=Session())


def _format_fault(error: BaseException) -> str:
    """What the library says, without what its texts quote of answers."""
    text = error.args[0] if error.args and isinstance(error.args[0], str) else ""
    return f"{type(error).__name__}: {redact(text):.300}" if text else type(error).__name__
