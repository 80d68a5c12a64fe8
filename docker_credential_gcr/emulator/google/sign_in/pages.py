"""The pages at accounts.google.com: HTML without scripts, which nobody can frame.

https://cheatsheetseries.owasp.org/cheatsheets/Content_Security_Policy_Cheat_Sheet.html
"""

import base64
import hashlib
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from starlette.responses import HTMLResponse, RedirectResponse

if TYPE_CHECKING:
    from jinja2 import Environment

_FOLDER = Path(__file__).parent / "templates"
_HEADERS = {
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    # To the own site, so that browsers say where a form comes from; to no other.
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


def render(template: str, status: int = 200, *, redirect_uri: str = "", **values: object) -> HTMLResponse:
    """A page; where its form's answer leads to a client, `redirect_uri` is where."""
    page = _load_environment().get_template(template).render(style=_load_style(), **values)
    return HTMLResponse(page, status, {**_HEADERS, "Content-Security-Policy": _format_policy(redirect_uri)})


def redirect(url: str) -> RedirectResponse:
    """To a client, by GET whatever the request was. https://www.rfc-editor.org/rfc/rfc9700#section-4.12"""
    return RedirectResponse(url, 303, {**_HEADERS, "Content-Security-Policy": _format_policy("")})


def _format_policy(redirect_uri: str) -> str:
    digest = base64.b64encode(hashlib.sha256(_load_style().encode()).digest()).decode()
    # Chromium holds form-action also against where the form's answer redirects to.
    targets = f"'self' {_find_target(redirect_uri)}".strip()
    return (
        f"default-src 'none'; style-src 'sha256-{digest}'; form-action {targets}; "
        "frame-ancestors 'none'; base-uri 'none'"
    )


def _find_target(redirect_uri: str) -> str:
    """What form-action calls the address; for an IPv6 address it has no words but the scheme."""
    parts = urlsplit(redirect_uri)
    if parts.scheme != "http":
        return ""
    return "http:" if "[" in parts.netloc else f"http://{parts.netloc}"


# When the first page is asked for: the library takes longer to load than all of the server's start.
@lru_cache(1)
def _load_environment() -> "Environment":
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    return Environment(
        autoescape=True,
        loader=FileSystemLoader(_FOLDER),
        lstrip_blocks=True,
        trim_blocks=True,
        undefined=StrictUndefined,
    )


@lru_cache(1)
def _load_style() -> str:
    return (_FOLDER / "style.css").read_text("utf-8")


# What a client may do with a scope. https://developers.google.com/identity/protocols/oauth2/scopes
_PREFIX = "https://www.googleapis.com/auth/"
_DESCRIPTIONS = {
    "openid": "Know that it is you who comes back",
    "email": "See your e-mail address",
    "profile": "See your name",
    f"{_PREFIX}userinfo.email": "See your e-mail address",
    f"{_PREFIX}userinfo.profile": "See your name",
    f"{_PREFIX}cloud-platform": "See, change and delete whatever your roles let you",
    f"{_PREFIX}cloud-platform.read-only": "See whatever your roles let you",
    f"{_PREFIX}devstorage.read_only": "Pull images, and see what is in Cloud Storage",
    f"{_PREFIX}devstorage.read_write": "Push and pull images, and change what is in Cloud Storage",
    f"{_PREFIX}devstorage.full_control": "Change what is in Cloud Storage, images too, and who may use it",
    f"{_PREFIX}appengine.admin": "See and change App Engine applications",
    f"{_PREFIX}compute": "See and change Compute Engine resources",
    f"{_PREFIX}sqlservice.login": "Log in to Cloud SQL databases",
    f"{_PREFIX}accounts.reauth": "Ask you to prove again who you are",
}


def describe_scope(scope: str) -> str:
    """The words for a scope; empty for one that is not known here."""
    return _DESCRIPTIONS.get(scope, "")
