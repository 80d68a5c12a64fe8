"""Workload identity federation and related types, by google-auth, Google's own library, within our deadline.

The expiry of a token is used as it is. The library itself calls a token expired 225 s earlier, which leaves a
five-minute token of direct federation almost no time.
"""

import os
import time
import warnings
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from docker_credential_gcr.deadline import call_within
from docker_credential_gcr.errors import MORE_TIME, Error, KeyFileError, NetworkError, TokenRefused
from docker_credential_gcr.helper import paths, wire
from docker_credential_gcr.helper.redaction import redact
from docker_credential_gcr.helper.tokens import (
    DIRECTORY,
    MAX_LIFETIME_S,
    AccessToken,
    TokenRequest,
    is_token,
    make_undated,
)

from . import connection_faults, http, subject_token, timestamps
from .endpoint import parse_endpoint
from .subject_token import get_member

Document = dict[str, object]
ENDPOINTS = ("token_url", "token_uri", "service_account_impersonation_url")  # members that name them
NEW_FILE = "create the file again: `gcloud iam workload-identity-pools create-cred-config`"
REFUSED_HINT = "check the pool's provider, and the roles of the identity"
CERTIFICATE_CONFIG = "GOOGLE_API_CERTIFICATE_CONFIG"  # Google's own variable
# The variables that the library and the reader of a subject token use. Of AWS's variables only those of the
# identity: the secrets of a session change by the hour, and its role stays the same.
VARIABLES = (
    *(subject_token.ALLOWING, CERTIFICATE_CONFIG, "CLOUDSDK_CONFIG", "APPDATA", "HOME"),
    *("AWS_ACCESS_KEY_ID", "AWS_DEFAULT_REGION", "AWS_REGION"),
)


class _Response(NamedTuple):
    """Answer, with the attributes that the library reads."""

    status: int
    headers: http.Headers
    data: bytes


def fetch_token(document: Document, request: TokenRequest, deadline: float) -> AccessToken:
    """Fetches a token for an external_account, external_account_authorized_user or gdch_service_account.

    Raises KeyFileError when the document is malformed, TokenRefused or NetworkError without a token.
    """
    asked_at = int(time.time())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            _check_files(document)
            credentials = _load(document, request)
            if reader := subject_token.find_reader(document):
                credentials = _load_supplied(document, request, reader(document, deadline))
        except Error:
            raise
        except Exception as error:  # google-auth raises any exception for a malformed file
            raise KeyFileError(_format_fault(error), hint=NEW_FILE) from error
        try:
            call_within(deadline, lambda: credentials.refresh(_start_transport(deadline)))
        except TimeoutError as error:
            hint, check = connection_faults.HINTS[connection_faults.SILENT], NetworkError.check
            raise NetworkError("no token came in time", hint=hint, check=check, command=MORE_TIME) from error
        except Error:
            raise
        except Exception as error:
            raise TokenRefused(_format_fault(error), hint=REFUSED_HINT) from error
        return _check_token(credentials.token, credentials.expiry, asked_at)


def _check_files(document: Document) -> None:
    """Raises KeyFileError for a file that would block the library, or that is too large."""
    for name, path in _list_files(document):
        if isinstance(path, str) and path:
            try:
                paths.read_file(path)
            except FileNotFoundError:  # the library raises its own error if it needs the file
                continue
            except OSError as error:
                raise KeyFileError(f"cannot read its {name}: {error.strerror}", hint=NEW_FILE) from error


def _list_files(document: Document) -> Iterator[tuple[str, object]]:
    """Yields the files that the library opens by itself: the name of the member or variable, and the path."""
    yield "ca_cert_path", document.get("ca_cert_path")
    certificate = get_member(document.get("credential_source"), "certificate")
    if certificate is None:
        return
    yield "trust_chain_path", get_member(certificate, "trust_chain_path")
    location = get_member(certificate, "certificate_config_location")
    own = os.path.join(paths.find_gcloud_dir(os.environ) or "", "certificate_config.json")
    for name, path in (
        ("certificate_config_location", location),
        (CERTIFICATE_CONFIG, paths.find_variable(os.environ, CERTIFICATE_CONFIG)),
        ("certificate_config.json", own),
    ):
        yield name, path
        workload = get_member(get_member(_load_json(path), "cert_configs"), "workload")
        yield "cert_path", get_member(workload, "cert_path")
        yield "key_path", get_member(workload, "key_path")


def list_dependencies(document: Document) -> tuple[str, ...]:
    """Returns the variables on which the token depends, and DIRECTORY for a relative path."""
    source = document.get("credential_source")
    files = [get_member(source, "file"), *(path for _, path in _list_files(document))]
    if executable := get_member(source, "executable"):
        command = str(get_member(executable, "command") or "").split()
        files += [get_member(executable, "output_file"), *command[:1]]
    is_relative = any(isinstance(path, str) and path and not os.path.isabs(path) for path in files)
    return (*VARIABLES, DIRECTORY) if is_relative else VARIABLES


def _load_json(path: object) -> object:
    """Returns the JSON value in a file; None when it cannot be read."""
    try:
        return wire.loads(paths.read_file(str(path or ""))[0].decode("utf-8"))
    except (OSError, ValueError):
        return None


def _check_token(value: object, expiry: Any, asked_at: int) -> AccessToken:
    if not isinstance(value, str) or not is_token(value):
        raise TokenRefused("the answer holds no access token that can be sent", hint=REFUSED_HINT)
    if expiry is None:
        return make_undated(value, asked_at)
    expires_at = min(timestamps.parse_naive(expiry), asked_at + MAX_LIFETIME_S)
    token = AccessToken(value, expires_at=expires_at, obtained_at=asked_at)
    if not token.is_fresh(asked_at):
        raise TokenRefused("the answer holds an expired access token", hint=REFUSED_HINT)
    return token


def _load(document: Document, request: TokenRequest) -> Any:
    return LOADERS[str(document["type"])](document, request)


# google-auth takes 50 to 80 ms: each type imports its own part of it.


def _load_external(document: Document, request: TokenRequest) -> Any:
    from google.auth import aws, identity_pool, pluggable

    source = document.get("credential_source")
    kind: Any = identity_pool
    if document.get("subject_token_type") == subject_token.AWS:
        kind = aws
    elif isinstance(source, dict) and "executable" in source:
        kind = pluggable
    return kind.Credentials.from_info(document, scopes=list(request.scopes))


def _load_supplied(document: Document, request: TokenRequest, value: str) -> Any:
    from google.auth import identity_pool

    kind: Any = identity_pool.Credentials
    info = {name: member for name, member in document.items() if name != "credential_source"}
    info["subject_token_supplier"] = subject_token.Supplier(value)
    return kind.from_info(info, scopes=list(request.scopes))


def _load_external_user(document: Document, _request: TokenRequest) -> Any:
    from google.auth import external_account_authorized_user

    kind: Any = external_account_authorized_user.Credentials
    return kind.from_info(document)  # with the scopes of the login


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
    """Returns the library's transport with the deadline, a bounded answer, and no redirect."""
    from google.auth.transport.requests import Request

    class Transport(Request):
        def __call__(
            self,
            url: Any,
            method: Any = "GET",
            body: Any = None,
            headers: Any = None,
            timeout: Any = None,  # noqa: ARG002 - the deadline counts
            **options: Any,
        ) -> Any:
            target, verify = parse_endpoint(url), options.get("verify")
            answer = http.exchange(
                method,
                target,
                deadline,
                headers=headers or {},
                body=body.encode() if isinstance(body, str) else body,
                authorities=verify if isinstance(verify, str) else None,  # otherwise those of certifi
                certificate=options.get("cert"),
            )
            if len(answer.body) > http.MAX_SIZE:
                raise TokenRefused(f"{target.host} answered more than 64 KiB", hint=REFUSED_HINT)
            return _Response(answer.status, answer.headers, answer.body)

    return Transport()


def _format_fault(error: BaseException) -> str:
    """Returns the text of an exception of the library, without the secrets that it may quote."""
    text = error.args[0] if error.args and isinstance(error.args[0], str) else "google-auth does not say why"
    return f"{type(error).__name__}: {redact(text):.300}"
