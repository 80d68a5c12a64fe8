"""fsck of a database that servers share, and of the store with its bytes, while they serve.

It lists the store first, and then copies the rows, all of one moment, into a file that it checks like that of
a data directory. Bytes are written before a row names them, and deleted after it: no row will ever name a key
that is in the list and in no row, unless its request is in progress. The row of a blob or an upload is read
again before a fault of its bytes is reported.
"""

import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import sqlalchemy
from sqlalchemy import select

from docker_credential_gcr.emulator.database import schema
from docker_credential_gcr.emulator.database.engine.database import BlockingDatabase
from docker_credential_gcr.emulator.database.engine.postgresql.image_rows import copy_image_rows
from docker_credential_gcr.emulator.database.engine.sqlite import SqliteDatabase
from docker_credential_gcr.emulator.database.engine.sqlite_file import open_database
from docker_credential_gcr.emulator.maintenance.progress import SILENT, Progress

from .blobs import check_blobs, check_doomed, check_files, check_uploads
from .context import CheckContext
from .database import check_containment, check_manifests
from .findings import Finding, drop_repeated
from .stored_bytes import StoredBytes

# PostgreSQL itself keeps rows that refer to others, and has pg_amcheck for its files.
_CHECKS: tuple[Callable[[CheckContext], Iterator[Finding]], ...] = (
    check_containment,
    check_blobs,
    check_files,
    check_uploads,
    check_doomed,
    check_manifests,
)
# A key without a row that is younger is of a request in progress.
_YOUNG_S = 3600


def check_shared(
    database: BlockingDatabase,
    stored: StoredBytes,
    *,
    now: float,
    quick: bool = False,
    sparse: bool = False,
    progress: Progress = SILENT,
) -> Iterator[Finding]:
    """Yields every fault, each once. Raises Unavailable if the database or the store does not answer.

    `now` is the time of the database; the other options are those of `check`.
    """
    with tempfile.TemporaryDirectory(prefix="gcr-emulator-") as folder:
        path = Path(folder) / "emulator.db"
        SqliteDatabase(path).close()
        stored.list_keys()
        progress.begin("rows")
        copy = partial(copy_image_rows, path=path, outline=False, advance=progress.advance)
        database.scan_now(copy)
        with open_database(path) as connection:
            context = CheckContext(
                connection,
                stored,
                quick=quick,
                sparse=sparse,
                progress=progress,
                is_current=partial(_is_current, database),
                uploads_before=now - _YOUNG_S,
            )
            yield from drop_repeated(finding for step in _CHECKS for finding in step(context))


def _is_current(database: BlockingDatabase, table: str, row_id: object, pieces: str | None) -> bool:
    """Returns whether the row is there still, and names the same pieces."""
    columns = schema.metadata.tables[table].c

    def find(connection: sqlalchemy.Connection) -> bool:
        row = connection.execute(select(columns.pieces).where(columns.id == row_id)).first()
        return row is not None and row.pieces == pieces

    return database.read_now(find)
