"""Token cache on disk: one file per identity, scopes and trust domain, readable by its owner alone.

{"version": 1, "access_token": "ya29.…", "expires_at": 1700003600, "obtained_at": 1700000000}

A token of workload identity federation depends on variables that its credential file decides. That file is
not read for a cached token, so the entry has their names, and a hash of their values:
{…, "depends_on": [".", "AWS_REGION"], "environment": "5d41…"}
"""

import os
import sys

from docker_credential_gcr.helper import paths, wire

from . import DIRECTORY, MAX_LIFETIME_S, AccessToken, is_token

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    Part = str | Iterable[str]

VERSION = 1
MAX_SIZE = 64 * 1024


def find_entry(
    identity: "Iterable[Part]", *, environ: "Mapping[str, str]", platform: str = sys.platform
) -> str | None:
    """Returns the path of the file for an identity; None when the cache is off."""
    directory = paths.find_cache_dir(environ, platform)
    if directory is None:
        return None
    return os.path.join(directory, _digest(frame(identity)) + ".json")


def frame(parts: "Iterable[Part]") -> str:
    """Joins texts, each after its length, so that no other list of texts gives the same result.

    A list among them is joined in the same way first.
    """
    texts = [part if isinstance(part, str) else frame(part) for part in parts]
    return "".join([f"{len(text)}:{text}" for text in texts])


def load_token(path: str | None, now: float) -> AccessToken | None:
    """Returns the token in a file; None when it cannot be read or trusted."""
    if path is None:
        return None
    try:
        data, found = paths.read_file(path, MAX_SIZE, flags=paths.NO_LINK)
    except OSError:
        return None
    return _parse_token(data, now) if is_private_file(found) else None


def save_token(path: str, token: AccessToken) -> None:
    """Writes a token into a file, in a directory that only its owner may enter. Raises OSError."""
    from docker_credential_gcr import files  # 3 ms, which a cached token saves

    files.make_private_directory(os.path.dirname(path))
    entry: dict[str, object] = {
        "version": VERSION,
        "access_token": token.value,
        "expires_at": token.expires_at,
        "obtained_at": token.obtained_at,
    }
    if token.depends_on:
        entry["depends_on"] = token.depends_on
        entry["environment"] = _digest_environment(token.depends_on)
    files.replace_file(path, wire.format_members(entry).encode("ascii"))


def is_private_file(found: os.stat_result) -> bool:
    """Returns whether a file is regular, and no other user owns it or may read or write it."""
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
    # A token from the future is from before the clock was set back; no other program writes these files.
    if obtained_at > now or not 0 < expires_at - obtained_at <= MAX_LIFETIME_S:
        return None
    if "depends_on" in entry and not _has_same_environment(entry):
        return None
    return AccessToken(entry["access_token"], expires_at=expires_at, obtained_at=obtained_at)


def _has_same_environment(entry: "dict[str, object]") -> bool:
    """Returns whether the variables have the values with which the token was fetched."""
    names = entry["depends_on"]
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        return False
    return entry.get("environment") == _digest_environment(names)


def _digest_environment(names: "Iterable[str]") -> str:
    return _digest(frame([_find_value(name) for name in names]))


def _find_value(name: str) -> str:
    """Returns the value of a variable, or the current directory; "" for none."""
    if name != DIRECTORY:
        return os.environ.get(name, "")
    try:
        return os.getcwd()
    except OSError:  # it was removed
        return ""


def _digest(text: str) -> str:
    data = text.encode("utf-8", "surrogateescape")
    try:
        from _blake2 import blake2b  # `hashlib` loads OpenSSL: 3 ms
    except ImportError:
        from hashlib import blake2b
    return blake2b(data, digest_size=16).hexdigest()
