"""Service account keys: parses a key, signs with it, and checks for which registries it may be used."""

import os
import warnings
from collections.abc import Mapping

from docker_credential_gcr.errors import KeyFileError, TokenError, find_secret_form, quote
from docker_credential_gcr.helper import config, wire
from docker_credential_gcr.helper.tokens import AccessToken, TokenRequest

from . import endpoint

MAX_SIZE = 64 * 1024
# The mark of keys for `gcr-emulator run`, where Google's names lead to the emulator.
EMULATORS = "gcr_emulator"
# The members that Google's own libraries also require.
FIELDS = ("client_email", "private_key")
# The member with the credential that impersonates another account.
SOURCE = "source_credentials"
OTHER_TYPES = (
    "authorized_user",
    "external_account",
    "external_account_authorized_user",
    "gdch_service_account",
    "impersonated_service_account",
)
LIFETIME_S = 3600  # the longest that Google grants
SKEW_S = 10  # how far this clock may be ahead: an assertion from the future is refused
NEW_KEY = "create a new JSON key for the service account"


class ServiceAccountKey:
    """Key of a service account, with its token endpoint."""

    __slots__ = ("client_email", "endpoint", "path", "private_key", "private_key_id")

    def __init__(self, path: str, fields: Mapping[str, str], token_endpoint: endpoint.Endpoint) -> None:
        self.path = path
        self.client_email = fields["client_email"]
        self.private_key_id = fields.get("private_key_id")
        self.private_key = fields["private_key"]
        self.endpoint = token_endpoint

    def __repr__(self) -> str:
        return f"ServiceAccountKey({self.path!r}, {self.client_email!r}, <hidden>)"

    def sign(self, scopes: tuple[str, ...], *, now: float) -> str:
        """Returns an assertion for the token endpoint. https://www.rfc-editor.org/rfc/rfc7523#section-3"""
        issued_at = int(now) - SKEW_S
        return self._sign(
            {
                "iss": self.client_email,
                "scope": " ".join(scopes),
                "aud": self.endpoint.url,
                "iat": issued_at,
                "exp": issued_at + LIFETIME_S,
            }
        )

    def sign_token(self, scopes: tuple[str, ...], *, now: float) -> AccessToken:
        """Returns a self-signed access token for Google's services.

        https://google.aip.dev/auth/4111
        """
        issued_at = int(now) - SKEW_S
        expires_at = issued_at + LIFETIME_S
        value = self._sign(
            {
                "iss": self.client_email,
                "sub": self.client_email,
                "scope": " ".join(scopes),
                "iat": issued_at,
                "exp": expires_at,
            }
        )
        return AccessToken(value, expires_at=expires_at, obtained_at=int(now))

    def _sign(self, claims: dict[str, str | int]) -> str:
        with warnings.catch_warnings():
            # A warning of a library would be printed into docker's output.
            warnings.simplefilter("ignore")
            from . import jwt  # 19 ms, and a key is often read without signing

            try:
                return jwt.sign(self.private_key, self.private_key_id, claims)
            except ValueError as error:
                told = f"key file {self.path!r}: the private key {error}"
                raise KeyFileError(told, hint=NEW_KEY) from error


def decode_text(path: str, data: bytes) -> str:
    """Returns the text of the bytes of a key file. Raises KeyFileError."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise KeyFileError(f"key file {path!r} is not UTF-8", hint=NEW_KEY) from error
    if len(data) > MAX_SIZE or not text.strip():
        fault = "larger than 64 KiB" if len(data) > MAX_SIZE else "empty"
        raise KeyFileError(f"key file {path!r} is {fault}", hint=NEW_KEY)
    return text


def parse_document(path: str, text: str, environ: Mapping[str, str] = os.environ) -> dict[str, object]:
    """Returns the JSON object in the text of a key file. Raises KeyFileError with the line of the fault.

    Refuses a key of gcr-emulator with Google's endpoints outside of `gcr-emulator run`.
    """
    try:
        content = wire.loads(text)
    except ValueError as error:
        raise KeyFileError(f"key file {path!r} is not JSON: {_find_fault(error)}", hint=NEW_KEY) from error
    if not isinstance(content, dict):
        raise KeyFileError(f"key file {path!r} is not a JSON object", hint=NEW_KEY)
    if content.get(EMULATORS) and not environ.get("GCR_EMULATOR_URL"):
        raise KeyFileError(
            f"key file {path!r} is for gcr-emulator, but names Google's endpoints: it is not sent there",
            hint="use it in gcr-emulator run, or create one with --token-uri emulator",
        )
    return drop_empty(content)


def parse_key_login(host: str, username: str, secret: str) -> dict[str, object]:
    """Returns the JSON object of the key in a login of _json_key or _json_key_base64. Raises TokenError."""
    if username == "_json_key_base64":
        import base64  # needed only for this user name

        try:
            secret = base64.b64decode("".join(secret.split()), validate=True).decode("utf-8")
        except ValueError as error:
            raise TokenError(f"the key of {host} is not base64") from error
    return parse_document(f"of {host}", secret)


def _find_fault(error: ValueError) -> str:
    """Returns the fault of a text that is not JSON, and its position."""
    import json  # costs nothing here: `wire` has loaded it to find the fault

    if isinstance(error, json.JSONDecodeError):
        return f"line {error.lineno} column {error.colno}: {error.msg}"
    return str(error)


def drop_empty(content: dict[str, object]) -> dict[str, object]:
    """Returns the members that are not empty: tools write "" and null for absent ones."""
    members = {name: value for name, value in content.items() if value is not None and value != ""}
    source = members.get(SOURCE)
    return {**members, SOURCE: drop_empty(source)} if isinstance(source, dict) else members


def check_use(key: ServiceAccountKey, request: TokenRequest) -> None:
    """Raises KeyNotForHost when no token of this key may be sent to the registry, or without TLS."""
    endpoint.check_use(f"key file {key.path!r}", "key", key.endpoint, request)


def parse_key(path: str, content: dict[str, object]) -> ServiceAccountKey:
    """Returns the key in the JSON object of a key file. Raises KeyFileError."""
    if content.get("type") != "service_account":
        raise make_type_error(path, content)
    optional = tuple(name for name in ("private_key_id", "token_uri") if name in content)
    fields = get_strings(path, content, (*FIELDS, *optional))
    email = fields["client_email"]
    form = find_secret_form(email) or ("" if email.isprintable() else "text that is not printable")
    if form:
        raise KeyFileError(f"key file {path!r}: 'client_email' is {form}, not an address", hint=NEW_KEY)
    if content.get("universe_domain", endpoint.UNIVERSE) != endpoint.UNIVERSE:
        raise KeyFileError(
            f"key file {path!r} belongs to another universe than {endpoint.UNIVERSE}", hint=NEW_KEY
        )
    token_uri = fields.get("token_uri", config.GOOGLE_TOKEN_URL)
    return ServiceAccountKey(path, fields, parse_endpoint(path, "token_uri", token_uri))


def make_type_error(path: str, content: dict[str, object]) -> KeyFileError:
    """Returns the error for a JSON file that is not a service account key."""
    kind = content.get("type")
    if kind in OTHER_TYPES:
        return KeyFileError(f"key file {path!r} has the type {kind!r}, not 'service_account'", hint=NEW_KEY)
    if kind is not None:
        return KeyFileError(f"key file {path!r} has the unknown type {quote(str(kind)):.60}", hint=NEW_KEY)
    # https://developers.google.com/identity/protocols/oauth2#installed
    if "installed" in content or "web" in content:
        fault = "is an OAuth client's: it identifies a program, and gives no access to a registry"
        hint = f"{NEW_KEY}, or run `docker-credential-gcr login`"
        return KeyFileError(f"key file {path!r} {fault}", hint=hint)
    return KeyFileError(f"key file {path!r} has no 'type': it is not a Google credential", hint=NEW_KEY)


def get_strings(path: str, content: dict[str, object], names: tuple[str, ...]) -> dict[str, str]:
    """Returns the members of some names. Raises KeyFileError when one is absent, empty or not a string."""
    found = {}
    for name in names:
        value = content.get(name)
        if not isinstance(value, str) or not value:
            raise KeyFileError(f"key file {path!r} has no {name!r}", hint=NEW_KEY)
        found[name] = value
    return found


def parse_endpoint(path: str, name: str, url: str) -> endpoint.Endpoint:
    """Returns the endpoint that a member of a key file names. Raises KeyFileError."""
    try:
        return endpoint.parse_endpoint(url)
    except ValueError as error:
        raise KeyFileError(
            f"key file {path!r}: {name!r} is not an http or https URL", hint=NEW_KEY
        ) from error
