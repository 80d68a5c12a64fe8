"""Service account key that `login --key-file` or `docker login -u _json_key` stored for a host."""

from docker_credential_gcr.errors import KEYRING_FILE, NoToken, StoreError, TokenError
from docker_credential_gcr.helper import paths
from docker_credential_gcr.helper.credential_store import entries

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from docker_credential_gcr.helper.tokens import AccessToken, TokenRequest


KEYRING_VARIABLES = ("HOME", "PYTHON_KEYRING_BACKEND", "XDG_CONFIG_HOME", "XDG_DATA_HOME")


class DockerLogin:
    """Key that is stored for a host. The key itself is read for a new token, not for a cached one."""

    __slots__ = ("environ", "identity", "login")

    is_cached = True

    def __init__(self, login: entries.StoredLogin, environ: "Mapping[str, str]") -> None:
        self.login = login
        self.environ = environ
        # The keyring library finds its backend, and its files, by these.
        variables = () if login.secret else [environ.get(name, "") for name in KEYRING_VARIABLES]
        self.identity = ("login", login.server_url, login.stamp, *variables)

    def fetch(self, request: "TokenRequest", deadline: float) -> "AccessToken":
        """Fetches a token with the key. Raises TokenError."""
        from docker_credential_gcr.helper.credential_store import store  # 5 ms, which a cached token saves
        from docker_credential_gcr.helper.google_auth import adc, service_account  # 7 ms, as above

        host = self.login.server_url
        try:
            secret = store.find_secret(self.login, self.environ, deadline=deadline)
        except StoreError as error:
            raise TokenError(str(error), hint=error.hint) from error
        if secret is None:
            text = f"the key of {host} is in a keyring, which is not there"
            raise NoToken(text, check="keyring", command=KEYRING_FILE)
        document = service_account.parse_key_login(host, self.login.username, secret)
        return adc.fetch_token(f"of {host}", document, request, deadline)


def find_source(host: str, environ: "Mapping[str, str]", platform: str) -> DockerLogin:
    """Returns the key that is stored for a host.

    Raises NoToken without one, TokenError when it cannot be looked up, ConfigError for a malformed variable.
    """
    path = paths.find_logins_file(environ, platform)
    try:
        login = entries.find_key(path or "", host)
    except StoreError as error:
        raise TokenError(str(error), hint=error.hint) from error
    if login is None:
        raise NoToken("no key is stored for this registry")
    if entries.get_choice(environ) == "off":
        raise NoToken(f"{entries.VARIABLE} is off: the stored key is not read")
    return DockerLogin(login, environ)
