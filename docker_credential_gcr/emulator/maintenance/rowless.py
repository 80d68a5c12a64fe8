"""Rowless files: files that no row names, found by fsck, removed by gc and adopted by rebuild.

A loss of power leaves them. Files in the table `doomed` do not count: the sweeper deletes them.
"""

from collections.abc import Iterator, Set

from docker_credential_gcr.emulator.database.engine.sqlite_file import Connection
from docker_credential_gcr.emulator.storage.filesystem import FileStore
from docker_credential_gcr.emulator.storage.pieces import list_keys, parse_key

from .progress import Progress
from .stored_files import hash_files, is_older_key, list_files

# The bytes of small blobs are a column before `pieces`: SQLite need not read them to find that it is null.
_PIECES = "SELECT pieces FROM blobs WHERE data IS NULL UNION ALL SELECT pieces FROM uploads"
_DOOMED = "SELECT key FROM doomed"
# Digests that a manifest names and of which the bucket has no blob.
_WANTED = (
    "SELECT DISTINCT repositories.bucket, manifest_blobs.digest FROM manifest_blobs "
    "JOIN repositories ON repositories.id = manifest_blobs.repository WHERE NOT EXISTS "
    "(SELECT 1 FROM blobs WHERE blobs.bucket = repositories.bucket AND blobs.digest = manifest_blobs.digest)"
)


# The keys of rowless files: the pieces of one upload in their order, or one file.
Rowless = tuple[str, ...]


def find_named_keys(connection: Connection) -> set[str]:
    """Returns the keys that a blob or an upload names. Raises Unreadable."""
    named: set[str] = set()
    for (text,) in connection.execute(_PIECES):
        named.update(list_keys(text))
    return named


def find_doomed_keys(connection: Connection) -> set[str]:
    """Returns the keys that are doomed. Raises Unreadable."""
    return {key for (key,) in connection.execute(_DOOMED)}


def find_known_keys(connection: Connection) -> set[str]:
    """Returns the keys that a row names, or that are doomed. Raises Unreadable."""
    return find_named_keys(connection) | find_doomed_keys(connection)


def find_rowless(connection: Connection, store: FileStore) -> Iterator[Rowless]:
    """Yields the files that no row names. Raises Unreadable."""
    known = find_known_keys(connection)
    uploads: dict[str, dict[int, list[str]]] = {}
    for key in list_files(store):
        if key in known or not store.path(key).is_file():
            continue
        if (piece := parse_key(key)) is not None:
            uploads.setdefault(piece[0], {}).setdefault(piece[1], []).append(key)
        elif is_older_key(key):
            yield (key,)
    for sequences in uploads.values():
        ordered = [sequences[number] for number in sorted(sequences)]
        # Two requests at one Location may both have left a piece: which of them is the upload's is unknown.
        if all(len(keys) == 1 for keys in ordered):
            yield tuple(key for (key,) in ordered)
        else:
            yield from ((key,) for keys in ordered for key in keys)


def find_wanted(connection: Connection) -> dict[str, list[int]]:
    """Returns the digests that a manifest names and whose blob its bucket lacks, each with the buckets."""
    wanted: dict[str, list[int]] = {}
    for bucket, digest in connection.execute(_WANTED):
        wanted.setdefault(digest, []).append(bucket)
    return wanted


def find_wanted_digest(
    store: FileStore, rowless: Rowless, wanted: Set[str], progress: Progress
) -> str | None:
    """Returns the digest of the files' bytes, if it is wanted; reads them."""
    algorithms = {digest.partition(":")[0] for digest in wanted}
    return next(iter(hash_files(store, rowless, algorithms, progress) & wanted), None)


def find_removable(
    connection: Connection, store: FileStore, *, before: float, progress: Progress
) -> list[str]:
    """Returns the keys of rowless files that no manifest wants and that were written before that instant."""
    wanted = find_wanted(connection).keys()
    found: list[str] = []
    for rowless in find_rowless(connection, store):
        is_old = all(path.stat().st_mtime < before for path in map(store.path, rowless))
        if is_old and find_wanted_digest(store, rowless, wanted, progress) is None:
            found += rowless
    return found
