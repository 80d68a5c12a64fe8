"""Dry run of a garbage collection: the same code, on a copy of the rows."""

import contextlib
import tempfile
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

from docker_credential_gcr.emulator.database.engine import snapshot
from docker_credential_gcr.emulator.database.engine.database import BlockingDatabase
from docker_credential_gcr.emulator.database.engine.sqlite import SqliteDatabase
from docker_credential_gcr.emulator.runtime.errors import CollectionBusy

from .garbage_collection import Collected, Collection, Rules
from .sweeper import SweptStore

# Copies the rows of images, without bytes, into an empty SQLite database.
SaveOutline = Callable[[Path], None]


class UntouchedStore:
    """A blob store that deletes nothing."""

    def __init__(self, store: SweptStore) -> None:
        self._store = store

    def path(self, key: str) -> Path | None:
        """Returns the local file of the key, which may not exist; None if the store has no files."""
        return self._store.path(key)

    def delete(self, _keys: Iterable[str]) -> list[str]:
        """Deletes nothing, and returns no keys."""
        return []


def save_file_outline(database_path: Path) -> SaveOutline:
    """Returns what copies the rows of a SQLite database."""
    return partial(snapshot.save_outline, database_path)


def save_shared_outline(database: BlockingDatabase, rules: Rules) -> SaveOutline:
    """Returns what copies the rows of a database that many servers share; raises CollectionBusy once over."""
    from docker_credential_gcr.emulator.database.engine.postgresql.image_rows import copy_image_rows  # 1 ms

    def advance(count: int) -> None:
        # A large database takes longer than a server has for its end.
        if rules.is_over():
            raise CollectionBusy
        rules.progress.advance(count)

    return lambda path: database.scan_now(partial(copy_image_rows, path=path, outline=True, advance=advance))


def simulate_collection(save_outline: SaveOutline, store: SweptStore, rules: Rules) -> Collected:
    """Returns what a collection would remove; blocks. The copy has no bytes of blobs."""
    with tempfile.TemporaryDirectory(prefix="gcr-emulator-") as folder:
        path = Path(folder) / "emulator.db"
        SqliteDatabase(path).close()
        save_outline(path)
        with contextlib.closing(SqliteDatabase(path)) as database:
            return Collection(database, UntouchedStore(store), rules).run()
