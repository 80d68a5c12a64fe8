"""Sign-in pages (accounts.google.com): HTML without scripts, which other sites cannot frame.

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
    # Browsers then send Origin with a form of this site, and no Referer to other sites.
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


def render(template: str, status: int = 200, *, redirect_uri: str = "", **values: object) -> HTMLResponse:
    """Renders a page; its form may be answered with a redirect to `redirect_uri`."""
    page = _load_environment().get_template(template).render(style=_load_style(), **values)
    return HTMLResponse(page, status, {**_HEADERS, "Content-Security-Policy": _format_policy(redirect_uri)})


def redirect(url: str) -> RedirectResponse:
    """Returns a redirect (303) to a client. https://www.rfc-editor.org/rfc/rfc9700#section-4.12"""
    return RedirectResponse(url, 303, {**_HEADERS, "Content-Security-Policy": _format_policy("")})


def _format_policy(redirect_uri: str) -> str:
    digest = base64.b64encode(hashlib.sha256(_load_style().encode()).digest()).decode()
    # Chromium applies form-action to the redirect after a form too.
    targets = f"'self' {_find_target(redirect_uri)}".strip()
    return (
        f"default-src 'none'; style-src 'sha256-{digest}'; form-action {targets}; "
        "frame-ancestors 'none'; base-uri 'none'"
    )


def _find_target(redirect_uri: str) -> str:
    """Returns the form-action source of a URL; for an IPv6 address only the scheme is valid."""
    parts = urlsplit(redirect_uri)
    if parts.scheme != "http":
        return ""
    return "http:" if "[" in parts.netloc else f"http://{parts.netloc}"


# Loaded for the first page: jinja2 takes longer to load than the whole server.
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


# Scope -> description for the user. https://developers.google.com/identity/protocols/oauth2/scopes
_PREFIX = "https://www.googleapis.com/auth/"
_DESCRIPTIONS = {
    "openid": "Know that it is you who comes back",
    "email": "See your e-mail address",
    "profile": "See your name",
    f"{_PREFIX}userinfo.email": "See your e-mail address",
    f"{_PREFIX}userinfo.profile": "See your name",
    f"{_PREFIX}cloud-platform": "See, change and delete everything that your roles allow",
    f"{_PREFIX}cloud-platform.read-only": "See everything that your roles allow",
    f"{_PREFIX}devstorage.read_only": "Pull images, and see what is in Cloud Storage",
    f"{_PREFIX}devstorage.read_write": "Push and pull images, and change what is in Cloud Storage",
    f"{_PREFIX}devstorage.full_control": "Change what is in Cloud Storage, images too, and who may use it",
    f"{_PREFIX}appengine.admin": "See and change App Engine applications",
    f"{_PREFIX}compute": "See and change Compute Engine resources",
    f"{_PREFIX}sqlservice.login": "Log in to Cloud SQL databases",
    f"{_PREFIX}accounts.reauth": "Ask you to prove again who you are",
}


def describe_scope(scope: str) -> str:
    """Returns the description of a scope, empty for an unknown one."""
    return _DESCRIPTIONS.get(scope, "")
