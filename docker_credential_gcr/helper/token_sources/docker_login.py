"""The service account key that `login --key-file` or `docker login -u _json_key` handed over for a host."""

from docker_credential_gcr.errors import KEYRING_FILE, NoToken, StoreError, TokenError
from docker_credential_gcr.helper import paths
from docker_credential_gcr.helper.credential_store import entries as logins

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from docker_credential_gcr.helper.tokens.access_token import AccessToken

    from . import TokenRequest


KEYRING_VARIABLES = ("HOME", "PYTHON_KEYRING_BACKEND", "XDG_CONFIG_HOME", "XDG_DATA_HOME")


class KeptKey:
    """A key that is kept for a host. It is taken out when a token is fetched, not for a cached one."""

    __slots__ = ("environ", "identity", "login")

    is_kept = True

    def __init__(self, login: logins.Login, environ: "Mapping[str, str]") -> None:
        self.login = login
        self.environ = environ
        # The keyring library finds its backend, and its files, by these.
        variables = () if login.secret else [environ.get(name, "") for name in KEYRING_VARIABLES]
        self.identity = ("login", login.server_url, login.stamp, *variables)

    def fetch(self, request: "TokenRequest", deadline: float) -> "AccessToken":
        """Buys a token with the key. Raises TokenError."""
        from docker_credential_gcr.helper import docker_login
        from docker_credential_gcr.helper.credential_store import store
        from docker_credential_gcr.helper.google_auth import adc

        host = self.login.server_url
        try:
            secret = store.find_secret(self.login, self.environ, deadline=deadline)
        except StoreError as error:
            raise TokenError(str(error), hint=error.hint) from error
        if secret is None:
            text = f"the key of {host} is in a keyring, which is not there"
            raise NoToken(text, check="keyring", command=KEYRING_FILE)
        document = docker_login.parse_key_login(host, self.login.username, secret)
        return adc.fetch_token(f"of {host}", document, request, deadline)


def find_source(host: str, environ: "Mapping[str, str]", platform: str) -> KeptKey:
    """Returns the key that is kept for a host.

    Raises NoToken without one, TokenError when it cannot be looked up, ConfigError for a malformed variable.
    """
    path = paths.find_logins_file(environ, platform)
    try:
        login = logins.find_key(path or "", host)
    except StoreError as error:
        raise TokenError(str(error), hint=error.hint) from error
    if login is None:
        raise NoToken("no key was handed over")
    if logins.get_choice(environ) == "off":
        raise NoToken(f"no key is taken out, as {logins.VARIABLE}=off says")
    return KeptKey(login, environ)
