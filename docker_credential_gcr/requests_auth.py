"""Authentication for `requests`: a token for Google's registries, Python indexes and configured hosts.

session = requests.Session()
session.auth = RegistryAuth()
session.get("https://gcr.io/v2/my-project/app/tags/list")
"""

import os
from collections.abc import Mapping

from requests import PreparedRequest
from requests.auth import AuthBase, HTTPBasicAuth

from docker_credential_gcr.helper.config import load_config
from docker_credential_gcr.helper.keychain import USERNAME

from .errors import CredentialsNotFound
from .library import find_host, find_trust_domain, get_token, is_private


class RegistryAuth(AuthBase):
    """Sends an access token as the password for Google's registries, Python indexes and configured hosts.

    A request to another host, or over plain http to another machine, stays unchanged; so does a request
    without a credential. A token source that failed raises its TokenError. `requests` itself removes the
    header when it follows a redirect to another host.
    """

    def __init__(self, *, environ: Mapping[str, str] = os.environ) -> None:
        self._environ = environ

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        url = request.url or ""
        host, config = find_host(url), load_config(self._environ)
        if host is None or find_trust_domain(host, config.registries) is None:
            return request
        if not is_private(url, host, config):
            return request
        try:
            token = get_token(url, environ=self._environ)
        except CredentialsNotFound:
            return request
        authorized: PreparedRequest = HTTPBasicAuth(USERNAME, token.value)(request)
        return authorized
