"""Garbage collection: deletes manifests, blobs and uploads that nothing needs, while clients push.

Rows are deleted first, in small transactions: that dooms their pieces, and the sweeper deletes the bytes.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Concatenate, ParamSpec, TypeVar

from sqlalchemy import Connection

from docker_credential_gcr.emulator.database.engine.database import BlockingDatabase
from docker_credential_gcr.emulator.database.images import doomed, garbage, untagged, uploads
from docker_credential_gcr.emulator.runtime.failpoints import reach
from docker_credential_gcr.emulator.settings import Limits
from docker_credential_gcr.emulator.storage.filesystem import FileStore
from docker_credential_gcr.emulator.storage.pieces import is_whole

from .progress import BYTES, SILENT, Progress
from .rowless import find_removable
from .sweeper import SweptStore, sweep

P = ParamSpec("P")
T = TypeVar("T")

# Rows of one query and of one transaction: a push waits for one at most.
_BATCH = 100


@dataclass
class Collected:
    """The counts of what a collection removed; `links` are those of repositories to blobs."""

    manifests: int = 0
    links: int = 0
    blobs: int = 0
    uploads: int = 0
    files: int = 0
    bytes: int = 0


@dataclass(frozen=True)
class Rules:
    """The rules of a collection: it removes what was last used before `unused_before`.

    It removes also uploads that started before `uploads_before`, and the bytes of keys that are due `now`.
    """

    unused_before: float
    uploads_before: float
    now: float
    untagged: bool = False
    # The files of a data directory that nothing else uses: no request of any process is about to name a file
    # that no row names now. None next to running servers.
    files: FileStore | None = None
    # Called between steps: true ends the collection early.
    is_over: Callable[[], bool] = bool
    progress: Progress = SILENT

    @classmethod
    def find(cls, limits: Limits, *, now: float, older_than_s: float | None, **chosen: Any) -> "Rules":
        """Returns the rules of a collection that begins now; `older_than_s` None means the limits' delay."""
        delay_s = limits.unused_lifetime_s if older_than_s is None else older_than_s
        return cls(
            # Rows have whole seconds: without a delay, rows of the present second are unused as well.
            unused_before=now - delay_s + (delay_s == 0),
            uploads_before=now - limits.upload_lifetime_s,
            now=now,
            **chosen,
        )


class Collection:
    """One collection over a database and its blob store."""

    def __init__(self, database: BlockingDatabase, store: SweptStore, rules: Rules) -> None:
        self._database = database
        self._store = store
        self._rules = rules
        self.collected = Collected()

    def run(self) -> Collected:
        """Collects garbage; blocks."""
        self._remove_files()
        self._end_uploads()
        if self._rules.untagged:
            self._remove_untagged()
        self._remove_links()
        self._remove_blobs()
        self._sweep()
        return self.collected

    def _remove_files(self) -> None:
        """Removes files that no row names; before any row is deleted, so that nothing is counted twice."""
        self._rules.progress.begin("files")
        if self._rules.files is not None:
            self._doom_rowless(self._rules.files)
        sizes = self._sweep()
        self.collected.files += len(sizes)
        self.collected.bytes += sum(sizes)
        self._rules.progress.advance(len(sizes))

    def _doom_rowless(self, files: FileStore) -> None:
        before, progress = self._rules.unused_before, self._rules.progress
        self._write(doomed.end_writes)

        def find(connection: Connection) -> list[str]:
            driver: Any = connection.connection.driver_connection
            return find_removable(driver, files, before=before, progress=progress)

        keys = self._read(find)
        for start in range(0, len(keys), _BATCH):
            self._write(_doom, keys[start : start + _BATCH])

    def _end_uploads(self) -> None:
        before = self._rules.uploads_before
        self._rules.progress.begin("uploads")
        stale = self._read(uploads.count_stale, before=before)
        lost = [] if self._rules.files is None else self._find_lost(self._rules.files)
        # A commit, even without a change, leads to one more snapshot.
        if lost:
            self.collected.uploads += self._write(uploads.end_lost, lost)
        if stale:
            self.collected.uploads += self._write(uploads.end_stale, before=before)

    def _find_lost(self, files: FileStore) -> list[str]:
        pieces = self._read(uploads.list_pieces)
        return [name for name, text in pieces.items() if not is_whole(files, text)]

    def _remove_untagged(self) -> None:
        """Removes untagged manifests until none is left: a deletion can leave others unneeded."""
        self._rules.progress.begin("manifests")
        removed, before = -1, self._rules.unused_before
        while removed and not self._rules.is_over():
            removed = 0
            for ids in self._find_batches(untagged.find_untagged, 0, before=before):
                removed += self._write(untagged.remove_untagged, ids, before=before, now=self._rules.now)
            self.collected.manifests += removed
            self._rules.progress.advance(removed)

    def _remove_links(self) -> None:
        before = self._rules.unused_before
        self._rules.progress.begin("links")
        for links in self._find_batches(garbage.find_links, (0, 0), before=before):
            removed = self._write(garbage.remove_links, links, before=before)
            self.collected.links += removed
            self._rules.progress.advance(removed)
            reach("gc-links-removed")

    def _remove_blobs(self) -> None:
        self._rules.progress.begin("blobs", None, BYTES)
        for ids in self._find_batches(garbage.find_unlinked, 0):
            sizes = self._write(garbage.remove_unlinked, ids)
            reach("gc-rows-removed")
            self.collected.blobs += len(sizes)
            self.collected.bytes += sum(sizes)
            self._rules.progress.advance(sum(sizes))

    def _find_batches(self, find: Callable[..., list[T]], after: T, **options: float) -> Iterator[list[T]]:
        """Yields the batches of `find`, each after the last, until none follows or `is_over`."""
        while not self._rules.is_over():
            batch = self._read(find, after=after, count=_BATCH, **options)
            if not batch:
                break
            yield batch
            after = batch[-1]

    def _sweep(self) -> list[int]:
        return sweep(self._database, self._store, now=self._rules.now, is_over=self._rules.is_over)

    def _read(
        self, work: Callable[Concatenate[Connection, P], T], *arguments: P.args, **options: P.kwargs
    ) -> T:
        return self._database.read_now(lambda connection: work(connection, *arguments, **options))

    def _write(
        self, work: Callable[Concatenate[Connection, P], T], *arguments: P.args, **options: P.kwargs
    ) -> T:
        return self._database.write_now(lambda connection: work(connection, *arguments, **options))


def _doom(connection: Connection, keys: list[str]) -> None:
    for key in keys:
        doomed.enter(connection, key, due_at=1)
