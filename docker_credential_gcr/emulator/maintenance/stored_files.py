"""Files of blobs and uploads in a data directory: their names, and the digests of their bytes.

pieces/<ab>/<upload>-<sequence>-<nonce>                a piece
buckets/<bucket>/containers/images/sha256/<ab>/<hex>   a blob of an older version
"""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from docker_credential_gcr.emulator.oci.digest import format_digest, new_hasher
from docker_credential_gcr.emulator.storage.base import BlobStore
from docker_credential_gcr.emulator.storage.filesystem import FileStore
from docker_credential_gcr.emulator.storage.pieces import FOLDER, parse_key

from .progress import Progress

_FOLDERS = (FOLDER, "buckets/")
# The key of a blob of an older version. No bucket has a name that is not UTF-8.
_OLDER_KEY = re.compile(
    r"buckets/[^/\ud800-\udfff]+/containers/images/"
    r"(?:sha256/([a-f0-9]{2})/\1[a-f0-9]{62}|sha512/([a-f0-9]{2})/\2[a-f0-9]{126})"
)
_READ_SIZE = 1024 * 1024


def list_files(store: BlobStore) -> Iterator[str]:
    """Yields the keys of all files of blobs and uploads, and of every other file in their directories."""
    for folder in _FOLDERS:
        yield from store.list(folder)


def is_blob_key(key: str) -> bool:
    """Returns whether the emulator gives such a name to a file."""
    return parse_key(key) is not None or is_older_key(key)


def is_older_key(key: str) -> bool:
    """Returns whether an older version gave such a name to a blob."""
    return _OLDER_KEY.fullmatch(key) is not None


def has_files(root: Path) -> bool:
    """Returns whether there is a file of any blob or upload."""
    return find_blob_key(FileStore(root)) is not None


def find_blob_key(store: BlobStore) -> str | None:
    """Returns the first key of the store that a blob or an upload has; None if there is none. Blocks."""
    return next(filter(is_blob_key, list_files(store)), None)


def hash_files(
    store: FileStore, keys: Iterable[str], algorithms: Iterable[str], progress: Progress
) -> set[str]:
    """Returns the digests of the files' joined bytes, one for each algorithm. Raises OSError."""
    hashers = {algorithm: new_hasher(algorithm) for algorithm in algorithms}
    for key in keys if hashers else ():
        with store.path(key).open("rb") as file:
            while block := file.read(_READ_SIZE):
                for hasher in hashers.values():
                    hasher.update(block)
                progress.advance(len(block))
    return {format_digest(algorithm, hasher) for algorithm, hasher in hashers.items()}
