"""Service account keys: reading one, and for which registries it may be used."""

import json
import time
from urllib.parse import urlsplit

from docker_credential_gcr.errors import KeyFileError, KeyNotForHost
from docker_credential_gcr.helper import registries
from docker_credential_gcr.helper.token_sources import TokenRequest, key_file

MAX_SIZE = 64 * 1024
FIELDS = ("client_email", "private_key_id", "private_key", "token_uri")
LIFETIME_S = 3600  # the longest that Google grants
SKEW_S = 10  # how much a clock may be ahead of Google's before the key is refused
UNIVERSE = "googleapis.com"
NEW_KEY = "make a new JSON key for the service account"


class ServiceAccountKey:
    """The key of a service account, with the endpoint that takes it."""

    __slots__ = (
        "client_email",
        "host",
        "is_google",
        "path",
        "private_key",
        "private_key_id",
        "scheme",
        "token_uri",
    )

    def __init__(self, path: str, fields: dict[str, str]) -> None:
        self.path = path
        self.client_email = fields["client_email"]
        self.private_key_id = fields["private_key_id"]
        self.private_key = fields["private_key"]
        self.token_uri = fields["token_uri"]
        self.scheme, self.host = _parse_endpoint(path, self.token_uri)
        name = self.host.removesuffix(":443")
        self.is_google = self.scheme == "https" and (
            name == "oauth2.googleapis.com" or name.endswith("." + UNIVERSE)
        )

    def __repr__(self) -> str:
        return f"ServiceAccountKey({self.path!r}, {self.client_email!r}, <hidden>)"

    def sign(self, scopes: tuple[str, ...], *, now: float) -> str:
        """An assertion for the token endpoint. https://www.rfc-editor.org/rfc/rfc7523#section-3"""
        from google.auth import crypt, jwt

        issued_at = int(now) - SKEW_S
        claims = {
            "iss": self.client_email,
            "scope": " ".join(scopes),
            "aud": self.token_uri,
            "iat": issued_at,
            "exp": issued_at + LIFETIME_S,
        }
        if "ENCRYPTED" in self.private_key:
            raise KeyFileError(f"key file {self.path!r}: the private key is encrypted", hint=NEW_KEY)
        try:
            signer = crypt.RSASigner.from_string(self.private_key, self.private_key_id)  # type: ignore[no-untyped-call]
        except (TypeError, ValueError, IndexError) as error:
            raise KeyFileError(f"key file {self.path!r}: the private key is not PEM", hint=NEW_KEY) from error
        try:
            assertion: bytes = jwt.encode(signer, claims)  # type: ignore[no-untyped-call]
        except (TypeError, AttributeError) as error:  # an elliptic curve's key signs with other arguments
            raise KeyFileError(f"key file {self.path!r}: the private key is not RSA", hint=NEW_KEY) from error
        return assertion.decode("ascii")


def load_key(path: str) -> ServiceAccountKey:
    """The key in a file. Raises KeyFileError; the private key itself is tried when it signs."""
    try:
        with open(path, encoding="utf-8-sig") as file:
            text = file.read(MAX_SIZE + 1)
    except UnicodeDecodeError as error:
        raise KeyFileError(f"key file {path!r} is not UTF-8", hint=NEW_KEY) from error
    except OSError as error:
        raise KeyFileError(f"cannot read key file {path!r}: {error.strerror}") from error
    if len(text) > MAX_SIZE or not text.strip():
        fault = "larger than 64 KiB" if len(text) > MAX_SIZE else "empty"
        raise KeyFileError(f"key file {path!r} is {fault}", hint=NEW_KEY)
    try:
        content = json.loads(text)
    except json.JSONDecodeError as error:
        where = f"line {error.lineno} column {error.colno}: {error.msg}"
        raise KeyFileError(f"key file {path!r} is not JSON: {where}", hint=NEW_KEY) from error
    except RecursionError as error:
        raise KeyFileError(f"key file {path!r} is not JSON: nested too deeply", hint=NEW_KEY) from error
    return _check_fields(path, content)


def check_key(path: str) -> ServiceAccountKey:
    """The key in a file, after signing with it once. Raises KeyFileError."""
    key = load_key(key_file.find_source(path).path)
    key.sign((), now=time.time())
    return key


def check_use(key: ServiceAccountKey, request: TokenRequest) -> None:
    """Raise KeyNotForHost when no token of this key may reach the registry, or its endpoint is not safe."""
    if request.world == registries.GOOGLE and not key.is_google:
        raise KeyNotForHost(
            f"key file {key.path!r} is for {key.host}: no token of it goes to Google's {request.host}",
            hint="use a key that Google made",
        )
    if request.world == registries.LOOPBACK and key.is_google:
        raise KeyNotForHost(
            f"key file {key.path!r} is Google's: no token of it goes to {request.host}",
            hint="use a key that the emulator made",
        )
    if key.scheme == "http" and not (
        registries.is_loopback(key.host)
        or key.host in request.insecure_hosts
        or key.host.rpartition(":")[0] in request.insecure_hosts
    ):
        raise KeyNotForHost(
            f"key file {key.path!r}: token endpoint http://{key.host} is not encrypted",
            hint="use https, or name the host in DOCKER_CREDENTIAL_GCR_INSECURE_TOKEN_HOSTS",
        )


def _check_fields(path: str, content: object) -> ServiceAccountKey:
    if not isinstance(content, dict):
        raise KeyFileError(f"key file {path!r} is not a JSON object", hint=NEW_KEY)
    kind = content.get("type")
    if kind != "service_account":
        raise KeyFileError(
            f"key file {path!r} has the type {kind!r}: this version uses service account keys only",
            hint=NEW_KEY,
        )
    for name in FIELDS:
        if not isinstance(content.get(name), str) or not content[name]:
            raise KeyFileError(f"key file {path!r} has no {name!r}", hint=NEW_KEY)
    if content.get("universe_domain", UNIVERSE) != UNIVERSE:
        raise KeyFileError(f"key file {path!r} belongs to another universe than {UNIVERSE}", hint=NEW_KEY)
    return ServiceAccountKey(path, {name: content[name] for name in FIELDS})


def _parse_endpoint(path: str, token_uri: str) -> tuple[str, str]:
    """The scheme and the host, with its port, of a token endpoint."""
    try:
        url = urlsplit(token_uri)
        is_sound = url.scheme in ("http", "https") and bool(url.hostname) and "@" not in url.netloc
        _ = url.port
    except ValueError:
        is_sound = False
    if not is_sound or "\\" in token_uri or not token_uri.isascii() or not token_uri.isprintable():
        raise KeyFileError(f"key file {path!r}: 'token_uri' is not an http or https URL", hint=NEW_KEY)
    return url.scheme, url.netloc.lower()
