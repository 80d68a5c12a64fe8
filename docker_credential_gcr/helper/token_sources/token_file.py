"""Access token in a file that another program keeps fresh: gcloud's `access_token_file`."""

import time

from docker_credential_gcr.errors import KEY_SOURCE, TokenError
from docker_credential_gcr.helper import paths
from docker_credential_gcr.helper.tokens import AccessToken, is_token, make_undated

TYPE_CHECKING = False
if TYPE_CHECKING:
    from docker_credential_gcr.helper.tokens import TokenRequest

MAX_SIZE = 64 * 1024
HINT = "write an access token, and nothing else, into the file"


class TokenFile:
    """Token file. Each call reads it: its tokens have no expiry, and the cache would cost as much."""

    __slots__ = ("path",)

    is_cached = False

    def __init__(self, path: str) -> None:
        self.path = path

    @property
    def identity(self) -> tuple[str, ...]:
        """Returns the identity of the file, for the cache of an account that it impersonates."""
        return ("token-file", *paths.find_identity(self.path))

    def fetch(self, request: "TokenRequest", deadline: float) -> AccessToken:  # noqa: ARG002
        """Reads the token in the file. Raises TokenError."""
        try:
            data, _ = paths.read_file(self.path, MAX_SIZE)
        except OSError as error:
            raise _make_error(f"cannot read token file {self.path!r}: {error.strerror}") from error
        value = data.removeprefix(b"\xef\xbb\xbf").strip().decode("ascii", "replace")
        if not value:
            raise _make_error(f"token file {self.path!r} is empty")
        if request.account:
            raise _make_error(
                f"token file {self.path!r} does not say whether it is {request.account}'s", hint=""
            )
        if not is_token(value):
            raise _make_error(f"token file {self.path!r} holds more than a token")
        return make_undated(value, time.time())


def _make_error(text: str, hint: str = HINT) -> TokenError:
    return TokenError(text, hint=hint, check="token file", command=KEY_SOURCE)
