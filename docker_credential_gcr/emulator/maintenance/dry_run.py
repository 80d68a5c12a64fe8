"""Dry run of a garbage collection: the same code, on a copy of the rows."""

import contextlib
import tempfile
from collections.abc import Iterable
from pathlib import Path

from docker_credential_gcr.emulator.database.engine import snapshot
from docker_credential_gcr.emulator.database.engine.sqlite import SqliteDatabase
from docker_credential_gcr.emulator.storage.filesystem import FileStore

from .garbage_collection import Collected, Collection, Rules


class UntouchedStore(FileStore):
    """The files of a data directory, which this store never deletes."""

    def delete(self, keys: Iterable[str]) -> None:
        """Does nothing."""


def simulate_collection(database_path: Path, root: Path, rules: Rules) -> Collected:
    """Returns what a collection would remove; blocks on the disk. The copy has no bytes of blobs."""
    with tempfile.TemporaryDirectory(prefix="gcr-emulator-") as folder:
        path = Path(folder) / "emulator.db"
        SqliteDatabase(path).close()
        snapshot.save_outline(database_path, path)
        with contextlib.closing(SqliteDatabase(path)) as database:
            return Collection(database, UntouchedStore(root), rules).run()
