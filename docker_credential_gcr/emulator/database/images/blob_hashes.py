"""CRC32C and MD5 of blobs, which Cloud Storage shows; computed and stored when first requested."""

from collections.abc import Iterable
from typing import NamedTuple

from sqlalchemy import Connection, bindparam, select

from docker_credential_gcr.emulator.database.engine.dialect import format_list, insert, is_listed
from docker_credential_gcr.emulator.database.schema import blob_hashes, blobs

_FIND = (
    select(blobs.c.digest, blob_hashes.c.crc32c, blob_hashes.c.md5)
    .join(blob_hashes, blob_hashes.c.blob == blobs.c.id)
    .where(blobs.c.bucket == bindparam("of_bucket"), is_listed(blobs.c.digest, "digests"))
)
_ADD = (
    insert(blob_hashes)
    .from_select(
        ["blob", "crc32c", "md5"],
        select(
            blobs.c.id,
            bindparam("new_crc32c", type_=blob_hashes.c.crc32c.type),
            bindparam("new_md5", type_=blob_hashes.c.md5.type),
        ).where(blobs.c.bucket == bindparam("of_bucket"), blobs.c.digest == bindparam("wanted")),
    )
    .on_conflict_do_nothing()
)


class Hashes(NamedTuple):
    """The hashes of a blob in base64; the CRC32C as its four bytes in network order."""

    crc32c: str
    md5: str


def find(connection: Connection, bucket_id: int, digests: Iterable[str]) -> dict[str, Hashes]:
    """Returns the stored hashes of the bucket's blobs, by digest."""
    values = {"of_bucket": bucket_id, "digests": format_list(digests)}
    return {row.digest: Hashes(row.crc32c, row.md5) for row in connection.execute(_FIND, values)}


def add(connection: Connection, bucket_id: int, digest: str, hashes: Hashes) -> None:
    """Stores the hashes of a blob until the blob is deleted."""
    values = {
        "of_bucket": bucket_id,
        "wanted": digest,
        "new_crc32c": hashes.crc32c,
        "new_md5": hashes.md5,
    }
    connection.execute(_ADD, values)
