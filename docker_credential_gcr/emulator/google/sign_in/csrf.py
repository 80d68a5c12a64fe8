"""Who may sign people in, and that it is their own click: what stands before the pages.

Whoever reaches these pages may become anybody. So they are for this machine's own browser; where the server
demands tokens of administrators, also for whoever knows the operator's.
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
    """Raise RequestRefused unless the request may come from a person at these pages.

    A name that a stranger lets lead to this machine is none of its names.
    """
    host = request.headers["host"]
    if services.strict_admin:
        return
    peer = request.client.host if request.client else ""
    is_forwarded = find_forwarding_header(request.headers) is not None
    if is_forwarded or not is_from_loopback(peer) or not (is_loopback_host(host) or is_google_api(host)):
        raise RequestRefused(_DENIED, "Signing in is for browsers on the machine of the emulator.", 403)


def check_csrf(
    request: Request, services: GoogleServices, asked: AuthorizationRequest, form: dict[str, str]
) -> None:
    """Raise RequestRefused unless the form was filled in on a page that was shown to this browser."""
    own = f"{request.scope['scheme']}://{request.headers['host']}"
    of_this_site = request.headers.get("sec-fetch-site", "same-origin") == "same-origin"
    if request.headers.get("origin", own) != own or not of_this_site:
        raise RequestRefused(_DENIED, "The form was sent by another site.", 403)
    expected = create_csrf_token(services, find_secret(request), asked, form.get("account", ""))
    if not is_secret(form.get("proof", ""), expected):
        raise RequestRefused(_DENIED, "The form is not one that this browser was shown. Begin again.", 403)


def knows_operator_token(services: GoogleServices, form: dict[str, str]) -> bool:
    """Whether the form holds the operator's token, or none is needed."""
    given = form.get("operator_token", "").strip()
    return not services.strict_admin or is_secret(given, services.operator_token)


def find_secret(request: Request) -> str:
    """The secret that the browser's cookie holds; empty where there is none."""
    value = request.cookies.get(_COOKIE, "")
    return value if _COOKIE_VALUE.fullmatch(value) else ""


def create_secret() -> str:
    """A new secret for a browser: 43 characters of 32 random bytes."""
    return secrets.token_urlsafe(32)


def format_cookie(request: Request, secret: str) -> str:
    """The Set-Cookie header's value. No other site's form brings it along."""
    secure = "; Secure" if request.scope["scheme"] == "https" else ""
    return f"{_COOKIE}={secret}; Path=/; HttpOnly; SameSite=Strict{secure}"


def create_csrf_token(
    services: GoogleServices, secret: str, asked: AuthorizationRequest, account: str
) -> str:
    """What a form carries to show that it was made for this browser, this request and this account."""
    if not secret:
        return secrets.token_hex(32)  # which nobody can send back
    # As JSON, in which no part can look like two.
    said = json.dumps(["consent", secret, account, sorted(asked.fields.items())])
    return hmac.new(services.operator_token.encode(), said.encode(), "sha256").hexdigest()
