"""The login that Google's helper keeps in a file; this version sees that it is there, and cannot use it."""

from docker_credential_gcr.errors import NoToken, TokenError
from docker_credential_gcr.helper import paths, wire

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from docker_credential_gcr.helper.token_sources import TokenSource

MAX_SIZE = 1024 * 1024


def find_source(environ: "Mapping[str, str]", platform: str) -> "TokenSource":
    """Raises NoToken when the file holds no login, TokenError when it is malformed or holds one."""
    path = paths.find_store_file(environ, platform)
    try:
        with open(path or "", encoding="utf-8") as file:
            stored = wire.loads(file.read(MAX_SIZE) or "{}")
    except FileNotFoundError:
        raise NoToken("no login is stored") from None
    except OSError as error:
        raise TokenError(f"cannot read {path!r}: {error.strerror}") from error
    except ValueError as error:
        raise TokenError(f"{path!r} is malformed: {error}", hint="move the file away") from error
    if not isinstance(stored, dict):
        raise TokenError(f"{path!r} is malformed: not a JSON object", hint="move the file away")
    if stored.get("gcrCreds"):
        raise TokenError(
            f"{path!r} holds a login, which this version cannot use",
            hint="set DOCKER_CREDENTIAL_GCR_TOKEN_SOURCE=env, or move the file away",
        )
    raise NoToken("no login is stored")
