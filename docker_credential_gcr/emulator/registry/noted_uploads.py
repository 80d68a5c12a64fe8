"""Uploads of a few bytes, which are written into a slot: most of them end with the next request.

A row would cost ten times as much. They are only where no other process has uploads; what a process
leaves in the slots, however it ended, are rows once the next one has started.
"""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from docker_credential_gcr.emulator.blobs.slots import Slots
from docker_credential_gcr.emulator.records import uploads
from docker_credential_gcr.emulator.records.buckets import Bucket
from docker_credential_gcr.emulator.records.database import Database
from docker_credential_gcr.emulator.records.repositories import Repository
from docker_credential_gcr.emulator.records.uploads import Upload

from .known_upload import KnownUpload

# An ID is the name of a file too.
_ID = re.compile(r"[0-9a-f]{32}")
# SQLite's largest number.
_TURNS = 2**63


class NotedUploads:
    """The uploads that are going on without a row, and have bytes."""

    def __init__(self, path: Path) -> None:
        self._slots = Slots(path)
        self._noted: dict[str, KnownUpload] = {}

    def __len__(self) -> int:
        """How many there are."""
        return len(self._noted)

    def __contains__(self, upload_id: object) -> bool:
        """Whether the upload is noted."""
        return upload_id in self._noted

    def note(self, location: str, repository: Repository, upload: Upload) -> bool:
        """Keep the upload as it is now; False where it cannot be, and what was noted of it stays."""
        if upload.data is None or not self._slots.put(upload.id, _format(repository, upload)):
            return False
        self._noted[upload.id] = KnownUpload(location, repository, upload)
        return True

    def find(self, upload_id: str) -> KnownUpload | None:
        """The upload as it was noted."""
        return self._noted.get(upload_id)

    def forget(self, upload_id: str) -> None:
        """The upload has ended."""
        if self._noted.pop(upload_id, None) is not None:
            self._slots.drop(upload_id)

    @contextmanager
    def leaving(self, upload_id: str) -> Iterator[None]:
        """While the upload gets a row, nobody finds it here; nor afterwards, unless that failed."""
        known = self._noted.pop(upload_id, None)
        try:
            yield
        except BaseException:
            if known is not None:
                self._noted[upload_id] = known
            raise
        self._slots.drop(upload_id)

    def list_stale(self, before: float) -> list[str]:
        """Those that began before that instant."""
        noted = list(self._noted.values())
        return [known.upload.id for known in noted if known.upload.began_at < int(before)]

    def count(self, since: float, owner: str | None = None) -> int:
        """How many began after that instant, of the member or of all."""
        noted = [known.upload for known in self._noted.values()]
        return sum(upload.began_at >= int(since) and owner in (None, upload.owner) for upload in noted)

    def list_left(self) -> list[tuple[Repository, Upload] | None]:
        """Those of a process before this one, None for a record of another form.

        A repository is known by its names alone.
        """
        return [_parse(record) for record in self._slots.read()]

    def set_aside(self) -> Path:
        """Keeps a copy of the file as it is, for a person; where."""
        return self._slots.set_aside()

    def clear(self) -> None:
        """Forget all of them."""
        self._noted.clear()
        self._slots.clear()

    def close(self) -> None:
        """Close the file; they are in it."""
        self._slots.close()


def give_rows(database: Database, noted: NotedUploads) -> str | None:
    """Makes rows of the uploads that the last process has noted; what cannot be read is set aside.

    Returns the line that tells of that.
    """
    left = noted.list_left()
    if not left:
        return None
    known = [each for each in left if each is not None]
    told = None
    if len(known) < len(left):
        count = len(left) - len(known)
        told = f"noted uploads that cannot be read: {count}; a copy of them is {noted.set_aside()}"
    database.write_now(lambda connection: [uploads.start(connection, *each) for each in known])
    noted.clear()
    return told


def _format(repository: Repository, upload: Upload) -> bytes:
    said = [upload.id, upload.turn, upload.owner, repository.bucket.name, repository.name]
    return json.dumps(said).encode() + b"\n" + (upload.data or b"")


def _parse(record: bytes) -> tuple[Repository, Upload] | None:
    said, _, data = record.partition(b"\n")
    try:
        upload_id, turn, *texts = json.loads(said)
        owner, bucket, name = (text.encode().decode() for text in texts)
        is_upload = _ID.fullmatch(upload_id) is not None and type(turn) is int and 0 <= turn < _TURNS
    except (ValueError, TypeError, AttributeError, RecursionError):
        return None
    if not is_upload:
        return None
    return Repository(0, name, Bucket(0, bucket)), Upload(upload_id, turn, owner, len(data), data)
