"""Login in the browser: an authorization code with PKCE, exchanged for a refresh token, which is stored.

https://developers.google.com/identity/protocols/oauth2/native-app
"""

import base64
import hashlib
import hmac
import os
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlencode, urlsplit

from docker_credential_gcr.errors import LoginError
from docker_credential_gcr.helper.config import DEFAULT_SCOPES, GOOGLE_TOKEN_URL, TOKEN_HOST, load_config
from docker_credential_gcr.helper.google_auth import endpoint, oauth
from docker_credential_gcr.helper.google_auth.endpoint import Endpoint
from docker_credential_gcr.helper.token_sources.credential_file import CLIENT
from docker_credential_gcr.helper.tokens import TokenRequest

from . import credential_file

AUTH_HOST = "CLOUDSDK_AUTH_AUTH_HOST"  # gcloud's own variable for another authorization endpoint
GOOGLE_AUTH_URL = "https://accounts.google.com/o/oauth2/v2/auth"
# No server listens there: the browser shows the address that it could not reach, and the user pastes it.
PASTED_REDIRECT = "http://localhost:8085/"
AGAIN = "docker-credential-gcr login"


class StrayRequest(LoginError):
    """Request that belongs to no login, or to another one; this login continues."""


def _make_secret() -> str:
    """Returns 43 characters of 32 random bytes, as RFC 7636 asks of a verifier."""
    return base64.urlsafe_b64encode(os.urandom(32)).decode("ascii").rstrip("=")


@dataclass(frozen=True)
class Attempt:
    """Login in progress; `state` binds the answer to it, `verifier` the code."""

    redirect_uri: str
    state: str = field(default_factory=_make_secret, repr=False)
    verifier: str = field(default_factory=_make_secret, repr=False)

    def format_url(self, auth_url: str) -> str:
        """Returns the address to open in a browser."""
        digest = hashlib.sha256(self.verifier.encode("ascii")).digest()
        query = {
            "client_id": CLIENT[0],
            "redirect_uri": self.redirect_uri,
            "response_type": "code",
            "scope": " ".join(DEFAULT_SCOPES),
            "access_type": "offline",
            "prompt": "consent",  # without it, a second login gets no refresh token
            "state": self.state,
            "code_challenge": base64.urlsafe_b64encode(digest).decode("ascii").rstrip("="),
            "code_challenge_method": "S256",
        }
        return f"{auth_url}{'&' if '?' in auth_url else '?'}{urlencode(query)}"

    def parse_redirect(self, url: str) -> str:
        """Returns the code in the address to which the browser was redirected.

        Raises StrayRequest when it is not of this login, LoginError when the login was refused.
        """
        try:
            query = {name: values[0] for name, values in parse_qs(urlsplit(url.strip()).query).items()}
        except ValueError as error:
            raise StrayRequest("the address is not a URL: copy the whole of it", hint=AGAIN) from error
        if not hmac.compare_digest(query.get("state", "").encode("utf-8", "replace"), self.state.encode()):
            raise StrayRequest("the address is not of this login: its state differs", hint=AGAIN)
        if "error" in query:
            raise LoginError(f"the login was refused: {query['error']:.100}", hint=AGAIN)
        if not query.get("code"):
            raise StrayRequest("the address holds no code", hint=AGAIN)
        return query["code"]


def login(
    receive: Callable[[str], tuple[Attempt, str]],
    environ: Mapping[str, str],
    platform: str = sys.platform,
) -> tuple[str, Endpoint]:
    """Logs in, and stores the login; returns the file with the login, and the token endpoint.

    `receive` gets the URL of the authorization endpoint, and returns the attempt and the code of the answer.
    Raises LoginError, TokenRefused, NetworkError and ConfigError.
    """
    config = load_config(environ, platform)
    auth_endpoint = find_endpoint(AUTH_HOST, GOOGLE_AUTH_URL, environ, config.insecure_hosts)
    token_endpoint = find_endpoint(TOKEN_HOST, GOOGLE_TOKEN_URL, environ, config.insecure_hosts)
    attempt, code = receive(auth_endpoint.url)
    token, refresh_token = oauth.exchange_code(
        token_endpoint,
        code,
        verifier=attempt.verifier,
        redirect_uri=attempt.redirect_uri,
        client=CLIENT,
        deadline=time.monotonic() + config.timeout_s,
    )
    path = credential_file.save_login(token, refresh_token, token_endpoint.url, environ, platform)
    return path, token_endpoint


def find_endpoint(
    variable: str, default: str, environ: Mapping[str, str], insecure_hosts: tuple[str, ...]
) -> Endpoint:
    """Returns the endpoint that a variable names, else the default. Raises TokenError when it needs TLS."""
    found = endpoint.get_endpoint(environ.get(variable) or default, variable)
    request = TokenRequest(found.host, found.trust_domain, scopes=(), insecure_hosts=insecure_hosts)
    endpoint.check_use(f"{variable} names {found.host}", "endpoint", found, request)
    return found


def receive_pasted(
    auth_url: str, *, tell: Callable[[str], None], read_line: Callable[[], str]
) -> tuple[Attempt, str]:
    """Returns the attempt and the code in an address that the user pastes. Raises LoginError."""
    attempt = Attempt(PASTED_REDIRECT)
    tell(
        f"open this address in a browser:\n\n  {attempt.format_url(auth_url)}\n\n"
        f"log in there; the browser then fails to show a page at {PASTED_REDIRECT}: "
        "paste the address of that page here"
    )
    line = read_line()
    if not line.strip():
        raise LoginError("no address was pasted", hint=f"{AGAIN} --no-browser")
    return attempt, attempt.parse_redirect(line)
