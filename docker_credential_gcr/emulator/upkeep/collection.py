"""Garbage collection: removes what nothing needs any more, in small steps, while others push.

Rows go before bytes, so that a crash between the two leaves nothing but bytes without a row, which
the next collection removes.
"""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Concatenate, ParamSpec, TypeVar

from sqlalchemy import Connection

from docker_credential_gcr.emulator.blobs.filesystem import BlobFile, BlobFiles
from docker_credential_gcr.emulator.crash_points import reach
from docker_credential_gcr.emulator.records import garbage, untagged, uploads
from docker_credential_gcr.emulator.records.database import Database
from docker_credential_gcr.emulator.records.garbage import RemovedBlob

from .progress import BYTES, SILENT, Progress

P = ParamSpec("P")
T = TypeVar("T")

# What is looked at in one query, and deleted in one transaction: a push that arrives waits so long.
_BATCH = 100


@dataclass
class Collected:
    """What a collection removed; `links` are blobs hidden from a repository, `bytes` those of blobs."""

    manifests: int = 0
    links: int = 0
    blobs: int = 0
    uploads: int = 0
    files: int = 0
    bytes: int = 0


@dataclass(frozen=True)
class Rules:
    """What may go: whatever was used last before `unused_before`, and uploads begun before that."""

    unused_before: float
    uploads_before: float
    untagged: bool = False
    # Asked between the steps: true ends the collection early.
    is_over: Callable[[], bool] = bool
    progress: Progress = SILENT


class Collection:
    """One collection over a database and the bytes beside it."""

    def __init__(self, database: Database, files: BlobFiles, rules: Rules) -> None:
        self._database = database
        self._files = files
        self._rules = rules
        self.collected = Collected()

    def run(self) -> Collected:
        """Collect; blocks on the disk. Raises CollectionBusy while another one goes on."""
        with self._files.collecting():
            self._end_uploads()
            self._remove_files()
            if self._rules.untagged:
                self._remove_untagged()
            self._remove_links()
            self._remove_blobs()
        return self.collected

    def _end_uploads(self) -> None:
        before = self._rules.uploads_before
        self._rules.progress.begin("uploads")
        # A commit without a change would be one more to save a snapshot for.
        with self._database.read() as connection:
            _, oldest = uploads.survey(connection)
        if oldest is not None and oldest < int(before):
            self.collected.uploads += len(self._write(uploads.end_stale, before=before))
        self.collected.uploads += tidy_uploads(self._database, self._files)

    def _remove_untagged(self) -> None:
        """Again and again: what a manifest needed may be needed by nothing once it is gone."""
        self._rules.progress.begin("manifests")
        removed = -1
        while removed and not self._rules.is_over():
            removed, after = 0, 0
            while ids := self._find_untagged(after):
                removed += self._write(untagged.remove_untagged, ids, before=self._rules.unused_before)
                after = ids[-1]
            self.collected.manifests += removed
            self._rules.progress.advance(removed)

    def _find_untagged(self, after: int) -> list[int]:
        before = self._rules.unused_before
        with self._database.read() as connection:
            return untagged.find_untagged(connection, before=before, after=after, count=_BATCH)

    def _remove_links(self) -> None:
        before, after = self._rules.unused_before, (0, 0)
        self._rules.progress.begin("links")
        while not self._rules.is_over():
            with self._database.read() as connection:
                links = garbage.find_links(connection, before=before, after=after, count=_BATCH)
            if not links:
                break
            removed = self._write(garbage.remove_links, links, before=before)
            self.collected.links += removed
            self._rules.progress.advance(removed)
            reach("gc-links-removed")
            after = links[-1]

    def _remove_blobs(self) -> None:
        self._rules.progress.begin("blobs", None, BYTES)
        after = 0
        while not self._rules.is_over():
            with self._database.read() as connection:
                ids = garbage.find_unlinked(connection, after=after, count=_BATCH)
            if not ids:
                break
            removed = self._write(garbage.remove_unlinked, ids)
            reach("gc-rows-removed")
            for blob in removed:
                self._remove_bytes(blob)
            after = ids[-1]

    def _remove_bytes(self, blob: RemovedBlob) -> None:
        self.collected.blobs += 1
        self.collected.bytes += blob.size
        self._rules.progress.advance(blob.size)
        if blob.is_file:
            is_needed = functools.partial(self._has_row, blob.bucket, blob.digest)
            self._files.remove(blob.bucket, blob.digest, is_needed=is_needed)

    def _remove_files(self) -> None:
        """Bytes that a crash left without a row, where no manifest names them.

        Before any row goes, so that none is counted twice.
        """
        self._rules.progress.begin("files")
        for found in self._files.list_blobs():
            old = [file for file in found if file.modified_at < self._rules.unused_before]
            for start in range(0, len(old), _BATCH):
                if self._rules.is_over():
                    return
                self._remove_rowless(old[start : start + _BATCH])
            self._rules.progress.advance(len(found))

    def _remove_rowless(self, files: list[BlobFile]) -> None:
        needed = self._find_needed(files[0].bucket, [file.digest for file in files])
        for file in files:
            is_needed = functools.partial(self._is_needed, file.bucket, file.digest)
            if file.digest not in needed and self._files.remove(
                file.bucket, file.digest, is_needed=is_needed
            ):
                self.collected.files += 1
                self.collected.bytes += file.size

    def _has_row(self, bucket: str, digest: str) -> bool:
        with self._database.read() as connection:
            return bool(garbage.find_known_files(connection, bucket, [digest]))

    def _is_needed(self, bucket: str, digest: str) -> bool:
        return bool(self._find_needed(bucket, [digest]))

    def _find_needed(self, bucket: str, digests: list[str]) -> set[str]:
        with self._database.read() as connection:
            return garbage.find_needed_files(connection, bucket, digests)

    def _write(
        self, work: Callable[Concatenate[Connection, P], T], *arguments: P.args, **options: P.kwargs
    ) -> T:
        return self._database.write_now(lambda connection: work(connection, *arguments, **options))


def tidy_uploads(database: Database, files: BlobFiles) -> int:
    """Remove files that are no upload's, end uploads whose file a crash took; how many it ended.

    The files are listed before the rows there, and after them here: the row of an upload is there
    before its file, and says that there is one only afterwards.
    """
    listed = files.list_uploads()
    with database.read() as connection:
        known = uploads.list_ids(connection)
    for upload_id in listed:
        if upload_id not in known:
            files.discard_upload(upload_id)
    with files.between_adoptions() as is_calm:
        if not is_calm:
            return 0
        with database.read() as connection:
            lost = uploads.list_in_files(connection) - set(files.list_uploads())
        return database.write_now(lambda connection: uploads.end_lost(connection, lost)) if lost else 0
