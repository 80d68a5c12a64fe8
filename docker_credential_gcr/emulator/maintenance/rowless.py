"""Files that no row names, as a loss of power leaves them: found by fsck, removed by gc, adopted by rebuild.

    pieces/<ab>/<upload>-<sequence>-<nonce>                a piece
    buckets/<bucket>/containers/images/sha256/<ab>/<hex>   a blob of an older version

A file that a row names, or that stands in `doomed`, is of use or goes by itself.
"""

import re
from collections.abc import Iterator, Set
from pathlib import Path

from docker_credential_gcr.emulator.database.engine.file import Connection
from docker_credential_gcr.emulator.maintenance.fsck.reading import hash_files
from docker_credential_gcr.emulator.storage.filesystem import FileStore
from docker_credential_gcr.emulator.storage.pieces import FOLDER, list_keys, parse_key

from .progress import Progress

_FOLDERS = (FOLDER, "buckets/")
# The place of a blob of an older version. No bucket has a name that is not UTF-8.
_OLDER = re.compile(
    r"buckets/[^/\ud800-\udfff]+/containers/images/"
    r"(?:sha256/([a-f0-9]{2})/\1[a-f0-9]{62}|sha512/([a-f0-9]{2})/\2[a-f0-9]{126})"
)
# The bytes of small blobs stand before the pieces, and need not be read.
_PIECES = "SELECT pieces FROM blobs WHERE data IS NULL UNION ALL SELECT pieces FROM uploads"
_DOOMED = "SELECT key FROM doomed"
# What a manifest of a bucket names and the bucket has no row of.
_WANTED = (
    "SELECT DISTINCT repositories.bucket, manifest_blobs.digest FROM manifest_blobs "
    "JOIN repositories ON repositories.id = manifest_blobs.repository WHERE NOT EXISTS "
    "(SELECT 1 FROM blobs WHERE blobs.bucket = repositories.bucket AND blobs.digest = manifest_blobs.digest)"
)


# Files that no row names: the pieces of one upload in their order, or one file.
Rowless = tuple[str, ...]


def list_files(store: FileStore) -> Iterator[str]:
    """Gives the keys of all files of blobs and uploads, and of what else is in their folders."""
    for folder in _FOLDERS:
        yield from store.list(folder)


def is_of_blob(key: str) -> bool:
    """Returns whether the emulator gives such a name to a file."""
    return parse_key(key) is not None or _OLDER.fullmatch(key) is not None


def find_named(connection: Connection) -> set[str]:
    """Returns the keys that a blob or an upload names. Raises Unreadable."""
    named: set[str] = set()
    for (text,) in connection.execute(_PIECES):
        named.update(list_keys(text))
    return named


def find_doomed(connection: Connection) -> set[str]:
    """Returns the keys that are doomed. Raises Unreadable."""
    return {key for (key,) in connection.execute(_DOOMED)}


def find_known(connection: Connection) -> set[str]:
    """Returns the keys that a row names, or that are doomed. Raises Unreadable."""
    return find_named(connection) | find_doomed(connection)


def find_rowless(connection: Connection, store: FileStore) -> Iterator[Rowless]:
    """Gives the files that no row names. Raises Unreadable."""
    known = find_known(connection)
    uploads: dict[str, dict[int, list[str]]] = {}
    for key in list_files(store):
        if key in known or not store.path(key).is_file():
            continue
        if (piece := parse_key(key)) is not None:
            uploads.setdefault(piece[0], {}).setdefault(piece[1], []).append(key)
        elif _OLDER.fullmatch(key) is not None:
            yield (key,)
    for sequences in uploads.values():
        ordered = [sequences[number] for number in sorted(sequences)]
        # Of two requests at one Location both may have left a piece: none of the wholes is known then.
        if all(len(keys) == 1 for keys in ordered):
            yield tuple(key for (key,) in ordered)
        else:
            yield from ((key,) for keys in ordered for key in keys)


def find_wanted(connection: Connection) -> dict[str, list[int]]:
    """Returns the digests that a manifest names though its bucket has no such blob, each with the buckets."""
    wanted: dict[str, list[int]] = {}
    for bucket, digest in connection.execute(_WANTED):
        wanted.setdefault(digest, []).append(bucket)
    return wanted


def find_wanted_digest(
    store: FileStore, rowless: Rowless, wanted: Set[str], progress: Progress
) -> str | None:
    """Returns the digest among the wanted ones that the bytes have; reads them."""
    algorithms = {digest.partition(":")[0] for digest in wanted}
    return next(iter(hash_files(store, rowless, algorithms, progress) & wanted), None)


def find_removable(
    connection: Connection, store: FileStore, *, before: float, progress: Progress
) -> list[str]:
    """Returns the keys of files that no row names, that no manifest wants, and that are older than that."""
    wanted = find_wanted(connection).keys()
    found: list[str] = []
    for rowless in find_rowless(connection, store):
        is_old = all(path.stat().st_mtime < before for path in map(store.path, rowless))
        if is_old and find_wanted_digest(store, rowless, wanted, progress) is None:
            found += rowless
    return found


def has_files(root: Path) -> bool:
    """Returns whether there is any file of a blob or an upload."""
    return any(map(is_of_blob, list_files(FileStore(root))))
