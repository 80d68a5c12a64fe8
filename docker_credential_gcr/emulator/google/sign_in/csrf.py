"""CSRF protection of the sign-in pages, and the check that the browser may use them.

A browser that reaches these pages can sign in as any user. So only a browser on this machine may use them;
with --strict-admin or --allow-remote, any browser whose user knows the operator token.
"""

import hmac
import json
import re
import secrets

from starlette.requests import Request

from docker_credential_gcr.emulator.google.dependencies import GoogleServices
from docker_credential_gcr.emulator.identity.administrators import (
    find_forwarding_header,
    is_from_loopback,
    is_loopback_host,
)
from docker_credential_gcr.emulator.identity.secret import is_secret
from docker_credential_gcr.emulator.sites.hosts import is_google_api

from .authorization_request import AuthorizationRequest, RequestRefused

_COOKIE = "gcr_emulator_sign_in"
_COOKIE_VALUE = re.compile(r"[A-Za-z0-9_-]{43}")
_DENIED = "access_denied"


def check_origin(request: Request, services: GoogleServices) -> None:
    """Raises RequestRefused unless the request comes from a browser on this machine.

    A Host that is neither loopback's nor Google's is refused: it may be DNS rebinding.
    """
    host = request.headers["host"]
    if services.strict_admin:
        return
    peer = request.client.host if request.client else ""
    is_forwarded = find_forwarding_header(request.headers) is not None
    if is_forwarded or not is_from_loopback(peer) or not (is_loopback_host(host) or is_google_api(host)):
        raise RequestRefused(
            _DENIED, "Only a browser on the emulator's machine can use the sign-in pages.", 403
        )


def check_csrf(
    request: Request, services: GoogleServices, auth_request: AuthorizationRequest, form: dict[str, str]
) -> None:
    """Raises RequestRefused unless the form comes from a page that was shown to this browser."""
    own = f"{request.scope['scheme']}://{request.headers['host']}"
    is_same_origin = request.headers.get("sec-fetch-site", "same-origin") == "same-origin"
    if request.headers.get("origin", own) != own or not is_same_origin:
        raise RequestRefused(_DENIED, "The form was sent by another site.", 403)
    expected = create_csrf_token(services, find_secret(request), auth_request, form.get("account", ""))
    if not is_secret(form.get("csrf_token", ""), expected):
        raise RequestRefused(_DENIED, "The form was not shown to this browser. Start the sign-in again.", 403)


def knows_operator_token(services: GoogleServices, form: dict[str, str]) -> bool:
    """Returns whether the form has the operator token, or needs none."""
    operator_token = form.get("operator_token", "").strip()
    return not services.strict_admin or is_secret(operator_token, services.operator_token)


def find_secret(request: Request) -> str:
    """Returns the secret in the browser's cookie, empty if there is none."""
    value = request.cookies.get(_COOKIE, "")
    return value if _COOKIE_VALUE.fullmatch(value) else ""


def create_secret() -> str:
    """Creates a secret for a browser: 43 characters, from 32 random bytes."""
    return secrets.token_urlsafe(32)


def format_cookie(request: Request, secret: str) -> str:
    """Returns the Set-Cookie header's value; SameSite=Strict: other sites' forms do not send it."""
    secure = "; Secure" if request.scope["scheme"] == "https" else ""
    return f"{_COOKIE}={secret}; Path=/; HttpOnly; SameSite=Strict{secure}"


def create_csrf_token(
    services: GoogleServices, secret: str, auth_request: AuthorizationRequest, account: str
) -> str:
    """Returns the token that binds a form to the browser, the request and the account."""
    if not secret:
        # A random token, which never matches.
        return secrets.token_hex(32)
    # JSON: unlike joined strings, it is unambiguous.
    signed = json.dumps(["consent", secret, account, sorted(auth_request.fields.items())])
    return hmac.new(services.operator_token.encode(), signed.encode(), "sha256").hexdigest()
