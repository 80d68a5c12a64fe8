"""The access tokens on disk: one file per identity, scopes and trust_domain, readable by its owner alone.

{"version": 1, "access_token": "ya29.…", "expires_at": 1700003600, "obtained_at": 1700000000}

A token of workload identity federation also depends on what only its credential file tells, which is not read
for a cached token: {…, "depends_on": [".", "AWS_REGION"], "surroundings": "5d41…"}, a hash of their values.
"""

import os
import sys

from docker_credential_gcr.helper import paths, wire

from .access_token import DIRECTORY, MAX_LIFETIME_S, AccessToken, is_token

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    Part = str | Iterable[str]

VERSION = 1
MAX_SIZE = 64 * 1024


def find_entry(
    identity: "Iterable[Part]", *, environ: "Mapping[str, str]", platform: str = sys.platform
) -> str | None:
    """The path of the file for an identity; None when the cache is off."""
    directory = paths.find_cache_dir(environ, platform)
    if directory is None:
        return None
    return os.path.join(directory, _digest(frame(identity)) + ".json")


def frame(parts: "Iterable[Part]") -> str:
    """Joins texts, each behind its length, so that no other list of texts gives the same.

    A list among them becomes a text in the same way.
    """
    texts = [part if isinstance(part, str) else frame(part) for part in parts]
    return "".join([f"{len(text)}:{text}" for text in texts])


def load_token(path: str | None, now: float) -> AccessToken | None:
    """Returns the token in a file; None when there is none that can be trusted and read."""
    if path is None:
        return None
    try:
        data, found = paths.read_file(path, MAX_SIZE, flags=paths.NO_LINK)
    except OSError:
        return None
    return _parse_token(data, now) if is_owners(found) else None


def save_token(path: str, token: AccessToken) -> None:
    """Replaces the file. Raises OSError; the directory is made, and taken from group and others."""
    from docker_credential_gcr import files

    files.make_private_directory(os.path.dirname(path))
    entry: dict[str, object] = {
        "version": VERSION,
        "access_token": token.value,
        "expires_at": token.expires_at,
        "obtained_at": token.obtained_at,
    }
    if token.depends_on:
        entry["depends_on"] = token.depends_on
        entry["surroundings"] = _digest_surroundings(token.depends_on)
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
    if "depends_on" in entry and not _is_surrounded(entry):
        return None
    return AccessToken(entry["access_token"], expires_at=expires_at, obtained_at=obtained_at)


def _is_surrounded(entry: "dict[str, object]") -> bool:
    """Whether an uncached call would depend on the same values as the one that bought the token."""
    names = entry["depends_on"]
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        return False
    return entry.get("surroundings") == _digest_surroundings(names)


def _digest_surroundings(names: "Iterable[str]") -> str:
    return _digest(frame([_find_surrounding(name) for name in names]))


def _find_surrounding(name: str) -> str:
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
