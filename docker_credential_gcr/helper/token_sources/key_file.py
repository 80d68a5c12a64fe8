"""Key file: a service account key, or any other type of Application Default Credentials."""

import os

from docker_credential_gcr.errors import KEY_SOURCE, KeyFileError
from docker_credential_gcr.helper import paths

TYPE_CHECKING = False
if TYPE_CHECKING:
    from docker_credential_gcr.helper.tokens import AccessToken, TokenRequest

KEY_HINT = "name the JSON key file of a service account"


class KeyFile:
    """Key file that exists. Its content is read for a new token, not for a cached one.

    The file that is read is the one whose identity was taken, also when a symbolic link has changed since.
    """

    __slots__ = ("identity", "path")

    is_cached = True

    def __init__(self, path: str, identity: tuple[str, ...]) -> None:
        self.path = path
        self.identity = identity

    def fetch(self, request: "TokenRequest", deadline: float) -> "AccessToken":
        """Fetches a token with the credential in the file. Raises TokenError."""
        from docker_credential_gcr.helper.google_auth import adc  # 7 ms, which a cached token saves

        return adc.fetch_token(self.path, load_document(self.identity[0]), request, deadline)


def find_source(path: str) -> KeyFile:
    """Returns the key file at a path. Raises KeyFileError when there is no file."""
    try:
        real_path = os.path.realpath(path)
        found = os.stat(real_path)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise make_error(path, error, reason) from error
    if found.st_mode & paths.S_IFMT != paths.S_IFREG:
        text = f"key file {path!r} is not a file"
        raise KeyFileError(text, hint=KEY_HINT, check="key file", command=KEY_SOURCE)
    return KeyFile(path, paths.make_identity(real_path, found))


def load_document(path: str) -> dict[str, object]:
    """Returns the JSON object in a key file of any type. Raises KeyFileError."""
    from docker_credential_gcr.helper.google_auth import service_account  # 7 ms, as above

    return service_account.parse_document(path, load_text(path))


def load_text(path: str) -> str:
    """Returns the text of a key file. Raises KeyFileError."""
    from docker_credential_gcr.helper.google_auth import service_account  # 7 ms, as above

    try:
        data, _ = paths.read_file(path, service_account.MAX_SIZE)
    except OSError as error:
        raise make_error(path, error, str(error.strerror)) from error
    return service_account.decode_text(path, data)


def make_error(path: str, error: Exception, reason: str) -> KeyFileError:
    """Returns the error for a key file that cannot be read."""
    command = KEY_SOURCE
    if isinstance(error, PermissionError):
        import shlex  # 1 ms, needed only where the file is another user's

        command = f'sudo chown "$(id -un)" {shlex.quote(path)}'
    text = f"cannot read key file {path!r}: {reason}"
    return KeyFileError(text, hint=KEY_HINT, check="key file", command=command)
