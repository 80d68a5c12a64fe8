"""Logout: revokes a login at the server that issued it."""

import sys
import time
from collections.abc import Mapping
from urllib.parse import urljoin

from docker_credential_gcr.errors import NoToken
from docker_credential_gcr.helper.config import DEFAULT_SCOPES, DEFAULT_TIMEOUT_S, parse_insecure_hosts
from docker_credential_gcr.helper.google_auth import endpoint, oauth
from docker_credential_gcr.helper.token_sources.credential_file import find_source
from docker_credential_gcr.helper.tokens import TokenRequest


def revoke(environ: Mapping[str, str], platform: str = sys.platform) -> bool:
    """Revokes the login at its server; False when there is none. Raises TokenError."""
    try:
        login = find_source(environ, platform)
    except NoToken:
        return False
    token = login.fields["refresh_token"] or login.fields["access_token"]
    target = endpoint.parse_endpoint(urljoin(login.find_endpoint().url, "revoke"))
    request = TokenRequest(
        target.host, target.trust_domain, scopes=DEFAULT_SCOPES, insecure_hosts=parse_insecure_hosts(environ)
    )
    endpoint.check_use(f"the login in {login.path!r}", "login", target, request)
    oauth.revoke(target, token, deadline=time.monotonic() + DEFAULT_TIMEOUT_S)
    return True
