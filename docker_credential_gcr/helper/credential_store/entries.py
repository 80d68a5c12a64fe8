"""The logins of `docker login`, by server string, in a file; their secrets are there or in the keyring.

{"version": 1, "logins": {
  "https://index.docker.io/v1/": {"Username": "me", "Stamp": "5e0b7c…"},
  "gcr.io": {"Username": "_json_key", "Stamp": "9f2c4…", "Secret": "{\\"type\\": \\"service_account\\", …}"}}}
"""

from docker_credential_gcr.errors import ConfigError, StoreError, quote
from docker_credential_gcr.helper import paths, registries, wire
from docker_credential_gcr.helper.tokens import cache

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

VERSION = 1
MAX_SIZE = 4 * 1024 * 1024
EVERY_HOST = "*"  # instead of a host: the key is for all hosts of Google
KEY_USERS = ("_json_key", "_json_key_base64")
VARIABLE = "DOCKER_CREDENTIAL_GCR_KEYRING"
CHOICES = ("keyring", "file", "off")
HINT = "correct the file, or move it away and log in again"


class StoredLogin:
    """Login; `secret` is None while the keyring holds it, and `stamp` differs for each login."""

    __slots__ = ("secret", "server_url", "stamp", "username")

    def __init__(self, server_url: str, username: str, stamp: str, secret: str | None) -> None:
        self.server_url = server_url
        self.username = username
        self.stamp = stamp
        self.secret = secret

    def __repr__(self) -> str:
        return f"StoredLogin({self.server_url!r}, {self.username!r}, <hidden>)"


def get_choice(environ: "Mapping[str, str]") -> str:
    """Returns where secrets are stored: `keyring`, `file` or `off`. Raises ConfigError."""
    choice = environ.get(VARIABLE) or "keyring"
    if choice not in CHOICES:
        text = f"{VARIABLE} must be one of {', '.join(CHOICES)}"
        raise ConfigError(text, check="variable", command=f"unset {VARIABLE}")
    return choice


def load_logins(path: str) -> dict[str, StoredLogin]:
    """Returns the logins in the file; {} without a file. Raises StoreError when it cannot be trusted."""
    try:
        data, found = paths.read_file(path, MAX_SIZE)
        if not cache.is_private_file(found):
            text, command = (
                f"{path!r} holds secrets, and other users may read or change it",
                f"chmod 600 {path}",
            )
            raise StoreError(text, hint=command, check=StoreError.check, command=command)
        content = wire.loads(data.decode("utf-8"))
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise StoreError(f"cannot read {path!r}: {error.strerror}", hint=paths.HINT) from error
    except ValueError as error:
        raise _make_error(path, "not JSON") from error
    logins = content.get("logins") if isinstance(content, dict) else None
    if not isinstance(logins, dict):
        raise _make_error(path, "it holds no 'logins'")
    return {server_url: _parse_login(path, server_url, entry) for server_url, entry in logins.items()}


def find_login(path: str, server_url: str) -> StoredLogin | None:
    """Returns the login of a server string: of the exact string, else of its short form, else of its host."""
    logins = load_logins(path)
    if server_url in logins:
        return logins[server_url]
    for wanted in (shorten(server_url), registries.find_host(server_url)):
        for name, login in logins.items():
            if shorten(name) == wanted:
                return login
    return None


def find_key(path: str, host: str) -> StoredLogin | None:
    """Returns the login whose secret is a key for a host, else the key for all hosts of Google."""
    logins = load_logins(path)
    login = logins.get(host) or (logins.get(EVERY_HOST) if registries.is_google(host) else None)
    return login if login and login.username in KEY_USERS else None


def shorten(server_url: str) -> str:
    """Returns a server string without the scheme and the slash at the end, which docker adds or drops."""
    for scheme in ("https://", "http://"):
        server_url = server_url.removeprefix(scheme)
    host, slash, path = server_url.rstrip("/").partition("/")
    return host.lower() + slash + path


def _parse_login(path: str, server_url: str, entry: object) -> StoredLogin:
    if isinstance(entry, dict):
        username, stamp, secret = entry.get("Username"), entry.get("Stamp"), entry.get("Secret")
        if (
            isinstance(username, str)
            and isinstance(stamp, str)
            and (secret is None or isinstance(secret, str))
        ):
            return StoredLogin(server_url, username, stamp, secret)
    raise _make_error(path, f"the entry for {quote(server_url)} is not a login")


def _make_error(path: str, fault: str) -> StoreError:
    text, command = f"{path!r} is malformed: {fault}", paths.format_moving(path)
    return StoreError(text, hint=HINT, check=StoreError.check, command=command)
