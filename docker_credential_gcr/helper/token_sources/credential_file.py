"""Login in the file that this helper shares with Google's; login/credential_file writes it.

{"gcrCreds": {"access_token": "ya29.…", "refresh_token": "1//…", "token_expiry": "2024-05-01T12:00:00Z",
              "token_uri": "https://oauth2.googleapis.com/token"}}
A login that Google's own helper wrote has no token_uri: its endpoint is the one that the environment names.
"""

import os
import time

from docker_credential_gcr.errors import LOGIN, NetworkError, NoToken, TokenError
from docker_credential_gcr.helper import config, paths, wire
from docker_credential_gcr.helper.tokens import MAX_LIFETIME_S, AccessToken, is_token

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from docker_credential_gcr.helper.google_auth.endpoint import Endpoint
    from docker_credential_gcr.helper.tokens import TokenRequest

# Google's helper is an installed program, and publishes both: refresh tokens work for their client alone.
# https://developers.google.com/identity/protocols/oauth2#installed
CLIENT = (
    "99426463878-o7n0bshgue20tdpm25q4at0vs2mr4utq.apps.googleusercontent.com",
    "HpVi8cnKx8AAkddzaNrSWmS8",
)
FIELDS = ("access_token", "refresh_token", "token_expiry", "token_uri")
ENDED = "login ended"


class Login:
    """Login in the file: an access token, which may have expired, and a refresh token."""

    __slots__ = ("endpoint_url", "fields", "identity", "path")

    is_cached = True

    def __init__(
        self, path: str, fields: "dict[str, str]", identity: tuple[str, ...], endpoint_url: str
    ) -> None:
        self.path = path
        self.fields = fields
        self.identity = identity
        self.endpoint_url = endpoint_url

    def fetch(self, request: "TokenRequest", deadline: float) -> AccessToken:
        """Returns the token in the file unless it expires soon, else a new one. Raises TokenError.

        While the token endpoint does not answer, the token in the file is returned until it expires.
        """
        token_endpoint, stored = self.prepare(request)
        has_refresh_token = self.fields["refresh_token"] != ""
        if stored and not (has_refresh_token and stored.is_aging(time.time(), request.min_ttl_s)):
            return stored
        from docker_credential_gcr.helper.google_auth import oauth  # 8 ms, which a token in the file saves

        try:
            return oauth.exchange_refresh_token(
                token_endpoint,
                self.fields["refresh_token"],
                client=CLIENT,
                # The login may have fewer scopes than the default ones, and then they must not be asked for.
                scopes=() if request.scopes == config.DEFAULT_SCOPES else request.scopes,
                deadline=deadline,
                check=ENDED,
                command=LOGIN,
            )
        except NetworkError:
            if stored:
                return stored
            raise

    def prepare(self, request: "TokenRequest") -> "tuple[Endpoint, AccessToken | None]":
        """Returns the token endpoint, and the token in the file unless it has expired. Raises TokenError."""
        from docker_credential_gcr.helper.google_auth import endpoint  # 7 ms, as above

        what = f"the login in {self.path!r}"
        if request.account:
            raise TokenError(f"{what} does not say whether it is {request.account}'s")
        token_endpoint = self.find_endpoint()
        endpoint.check_use(what, "login", token_endpoint, request)
        stored = self._find_token(time.time())
        if stored is None and not self.fields["refresh_token"]:
            raise TokenError(
                f"{what} has expired and holds no refresh token", hint=LOGIN, check=ENDED, command=LOGIN
            )
        return token_endpoint, stored

    def find_endpoint(self) -> "Endpoint":
        """Returns the token endpoint. Raises TokenError when it is not a URL."""
        from docker_credential_gcr.helper.google_auth import endpoint  # 7 ms, as above

        is_logins = self.fields["token_uri"] != ""
        named_by = f"the login in {self.path!r}: 'token_uri'" if is_logins else config.TOKEN_HOST
        return endpoint.get_endpoint(self.endpoint_url, named_by)

    def _find_token(self, now: float) -> AccessToken | None:
        from docker_credential_gcr.helper.google_auth import timestamps  # `re` and `datetime`, as above

        value, expiry = self.fields["access_token"], self.fields["token_expiry"]
        if not is_token(value) or not expiry:
            return None
        try:
            expires_at = timestamps.parse_instant(expiry)
        except ValueError:
            return None
        if not 0 < expires_at - now <= MAX_LIFETIME_S:
            return None
        # The file does not say when the token was obtained: an hour before its end makes it due at MinTTL.
        token = AccessToken(value, expires_at=expires_at, obtained_at=min(int(now), expires_at - 3600))
        return token if token.is_fresh(now) else None


def find_source(environ: "Mapping[str, str]", platform: str) -> Login:
    """Returns the login in the file. Raises NoToken without one, TokenError when it is malformed."""
    path = paths.find_store_file(environ, platform)
    try:
        data, found = paths.read_file(path or "")
        stored = wire.loads(data.decode("utf-8") or "{}")
    except FileNotFoundError:
        raise NoToken("no login is stored") from None
    except OSError as error:
        raise TokenError(f"cannot read {path!r}: {error.strerror}", hint=paths.HINT) from error
    except ValueError as error:
        raise _make_error(path, str(error)) from error
    if not isinstance(stored, dict):
        raise _make_error(path, "not a JSON object")
    login = stored.get("gcrCreds")
    if not login:
        raise NoToken("no login is stored")
    fields = {name: login.get(name) or "" for name in FIELDS} if isinstance(login, dict) else {"": login}
    if not all(isinstance(value, str) for value in fields.values()) or "" in fields:
        raise _make_error(path, "'gcrCreds' is not a login")
    # The login's own endpoint comes first: no other endpoint may see its refresh token.
    named = fields["token_uri"] or paths.find_variable(environ, config.TOKEN_HOST)
    endpoint_url = named or config.GOOGLE_TOKEN_URL
    identity = (*paths.make_identity(os.path.realpath(path or ""), found), endpoint_url)
    return Login(path or "", fields, identity, endpoint_url)


def _make_error(path: str | None, fault: str) -> TokenError:
    command = paths.format_moving(path)
    return TokenError(
        f"{path!r} is malformed: {fault}", hint="move the file away", check="store", command=command
    )
