"""Blobs as files below the data directory.

buckets/<bucket>/containers/images/sha256/<ab>/<hex>   a blob, whole
uploads/<upload>                                       bytes in flight
"""

import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from docker_credential_gcr.emulator.crash_points import reach
from docker_credential_gcr.emulator.disk import flush
from docker_credential_gcr.emulator.oci.digest import parse_digest, split_digest
from docker_credential_gcr.emulator.oci.errors import InvalidDigest
from docker_credential_gcr.emulator.private_directory import make_directory

from .folder_locks import Hold, alone_in


class CollectionBusy(Exception):
    """Another collection of this data directory is going on."""

    def __init__(self) -> None:
        super().__init__("a collection is going on already: wait until it has ended")


@dataclass(frozen=True)
class BlobFile:
    """The bytes of a blob at rest: `size` of them, last written at `modified_at`."""

    bucket: str
    digest: str
    size: int
    modified_at: float


class BlobFiles:
    """The files of one data directory; a blob's file appears whole and flushed, or not at all.

    `uploads` is the folder of the bytes in flight.
    """

    def __init__(self, root: Path) -> None:
        self._buckets = root / "buckets"
        self.uploads = root / "uploads"
        make_directory(self._buckets)
        make_directory(self.uploads)

    def path(self, bucket: str, digest: str) -> Path:
        """Where the bytes of a blob are, or would be."""
        algorithm, encoded = split_digest(digest)
        return self._buckets / bucket / "containers" / "images" / algorithm / encoded[:2] / encoded

    def upload_path(self, upload_id: str) -> Path:
        """Where the bytes of an upload are, or would be."""
        return self.uploads / upload_id

    def adopt(self, upload_id: str, bucket: str, digest: str) -> Hold:
        """Flush an upload's bytes and make them the blob's file; blocks on the disk.

        Keep the hold until the blob's row is committed: no collection takes the bytes for rowless.
        """
        source, target = self.upload_path(upload_id), self.path(bucket, digest)
        flush(source, os.O_RDWR)
        reach("blob-flushed")
        if not target.parent.exists():
            _make_folders(target.parent.parent)
        hold = Hold(target.parent, self.uploads)
        os.replace(source, target)
        # The rename must be on the disk before a row points at it.
        flush(target.parent)
        reach("blob-renamed")
        return hold

    def list_blobs(self) -> Iterator[list[BlobFile]]:
        """The blobs' files, folder by folder, in order; what is no blob's file is left out."""
        for folder in sorted(self._buckets.glob("*/containers/images/*/*")):
            if not folder.is_dir():
                continue
            found = []
            for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
                named = parse_place((*folder.relative_to(self._buckets).parts, entry.name))
                if named is not None and entry.is_file():
                    status = entry.stat()
                    found.append(BlobFile(*named, status.st_size, status.st_mtime))
            yield found

    def remove(self, bucket: str, digest: str, *, is_needed: Callable[[], bool]) -> bool:
        """Remove a blob's file unless it is needed; False where it stays, or was not there.

        It stays too while a push into its folder is about to commit: the next collection sees it again.
        """
        path = self.path(bucket, digest)
        if not path.is_file():
            return False
        with alone_in(path.parent) as is_alone:
            if not is_alone or is_needed():
                return False
            path.unlink(missing_ok=True)
        reach("gc-bytes-removed")
        return True

    @contextmanager
    def collecting(self) -> Iterator[None]:
        """One collection at a time, of all processes. Raises CollectionBusy."""
        with alone_in(self._buckets) as is_alone:
            if not is_alone:
                raise CollectionBusy
            yield

    @contextmanager
    def between_adoptions(self) -> Iterator[bool]:
        """Whether no upload's bytes are being adopted now, nor will be until the block ends."""
        with alone_in(self.uploads) as is_alone:
            yield is_alone

    def list_uploads(self) -> list[str]:
        """The uploads whose bytes are in files; what is no file is left out."""
        return sorted(entry.name for entry in os.scandir(self.uploads) if entry.is_file())

    def discard_upload(self, upload_id: str) -> None:
        """Remove an upload's bytes; none is no error."""
        self.upload_path(upload_id).unlink(missing_ok=True)

    def cut_upload(self, upload_id: str, size: int) -> None:
        """Remove an upload's bytes after the first `size`, and the file with the last of them."""
        path = self.upload_path(upload_id)
        if size == 0:
            self.discard_upload(upload_id)
        # Never longer than it is: what is missing would be taken for zeros.
        elif path.exists() and path.stat().st_size > size:
            os.truncate(path, size)

    def clear(self) -> None:
        """Remove everything."""
        for folder in (self._buckets, self.uploads):
            shutil.rmtree(folder)
            make_directory(folder)


def parse_place(parts: Sequence[str]) -> tuple[str, str] | None:
    """Returns bucket and digest of a blob by its file's place below buckets/; None for any other place."""
    match parts:
        case (bucket, "containers", "images", algorithm, start, encoded) if encoded[:2] == start:
            try:
                # No bucket has a name that is not UTF-8.
                bucket.encode()
                return bucket, parse_digest(f"{algorithm}:{encoded}")
            except (InvalidDigest, UnicodeEncodeError):
                return None
    return None


def _make_folders(images: Path) -> None:
    """Make the folders of all blobs at once: each name costs a flush of the folder that holds it."""
    fresh = [path for path in (images, *images.parents) if not path.exists()]
    for number in range(256):
        make_directory(images / f"{number:02x}")
    for folder in (images, *(made.parent for made in fresh)):
        flush(folder)
