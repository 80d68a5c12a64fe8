"""Scheduler of garbage collection and snapshots: at intervals, and on an administrator's request.

Servers that share a database collect once an interval together: the first one that is due collects.
"""

import asyncio
import contextlib
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import sqlalchemy
from sqlalchemy.exc import DBAPIError

from docker_credential_gcr.emulator.database.engine import snapshot
from docker_credential_gcr.emulator.database.engine.database import Database
from docker_credential_gcr.emulator.database.engine.errors import translate_error
from docker_credential_gcr.emulator.database.engine.sqlite_file import Connection, interrupt
from docker_credential_gcr.emulator.database.images import garbage
from docker_credential_gcr.emulator.runtime.errors import CollectionBusy, Unavailable
from docker_credential_gcr.emulator.runtime.files import format_os_error
from docker_credential_gcr.emulator.settings import Limits
from docker_credential_gcr.emulator.storage.base import BlobStore
from docker_credential_gcr.emulator.storage.filesystem import FileStore

from .database_identity import SNAPSHOT
from .dry_run import SaveOutline, save_file_outline, save_shared_outline, simulate_collection
from .garbage_collection import Collected, Collection, Rules
from .progress import SILENT, Progress

# A part of the interval: clocks differ by fractions of a second, and a server that comes too early by one
# waits for the next interval.
_DUE = 0.9


@dataclass(frozen=True)
class CollectionRequest:
    """An administrator's request for a collection; `older_than_s` None means the server's delay."""

    older_than_s: float | None = None
    untagged: bool = False
    dry_run: bool = False


class MaintenanceScheduler:
    """Collects garbage and saves snapshots, in a separate thread."""

    def __init__(
        self,
        database: Database,
        store: BlobStore,
        *,
        root: Path,
        limits: Limits,
        now: Callable[[], float] = time.time,
        is_alone: bool = False,
        progress: Progress = SILENT,
    ) -> None:
        """Starts no work yet. `is_alone`: no other process and no request uses the data directory."""
        self._database = database
        self._store = store
        self._root = root
        self._limits = limits
        self._now = now
        self._is_alone = is_alone
        self._progress = progress
        self._over = threading.Event()
        self._lock = threading.Lock()
        # One thread: if processes share the database, each thread has separate versions.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="maintenance")
        self._copying: Connection | None = None
        self._saved_version: int | None = None

    def collect(self, request: CollectionRequest) -> Collected:
        """Collects garbage; blocks on the disk. Raises CollectionBusy while other maintenance runs."""
        rules = Rules.find(
            self._limits,
            now=self._now(),
            older_than_s=request.older_than_s,
            untagged=request.untagged,
            files=FileStore(self._root) if self._is_alone else None,
            is_over=self._over.is_set,
            progress=self._progress,
        )
        with self._exclusively():
            if request.dry_run:
                return simulate_collection(self._choose_outline(rules), self._store, rules)
            return Collection(self._database, self._store, rules).run()

    def _choose_outline(self, rules: Rules) -> SaveOutline:
        if self._database.is_remote:
            return save_shared_outline(self._database, rules)
        return save_file_outline(self._root / "emulator.db")

    def collect_if_due(self, interval_s: float) -> Collected | None:
        """Collects garbage; does nothing if another server on the database did so within the interval."""
        if self._database.is_remote:
            # By the database's clock, which tests cannot stop.
            now = time.time() + self._database.find_skew()
            begin = partial(garbage.begin, now=now, interval_s=interval_s * _DUE)
            if not self._database.write_now(begin):
                return None
        return self.collect(CollectionRequest())

    def save_snapshot(self) -> None:
        """Saves a copy of the database if it has changed since the last one. Raises CollectionBusy.

        PostgreSQL has its own tools for that.
        """
        if self._database.is_remote:
            return
        version = self._database.version()
        if version == self._saved_version:
            return
        with self._exclusively():
            self._database.read_now(self._copy)
        self._saved_version = version

    def _copy(self, connection: sqlalchemy.Connection) -> None:
        self._copying = connection.connection.driver_connection
        try:
            snapshot.save(connection, self._root / SNAPSHOT)
        finally:
            self._copying = None

    async def run_every(self, interval_s: float) -> None:
        """Collects garbage and saves a snapshot at intervals, until `close`."""
        loop = asyncio.get_running_loop()
        while not self._over.is_set():
            await asyncio.sleep(interval_s)
            try:
                await loop.run_in_executor(self._thread, self.collect_if_due, interval_s)
                await loop.run_in_executor(self._thread, self.save_snapshot)
            except CollectionBusy:
                continue
            except Exception as error:  # noqa: BLE001 - the next interval tries again
                if not self._over.is_set():
                    _report(error)

    def stop(self) -> None:
        """Stops the work in progress at its next step; starts no more."""
        self._over.set()
        copying = self._copying
        if copying is not None:
            interrupt(copying)

    def close(self) -> None:
        """Stops the work in progress and waits for its end."""
        self.stop()
        self._thread.shutdown()
        # A collection that a request started runs in another thread.
        with self._lock:
            pass

    @contextlib.contextmanager
    def _exclusively(self) -> Iterator[None]:
        if not self._lock.acquire(blocking=False):
            raise CollectionBusy
        try:
            if self._over.is_set():
                raise CollectionBusy
            yield
        finally:
            self._lock.release()


def _report(error: Exception) -> None:
    """Prints one line for an error of the disk or SQLite, a traceback for a fault of this program."""
    known = translate_error(error)
    if isinstance(error, (OSError, DBAPIError, Unavailable)) or known is not error:
        reason = format_os_error(error) if isinstance(error, OSError) else getattr(known, "orig", known)
        text = f"maintenance failed, the next interval tries again: {reason}"
        print(f"gcr-emulator: {text}", file=sys.stderr, flush=True)  # noqa: T201
    else:
        traceback.print_exception(error)
