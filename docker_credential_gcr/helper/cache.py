"""The access tokens on disk: one file per identity, scopes and world, readable by its owner alone.

{"version": 1, "access_token": "ya29.…", "expires_at": 1700003600, "obtained_at": 1700000000}
"""

import os
import sys

from docker_credential_gcr.helper import paths, wire
from docker_credential_gcr.helper.access_token import MAX_LIFETIME_S, AccessToken, is_token

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

VERSION = 1
MAX_SIZE = 64 * 1024


def find_entry(
    identity: "Iterable[str]", *, environ: "Mapping[str, str]", platform: str = sys.platform
) -> str | None:
    """The path of the file for an identity; None when the cache is off."""
    directory = paths.find_cache_dir(environ, platform)
    if directory is None:
        return None
    return os.path.join(directory, _digest(frame(identity)) + ".json")


def frame(parts: "Iterable[str]") -> str:
    """Joins texts, each behind its length, so that no other list of texts gives the same."""
    return "".join([f"{len(part)}:{part}" for part in parts])


def load_token(path: str | None, now: float) -> AccessToken | None:
    """The token in a file; None when there is none that can be trusted and read."""
    if path is None:
        return None
    try:
        data, found = paths.read_file(path, MAX_SIZE, flags=paths.NO_LINK)
    except OSError:
        return None
    return _parse_token(data, now) if is_owners(found) else None


def save_token(path: str, token: AccessToken) -> None:
    """Replace the file. Raises OSError; the directory is made, and taken from group and others."""
    from docker_credential_gcr.helper import files

    files.make_private_directory(os.path.dirname(path))
    entry: dict[str, str | int] = {
        "version": VERSION,
        "access_token": token.value,
        "expires_at": token.expires_at,
        "obtained_at": token.obtained_at,
    }
    files.replace_file(path, wire.format_members(entry).encode("ascii"))


def is_owners(found: os.stat_result) -> bool:
    """Whether it is a file that nobody else owns, reads or writes."""
    if found.st_mode & paths.S_IFMT != paths.S_IFREG:
        return False
    return not hasattr(os, "geteuid") or (found.st_uid == os.geteuid() and not found.st_mode & 0o077)


def _parse_token(data: bytes, now: float) -> AccessToken | None:
    try:
        entry = wire.loads(data.decode("ascii"))
    except ValueError:
        return None
    if (
        not isinstance(entry, dict)
        or entry.get("version") != VERSION
        or not is_token(entry.get("access_token"))
    ):
        return None
    expires_at, obtained_at = entry.get("expires_at"), entry.get("obtained_at")
    if not isinstance(expires_at, int) or not isinstance(obtained_at, int):
        return None
    # One from the future was written before the clock was set back; one that lives too long, by nobody here.
    if obtained_at > now or not 0 < expires_at - obtained_at <= MAX_LIFETIME_S:
        return None
    return AccessToken(entry["access_token"], expires_at=expires_at, obtained_at=obtained_at)


def _digest(text: str) -> str:
    data = text.encode("utf-8", "surrogateescape")
    try:
        from _blake2 import blake2b  # `hashlib` loads OpenSSL: 3 ms
    except ImportError:
        from hashlib import blake2b
    return blake2b(data, digest_size=16).hexdigest()
