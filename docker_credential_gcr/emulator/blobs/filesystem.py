"""Blobs as files below the data directory.

buckets/<bucket>/containers/images/sha256/<ab>/<hex>   a blob, whole
uploads/<upload>                                       bytes in flight
"""

import os
import shutil
from pathlib import Path

from docker_credential_gcr.emulator.oci.digest import split_digest


class BlobFiles:
    """The files of one data directory; a blob's file appears whole and flushed, or not at all."""

    def __init__(self, root: Path) -> None:
        self._buckets = root / "buckets"
        self._uploads = root / "uploads"
        self._buckets.mkdir(mode=0o700, exist_ok=True)
        self._uploads.mkdir(mode=0o700, exist_ok=True)

    def path(self, bucket: str, digest: str) -> Path:
        """Where the bytes of a blob are, or would be."""
        algorithm, encoded = split_digest(digest)
        return self._buckets / bucket / "containers" / "images" / algorithm / encoded[:2] / encoded

    def upload_path(self, upload_id: str) -> Path:
        """Where the bytes of an upload are, or would be."""
        return self._uploads / upload_id

    def adopt(self, upload_id: str, bucket: str, digest: str) -> None:
        """Flush an upload's bytes and make them the blob's file; blocks on the disk."""
        source, target = self.upload_path(upload_id), self.path(bucket, digest)
        _flush(source, os.O_RDWR)
        fresh = _missing_folders(target.parent)
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.replace(source, target)
        # The rename must be on the disk before a row points at it, and so must each new folder's name.
        for folder in [target.parent, *(made.parent for made in fresh)]:
            _flush(folder, os.O_RDONLY)

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

    def discard_uploads_except(self, known: set[str]) -> None:
        """Remove the bytes of uploads that nobody will go on with."""
        for path in self._uploads.iterdir():
            if path.name not in known:
                path.unlink()

    def clear(self) -> None:
        """Remove everything."""
        for folder in (self._buckets, self._uploads):
            shutil.rmtree(folder)
            folder.mkdir(mode=0o700)


def _missing_folders(folder: Path) -> list[Path]:
    return [path for path in (folder, *folder.parents) if not path.exists()]


def _flush(path: Path, flags: int) -> None:
    descriptor = os.open(path, flags)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
