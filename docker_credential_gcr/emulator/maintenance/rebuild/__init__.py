"""Rebuild: creates a new database from the readable rows of the old one, or of a copy, and from the bytes.

A copy of the old database stays next to the new one, which replaces the old one when it is complete.
"""

import contextlib
import os
import shutil
from dataclasses import dataclass, field
from pathlib import Path

from docker_credential_gcr.emulator.database.engine.errors import IncompatibleDatabase
from docker_credential_gcr.emulator.database.engine.sqlite import SqliteDatabase
from docker_credential_gcr.emulator.database.engine.sqlite_file import Unreadable, checkpoint, open_database
from docker_credential_gcr.emulator.maintenance.database_identity import (
    DATABASE,
    SNAPSHOT,
    give_identity,
    is_source,
)
from docker_credential_gcr.emulator.maintenance.fsck.context import CheckContext
from docker_credential_gcr.emulator.maintenance.fsck.stored_bytes import Files
from docker_credential_gcr.emulator.maintenance.progress import SILENT, Progress
from docker_credential_gcr.emulator.runtime.failpoints import reach
from docker_credential_gcr.emulator.runtime.files import create_private_file, fsync
from docker_credential_gcr.emulator.storage.filesystem import FileStore

from .blobs import adopt_files, copy_doomed, drop_lost_uploads, drop_named, drop_wrong_blobs, restore_links
from .rows import copy_rows, drop_wrong_rows, enter_references
from .salvage import Salvage

_NEW = f"{DATABASE}.rebuilt"
_DAMAGED = f"{DATABASE}.damaged"
# The journals that SQLite writes next to a database.
_JOURNALS = ("-wal", "-shm")


class NothingToRebuildFrom(Exception):
    """No database can be read that is the directory's and has rows."""

    def __init__(self, tried: list[Path]) -> None:
        names = " and ".join(path.name for path in tried)
        super().__init__(
            f"nothing to rebuild from, {names} cannot be read, are empty or belong to another directory: "
            "name a copy of the database with --from, or start again in another data directory"
        )


@dataclass
class Rebuilt:
    """Result of a rebuild: the number of `rows` of each table, the `sources`, and a text for each loss."""

    sources: list[Path]
    rows: dict[str, int] = field(default_factory=dict)
    lost: list[str] = field(default_factory=list)


def rebuild(root: Path, *, source: Path | None, now: float, progress: Progress = SILENT) -> Rebuilt:
    """Creates a new database in the data directory, which no other process may use meanwhile.

    Copies from `source`; for None from the old database, and from the last snapshot what cannot be read of
    that, or everything if the old one is unreadable or another directory's. Raises NothingToRebuildFrom;
    IncompatibleDatabase if a newer version created the source.
    """
    progress.begin("old database")
    damaged = _set_aside(root)
    tried = [source] if source else [path for path in (damaged, root / SNAPSHOT) if path is not None]
    readable = [path for path in tried if is_source(root, path, is_named=source is not None)]
    if not readable:
        if damaged is not None:
            _remove(damaged)
        raise NothingToRebuildFrom(tried)
    chosen, *others = readable
    if (revision := _find_newer_revision(chosen)) is not None:
        raise IncompatibleDatabase(chosen, revision)
    snapshots = [path for path in others if _find_newer_revision(path) is None]
    rebuilt = Rebuilt([chosen, *snapshots])
    new = root / _NEW
    _remove(new)
    SqliteDatabase(new).close()
    with contextlib.ExitStack() as stack:
        made, *sources = (stack.enter_context(open_database(path)) for path in (new, chosen, *snapshots))
        made.execute("BEGIN")
        _fill(root, Salvage(made, sources, {"used_at": int(now)}), rebuilt, now, progress)
        made.execute("COMMIT")
    _put_in_place(root, new)
    return rebuilt


def _fill(root: Path, salvage: Salvage, rebuilt: Rebuilt, now: float, progress: Progress) -> None:
    made, report_loss = salvage.new, rebuilt.lost.append
    progress.begin("rows")
    copy_rows(salvage, report_loss)
    if not rebuilt.lost:
        # Every table was readable: the snapshot was not read.
        del rebuilt.sources[1:]
    drop_wrong_rows(made, report_loss)
    enter_references(made, report_loss)
    store = FileStore(root)
    context = CheckContext(made, Files(store), quick=False, sparse=True, progress=progress)
    drop_wrong_blobs(context, report_loss)
    drop_lost_uploads(made, store)
    copy_doomed(salvage)
    adopt_files(made, store, now=now, progress=progress)
    restore_links(made, now=now)
    drop_named(made)
    for table in ("projects", "service_accounts", "repositories", "manifests", "tags", "blobs"):
        ((rebuilt.rows[table],),) = made.execute(f"SELECT count(*) FROM {table}")  # noqa: S608
    give_identity(root, made)


def _set_aside(root: Path) -> Path | None:
    """Copies the old database with its journal; returns the copy, None if there is no old database."""
    if not (root / DATABASE).exists():
        return None
    number = 0
    while (copy := root / (f"{_DAMAGED}-{number}" if number else _DAMAGED)).exists():
        number += 1
    for suffix in ("-wal", ""):
        if (root / f"{DATABASE}{suffix}").exists():
            create_private_file(Path(f"{copy}{suffix}"))
            shutil.copyfile(root / f"{DATABASE}{suffix}", f"{copy}{suffix}")
            fsync(Path(f"{copy}{suffix}"))
    return copy


def _find_newer_revision(path: Path) -> str | None:
    with open_database(path) as connection:
        try:
            (revision,) = connection.execute("SELECT version_num FROM alembic_version").fetchone()
        except (Unreadable, TypeError):
            # The revision is lost: the columns that exist are copied.
            return None
    # 93 ms, which only a rebuild costs.
    from docker_credential_gcr.emulator.database import migrations

    return None if migrations.is_known(revision) else str(revision)


def _put_in_place(root: Path, new: Path) -> None:
    """Replaces the old database by the new one, with one rename.

    Deletes the old journal first, because SQLite would apply it to the new database. Its content is in the
    copy that was set aside, and in the old database itself if SQLite can still write it.
    """
    reach("rebuild-written")
    old = root / DATABASE
    if old.exists():
        checkpoint(old)
    for suffix in _JOURNALS:
        Path(f"{old}{suffix}").unlink(missing_ok=True)
    os.replace(new, old)
    fsync(root)
    reach("rebuild-placed")


def _remove(path: Path) -> None:
    for suffix in ("", *_JOURNALS):
        Path(f"{path}{suffix}").unlink(missing_ok=True)
