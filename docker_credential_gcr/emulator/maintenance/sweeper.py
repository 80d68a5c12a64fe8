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

    def delete(self, keys: Iterable[str]) -> list[str]:
        """Deletes the bytes of the keys; returns the keys whose bytes may still be there."""


def sweep(
    database: BlockingDatabase, store: SweptStore, *, now: float, is_over: Callable[[], bool] = bool
) -> list[int]:
    """Deletes the bytes of due keys; returns their sizes, 0 where the store has no files. Blocks.

    Keys whose bytes cannot be deleted stay condemned, for the next sweep.
    """
    sizes: list[int] = []
    while not is_over():
        # A commit, even without a change, leads to one more snapshot.
        if not database.read_now(lambda connection: doomed.find_due(connection, now=now, count=1)):
            break
        keys = database.write_now(lambda connection: doomed.condemn_due(connection, now=now, count=_BATCH))
        reach("pieces-condemned")
        measured = _measure(store, keys)
        failed = set(store.delete(keys))
        reach("pieces-deleted")
        _forget(database, [key for key in keys if key not in failed])
        sizes += [size for key, size in measured.items() if key not in failed]
        if failed:
            break
    return sizes


def _forget(database: BlockingDatabase, keys: list[str]) -> None:
    database.write_now(lambda connection: doomed.forget(connection, keys))


def _measure(store: SweptStore, keys: Iterable[str]) -> dict[str, int]:
    sizes = {}
    for key in keys:
        path = store.path(key)
        # A failed request deletes its own piece, perhaps at this moment.
        with contextlib.suppress(OSError):
            if path is None:
                sizes[key] = 0
            elif stat.S_ISREG((status := path.stat()).st_mode):
                sizes[key] = status.st_size
    return sizes
