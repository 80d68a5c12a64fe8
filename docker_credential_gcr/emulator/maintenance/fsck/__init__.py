"""fsck of a data directory: checks the database itself, and against the bytes of blobs and uploads.

Reads the SQLite file without schema or migration, as far as a damaged one can be read; changes nothing.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

from docker_credential_gcr.emulator.database import schema
from docker_credential_gcr.emulator.database.engine.sqlite_file import Connection, Unreadable, open_database
from docker_credential_gcr.emulator.maintenance.database_identity import DATABASE, find_fault
from docker_credential_gcr.emulator.maintenance.progress import SILENT, Progress
from docker_credential_gcr.emulator.storage.filesystem import FileStore

from .blobs import check_blobs, check_doomed, check_files, check_uploads
from .context import CheckContext
from .database import check_containment, check_database, check_manifests
from .findings import Finding, drop_repeated
from .stored_bytes import Files

_CHECKS: tuple[Callable[[CheckContext], Iterator[Finding]], ...] = (
    check_database,
    check_containment,
    check_blobs,
    check_files,
    check_uploads,
    check_doomed,
    check_manifests,
)


def check(
    root: Path, *, quick: bool = False, sparse: bool = False, progress: Progress = SILENT
) -> Iterator[Finding]:
    """Returns every fault of the data directory, each once; no other process may use the directory meanwhile.

    `quick` reads no bytes of blobs; `sparse` accepts incomplete manifests.
    """
    return drop_repeated(_check(root, quick=quick, sparse=sparse, progress=progress))


def _check(root: Path, *, quick: bool, sparse: bool, progress: Progress) -> Iterator[Finding]:
    try:
        if (fault := find_fault(root)) is not None:
            yield Finding("damaged-database", DATABASE, f"it {fault}")
            return
        with open_database(root / DATABASE) as connection:
            revision = _find_revision(connection)
            if revision == schema.REVISION:
                context = CheckContext(
                    connection, Files(FileStore(root)), quick=quick, sparse=sparse, progress=progress
                )
                yield from _run_checks(context)
                return
    except Unreadable as error:
        yield Finding("damaged-database", DATABASE, str(error))
        return
    kind = "damaged-database" if revision is None else "other-revision"
    text = f"it is of revision {revision!r}, this gcr-emulator reads {schema.REVISION!r}"
    yield Finding(kind, DATABASE, text)


def _run_checks(context: CheckContext) -> Iterator[Finding]:
    for step in _CHECKS:
        try:
            yield from step(context)
        except Unreadable as error:
            yield Finding("damaged-database", DATABASE, str(error))


def _find_revision(connection: Connection) -> str | None:
    row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    return None if row is None else str(row["version_num"])
