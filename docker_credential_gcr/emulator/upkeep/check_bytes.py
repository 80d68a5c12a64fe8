"""The bytes and the rows of blobs and uploads, held against each other."""

import sqlite3
import stat
from collections.abc import Iterator

from docker_credential_gcr.emulator.blobs.filesystem import parse_place
from docker_credential_gcr.emulator.oci.digest import digest_bytes, parse_digest, split_digest
from docker_credential_gcr.emulator.oci.errors import InvalidDigest

from .findings import Finding
from .progress import BYTES
from .reading import Checked, hash_file

_BLOBS = (
    "SELECT blobs.id, buckets.name AS bucket, blobs.digest, blobs.size, CAST(blobs.data AS BLOB) AS data "
    "FROM blobs JOIN buckets ON buckets.id = blobs.bucket"
)
_KNOWN = (
    "SELECT 1 FROM blobs JOIN buckets ON buckets.id = blobs.bucket "
    "WHERE buckets.name = ? AND blobs.digest = ? AND blobs.data IS NULL"
)


def check_blobs(checked: Checked) -> Iterator[Finding]:
    """Each blob's bytes are there, as many as its row says, and have its digest."""
    for _, finding in find_wrong_blobs(checked):
        yield finding


def find_wrong_blobs(checked: Checked) -> Iterator[tuple[int, Finding]]:
    """The row's id of each blob whose bytes are not there, or not those of its row, and what is wrong."""
    checked.progress.begin("blobs", checked.measure("SELECT coalesce(sum(size), 0) FROM blobs"), BYTES)
    for row in checked.connection.execute(_BLOBS):
        try:
            parse_digest(row["digest"])
            found = _check_file(checked, row) if row["data"] is None else _check_data(checked, row)
        except InvalidDigest as error:
            found = "wrong-digest", str(error)
        if found is not None:
            kind, text = found
            yield row["id"], Finding(kind, f"{row['bucket']} {row['digest']}", text)


def _check_data(checked: Checked, row: sqlite3.Row) -> tuple[str, str] | None:
    data, digest = row["data"], row["digest"]
    checked.progress.advance(len(data))
    if len(data) != row["size"]:
        return "wrong-size", f"{len(data)} bytes, the row says {row['size']}"
    actual = digest_bytes(data, split_digest(digest)[0])
    return None if actual == digest else ("wrong-digest", f"the bytes are {actual}")


def _check_file(checked: Checked, row: sqlite3.Row) -> tuple[str, str] | None:
    path = checked.files.path(row["bucket"], row["digest"])
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            return "missing-bytes", f"{path.relative_to(checked.root)}: it is not a regular file"
        size = status.st_size
        if size != row["size"]:
            return "wrong-size", f"{size} bytes, the row says {row['size']}"
        if checked.quick:
            checked.progress.advance(size)
            return None
        actual = hash_file(path, row["digest"], advance=checked.progress.advance)
    except OSError as error:
        return "missing-bytes", f"{path.relative_to(checked.root)}: {error.strerror}"
    return None if actual == row["digest"] else ("wrong-digest", f"the bytes are {actual}")


def check_files(checked: Checked) -> Iterator[Finding]:
    """Each file is a blob's that has a row."""
    checked.progress.begin("files")
    buckets = checked.root / "buckets"
    paths = sorted(path for path in buckets.rglob("*") if not path.is_dir())
    checked.progress.begin("files", len(paths))
    for path in paths:
        place = path.relative_to(checked.root)
        named = parse_place(path.relative_to(buckets).parts)
        if named is None:
            yield Finding("stray-file", str(place), "no blob's file has such a name")
        elif not path.is_file():
            yield Finding("stray-file", str(place), "it is not a regular file")
        elif not checked.connection.execute(_KNOWN, named).fetchone():
            yield Finding("rowless-bytes", " ".join(named), f"no row knows {place}")
        checked.progress.advance()


def check_uploads(checked: Checked) -> Iterator[Finding]:
    """Each upload has the bytes that were acknowledged, and each file in uploads/ is one's."""
    known = set()
    for row in checked.rows("uploads", "SELECT id, size, data FROM uploads"):
        known.add(row["id"])
        size = _count_bytes(checked, row)
        # What follows in a file was never acknowledged.
        if size < row["size"] or (row["data"] is not None and size > row["size"]):
            text = f"{size} bytes, {row['size']} were acknowledged"
            yield Finding("lost-upload", f"upload {row['id']}", text)
    for path in sorted(checked.files.uploads.iterdir()):
        if not path.is_file():
            yield Finding("stray-file", f"uploads/{path.name}", "it is not a regular file")
        elif path.name not in known:
            yield Finding("rowless-bytes", f"upload {path.name}", f"no row knows uploads/{path.name}")


def _count_bytes(checked: Checked, upload: sqlite3.Row) -> int:
    if upload["data"] is not None:
        return len(upload["data"])
    path = checked.files.upload_path(upload["id"])
    return path.stat().st_size if path.is_file() else 0
