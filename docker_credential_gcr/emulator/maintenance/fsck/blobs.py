"""Checks of blobs and uploads: compares their rows with the bytes."""

from collections.abc import Iterator, Sequence

from docker_credential_gcr.emulator.database.engine.sqlite_file import Row
from docker_credential_gcr.emulator.database.images.uploads import Upload
from docker_credential_gcr.emulator.maintenance.progress import BYTES
from docker_credential_gcr.emulator.maintenance.rowless import (
    find_doomed_keys,
    find_known_keys,
    find_named_keys,
)
from docker_credential_gcr.emulator.maintenance.stored_files import is_blob_key
from docker_credential_gcr.emulator.oci.digest import digest_bytes, parse_digest, split_digest
from docker_credential_gcr.emulator.oci.errors import InvalidDigest
from docker_credential_gcr.emulator.storage.pieces import Piece, parse_key, parse_pieces

from .context import CheckContext
from .findings import Finding

_BLOBS = (
    "SELECT blobs.id, buckets.name AS bucket, blobs.digest, blobs.size, blobs.pieces, "
    "CAST(blobs.data AS BLOB) AS data FROM blobs JOIN buckets ON buckets.id = blobs.bucket"
)
_UPLOADS = "SELECT id, size, pieces, CAST(data AS BLOB) AS data FROM uploads"


def check_blobs(context: CheckContext) -> Iterator[Finding]:
    """Yields blobs whose bytes are missing, or differ from the row's size or digest."""
    for _, finding in find_wrong_blobs(context):
        yield finding


def find_wrong_blobs(context: CheckContext) -> Iterator[tuple[int, Finding]]:
    """Yields the row's id and the finding of each blob whose bytes are missing or wrong."""
    context.progress.begin("blobs", context.measure("SELECT coalesce(sum(size), 0) FROM blobs"), BYTES)
    for row in context.connection.execute(_BLOBS):
        wrong = _check_blob(context, row)
        if wrong is not None and context.is_current("blobs", row["id"], row["pieces"]):
            kind, text = wrong
            yield row["id"], Finding(kind, f"{row['bucket']} {row['digest']}", text)


def _check_blob(context: CheckContext, row: Row) -> tuple[str, str] | None:
    data = row["data"]
    try:
        algorithm, _ = split_digest(parse_digest(row["digest"]))
        pieces = parse_pieces(row["pieces"]) if data is None else ()
    except InvalidDigest as error:
        return "wrong-digest", str(error)
    except ValueError as error:
        return "missing-bytes", str(error)
    for piece in pieces:
        if (wrong := context.bytes.find_fault(*piece)) is not None:
            return wrong
    size = sum(size for _, size in pieces) if data is None else len(data)
    if size != row["size"]:
        return "wrong-size", f"{size} bytes, the row says {row['size']}"
    if data is not None or context.quick:
        context.progress.advance(size)
    try:
        actual = _hash(context, algorithm, pieces, data)
    except OSError as error:
        # Only an error of a file has a name.
        return "missing-bytes", f"{error.filename}: {error.strerror}" if error.filename else str(error)
    return None if actual in (None, row["digest"]) else ("wrong-digest", f"the bytes are {actual}")


def _hash(context: CheckContext, algorithm: str, pieces: Sequence[Piece], data: bytes | None) -> str | None:
    if data is not None:
        return digest_bytes(data, algorithm)
    return None if context.quick else context.bytes.hash(pieces, algorithm, context.progress)


def check_files(context: CheckContext) -> Iterator[Finding]:
    """Yields files that no row names and that are not doomed."""
    context.progress.begin("files")
    keys = context.bytes.list_keys()
    context.progress.begin("files", len(keys))
    known = find_known_keys(context.connection)
    for key in keys:
        if not is_blob_key(key):
            yield Finding("stray-file", key, "no blob's file has such a name")
        elif not context.bytes.is_regular(key):
            yield Finding("stray-file", key, "it is not a regular file")
        elif key not in known and _is_rowless(context, key):
            yield Finding("rowless-bytes", key, "no row names the file")
        context.progress.advance()


def _is_rowless(context: CheckContext, key: str) -> bool:
    """Returns whether a key without a row is of no request in progress, and has not been swept meanwhile."""
    piece = parse_key(key)
    is_old = piece is None or Upload(piece[0], owner="").started_at < context.uploads_before
    return is_old and context.bytes.exists(key)


def check_uploads(context: CheckContext) -> Iterator[Finding]:
    """Yields uploads without all bytes that were acknowledged."""
    for row in context.rows("uploads", _UPLOADS):
        size = _count_bytes(context, row)
        if size != row["size"] and context.is_current("uploads", row["id"], row["pieces"]):
            text = f"{size} bytes, {row['size']} were acknowledged"
            yield Finding("lost-upload", f"upload {row['id']}", text)


def check_doomed(context: CheckContext) -> Iterator[Finding]:
    """Yields files that a row names although the sweeper would delete them."""
    for key in sorted(find_named_keys(context.connection) & find_doomed_keys(context.connection)):
        yield Finding("doomed-bytes", key, "a row names the file, and so does doomed")


def _count_bytes(context: CheckContext, upload: Row) -> int:
    if upload["data"] is not None:
        return len(upload["data"])
    try:
        pieces = parse_pieces(upload["pieces"])
    except ValueError:
        return 0
    return sum(size for key, size in pieces if context.bytes.find_fault(key, size) is None)
