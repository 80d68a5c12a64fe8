"""Makes a new database from what can be read of the old one, or of a copy, and from the bytes.

The old database stays beside the new one, and is in its place until the new one is whole.
"""

import contextlib
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from docker_credential_gcr.emulator.crash_points import reach
from docker_credential_gcr.emulator.database.engine.file import (
    Connection,
    Unreadable,
    checkpoint,
    open_database,
)
from docker_credential_gcr.emulator.disk import flush
from docker_credential_gcr.emulator.private_directory import create_private
from docker_credential_gcr.emulator.records.database import Database, IncompatibleDatabase

from .database_identity import DATABASE, SNAPSHOT, give_identity, is_source
from .progress import SILENT, Progress
from .rebuild_bytes import (
    adopt_files,
    drop_doomed,
    drop_lost_uploads,
    drop_wrong_blobs,
    restore_links,
)
from .rebuild_rows import copy_rows, drop_astray, drop_dangling, enter_references

_DOOMING = "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND name LIKE '%_dooms'"
_NEW = f"{DATABASE}.rebuilt"
_DAMAGED = f"{DATABASE}.damaged"
# The journals that SQLite keeps beside a database.
_JOURNALS = ("-wal", "-shm")


class NothingToRebuildFrom(Exception):
    """No database can be read."""

    def __init__(self, tried: list[Path]) -> None:
        names = " and ".join(path.name for path in tried)
        super().__init__(
            f"nothing to rebuild from, {names} cannot be read, know of nothing or belong elsewhere: name a "
            "copy of the database with --from, or begin again in another data directory"
        )


@dataclass
class Rebuilt:
    """What a rebuild made: `rows` of each table, from `source`, and what is `lost`, one text each."""

    source: Path
    rows: dict[str, int] = field(default_factory=dict)
    lost: list[str] = field(default_factory=list)


def rebuild(root: Path, *, source: Path | None, now: float, progress: Progress = SILENT) -> Rebuilt:
    """Put a new database into the data directory, which nobody else may use meanwhile.

    It is made from `source`; for None from the old database, or the last snapshot if that cannot be
    read, or is not this directory's. Raises NothingToRebuildFrom, and IncompatibleDatabase where a newer
    version made it.
    """
    progress.begin("old database")
    damaged = _set_aside(root)
    tried = [source] if source else [path for path in (damaged, root / SNAPSHOT) if path is not None]
    chosen = next((path for path in tried if is_source(root, path, is_named=source is not None)), None)
    if chosen is None:
        if damaged is not None:
            _remove(damaged)
        raise NothingToRebuildFrom(tried or [root / DATABASE, root / SNAPSHOT])
    _check_revision(chosen)
    rebuilt = Rebuilt(chosen)
    new = root / _NEW
    _remove(new)
    Database(new).close()
    with contextlib.closing(open_database(chosen)) as old, contextlib.closing(open_database(new)) as made:
        made.execute("BEGIN")
        with _without_dooming(made):
            _fill(root, old, made, rebuilt, now, progress)
        made.execute("COMMIT")
    _put_in_place(root, new)
    return rebuilt


def _fill(
    root: Path,
    old: Connection,
    made: Connection,
    rebuilt: Rebuilt,
    now: float,
    progress: Progress,
) -> None:
    lose = rebuilt.lost.append
    progress.begin("rows")
    copy_rows(old, made, lose, now=now)
    steps: tuple[Callable[[], None], ...] = (
        lambda: drop_dangling(made, lose),
        lambda: drop_astray(made, lose),
        lambda: enter_references(made, lose),
        lambda: drop_wrong_blobs(root, made, lose, progress),
        lambda: adopt_files(root, made, progress, now=now),
        lambda: restore_links(made, now=now),
        lambda: drop_lost_uploads(root, made),
        lambda: drop_doomed(made),
    )
    for step in steps:
        step()
    for table in ("projects", "service_accounts", "repositories", "manifests", "tags", "blobs"):
        ((rebuilt.rows[table],),) = made.execute(f"SELECT count(*) FROM {table}")  # noqa: S608
    give_identity(root, made)


@contextlib.contextmanager
def _without_dooming(made: Connection) -> Iterator[None]:
    """Leaves the bytes of rows that are dropped: a copy of the database may know what they are."""
    triggers = made.execute(_DOOMING).fetchall()
    for name, _ in triggers:
        made.execute(f"DROP TRIGGER {name}")
    yield
    for _, statement in triggers:
        made.execute(statement)


def _set_aside(root: Path) -> Path | None:
    """A copy of the old database as it is, journal and all; None where there is none."""
    if not (root / DATABASE).exists():
        return None
    number = 0
    while (copy := root / (f"{_DAMAGED}-{number}" if number else _DAMAGED)).exists():
        number += 1
    for suffix in ("-wal", ""):
        if (root / f"{DATABASE}{suffix}").exists():
            create_private(Path(f"{copy}{suffix}"))
            shutil.copyfile(root / f"{DATABASE}{suffix}", f"{copy}{suffix}")
            flush(Path(f"{copy}{suffix}"))
    return copy


def _check_revision(path: Path) -> None:
    with contextlib.closing(open_database(path)) as connection:
        try:
            (revision,) = connection.execute("SELECT version_num FROM alembic_version").fetchone()
        except (Unreadable, TypeError):
            # It is lost, and the columns that are there speak for themselves.
            return
    # 93 ms, which only a rebuild pays.
    from docker_credential_gcr.emulator.records import migrations

    if not migrations.is_known(revision):
        raise IncompatibleDatabase(path, revision)


def _put_in_place(root: Path, new: Path) -> None:
    """Let the new database take the old one's place at once.

    The old one's journal goes first: SQLite would apply it to the new one. What it holds is in the
    copy that was set aside, and in the old database itself, if SQLite can still write there.
    """
    reach("rebuild-written")
    old = root / DATABASE
    if old.exists():
        checkpoint(old)
    for suffix in _JOURNALS:
        Path(f"{old}{suffix}").unlink(missing_ok=True)
    os.replace(new, old)
    flush(root)
    reach("rebuild-placed")


def _remove(path: Path) -> None:
    for suffix in ("", *_JOURNALS):
        Path(f"{path}{suffix}").unlink(missing_ok=True)
