"""Sweeper: deletes the bytes of doomed keys when they are due; see database/images/doomed.py."""

import contextlib
import stat
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Protocol

from docker_credential_gcr.emulator.database.engine.database import BlockingDatabase
from docker_credential_gcr.emulator.database.images import doomed
from docker_credential_gcr.emulator.runtime.failpoints import reach

# Keys that one transaction condemns.
_BATCH = 100


class SweptStore(Protocol):
    """What the sweeper needs of a blob store: storage/base.py documents the methods."""

    def path(self, key: str) -> Path | None:
        """Returns the local file of the key; None if the store has no files."""

    def delete(self, keys: Iterable[str]) -> None:
        """Deletes the bytes of the keys."""


def sweep(
    database: BlockingDatabase, store: SweptStore, *, now: float, is_over: Callable[[], bool] = bool
) -> list[int]:
    """Deletes the bytes of due keys; returns the sizes of the files. Blocks on the disk."""
    sizes: list[int] = []
    while not is_over():
        # A commit, even without a change, leads to one more snapshot.
        if not database.read_now(lambda connection: doomed.find_due(connection, now=now, count=1)):
            break
        keys = database.write_now(lambda connection: doomed.condemn_due(connection, now=now, count=_BATCH))
        reach("pieces-condemned")
        sizes += _measure(store, keys)
        store.delete(keys)
        reach("pieces-deleted")
        _forget(database, keys)
    return sizes


def _forget(database: BlockingDatabase, keys: list[str]) -> None:
    database.write_now(lambda connection: doomed.forget(connection, keys))


def _measure(store: SweptStore, keys: Iterable[str]) -> list[int]:
    sizes = []
    for path in map(store.path, keys):
        # A failed request deletes its own piece, perhaps at this moment.
        with contextlib.suppress(OSError):
            if path is not None and stat.S_ISREG((status := path.stat()).st_mode):
                sizes.append(status.st_size)
    return sizes
