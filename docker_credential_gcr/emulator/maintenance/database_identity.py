"""Database identity: checks that a database is that of its data directory, or of its object store.

A collection removes bytes that the database does not name, and a snapshot replaces the last one. So serve and
gc refuse a database that is missing, empty, older than its snapshot, or of another program or directory.

DATA/database-id     the identity of the directory's database, a number
revisions.identity   the same number, in the database and in every copy of it

An object store has no such record: a database that names no bytes is refused where the store has some.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy
from sqlalchemy import bindparam, literal, select

from docker_credential_gcr.emulator.database import schema
from docker_credential_gcr.emulator.database.engine.errors import DamagedDatabase, UnusableDatabase
from docker_credential_gcr.emulator.database.engine.sqlite_file import Connection, Unreadable, open_database
from docker_credential_gcr.emulator.storage.base import BlobStore
from docker_credential_gcr.files import replace_file

from .stored_files import find_blob_key, has_files

DATABASE = "emulator.db"
SNAPSHOT = f"{DATABASE}.snapshot"
_RECORD = "database-id"
# A database without a row in these has no image, no account and no user.
_OWNERS = {"projects", "users", "repositories", "manifests", "blobs"}
_FOREIGN = "is the database of another program"
_OLDER = f"is older than {SNAPSHOT}"
# By default `rebuild` reads the database as far as it can.
_ADVICE = {_OLDER: " (with --from for the snapshot, without it for the older database)"}
# A database without a row in these names no bytes; `doomed` and `uploads` name those of a first push.
_NAMING = (schema.blobs, schema.uploads, schema.doomed)
_IDENTITY = select(schema.revisions.c.number).where(schema.revisions.c.subject == bindparam("wanted"))


class WrongDatabase(UnusableDatabase):
    """The database is not the directory's, and the directory has blobs or a snapshot to lose."""

    def __init__(self, root: Path, fault: str) -> None:
        super().__init__(
            f"{root / DATABASE} {fault}: bring the database of {root} back with gcr-emulator rebuild --data "
            f"{root}{_ADVICE.get(fault, '')}, or name another --data"
        )


class EmptyDatabase(UnusableDatabase):
    """The database names no bytes, and the blob store has some, which must be another database's."""

    def __init__(self, key: str) -> None:
        super().__init__(
            f"the database has no image, and the store has bytes of images, such as {key}: restore the "
            "database's back-up, or empty the store, or choose another folder in it"
        )


@dataclass(frozen=True)
class Description:
    """A description of a database; `identity` is None in one of an older revision.

    `access` grows with every change of projects, accounts, policies and buckets.
    """

    fault: str | None = None
    identity: int | None = None
    access: int = 0
    has_rows: bool = False


def check_own_database(root: Path) -> None:
    """Raises WrongDatabase; DamagedDatabase if SQLite cannot read the database."""
    try:
        fault = find_fault(root)
    except Unreadable as error:
        # The subclasses are other faults, such as a full disk: opening the database reports them.
        if type(error) is not Unreadable:
            return
        raise DamagedDatabase(root / DATABASE, str(error)) from error
    if fault is not None:
        raise WrongDatabase(root, fault)


def check_new_database(connection: sqlalchemy.Connection, store: BlobStore) -> None:
    """Raises EmptyDatabase for a new database, with or without a schema, and a store that has bytes. Blocks.

    Such a pair is left of a database that was lost, or restored in part: the images can still be saved.
    """
    # Before the rows: another server commits a row that names a key before it writes the bytes.
    key = find_blob_key(store)
    if key is not None and not any(_has_rows(connection, table) for table in _NAMING):
        raise EmptyDatabase(key)


def _has_rows(connection: sqlalchemy.Connection, table: sqlalchemy.Table) -> bool:
    if not sqlalchemy.inspect(connection).has_table(table.name):
        return False
    return connection.execute(select(literal(1)).select_from(table).limit(1)).first() is not None


def find_fault(root: Path) -> str | None:
    """Returns why the database is not the directory's; None if it is, or if nothing can be lost.

    Raises Unreadable.
    """
    described = describe(root / DATABASE)
    fault = described.fault or _compare(root, described)
    if fault == _FOREIGN or (fault is not None and has_bytes(root)):
        return fault
    return None


def describe(path: Path) -> Description:
    """Returns the description of a database. Raises Unreadable."""
    if not path.exists():
        return Description("is missing")
    with open_database(path) as connection:
        tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
        if not tables:
            return Description("is empty")
        if not tables & {table.name for table in schema.metadata.sorted_tables}:
            return Description(_FOREIGN)
        numbers = dict(_read(connection, "SELECT subject, number FROM revisions"))
        has_rows = any(_read(connection, f"SELECT 1 FROM {table} LIMIT 1") for table in tables & _OWNERS)  # noqa: S608
        return Description(None, numbers.get(schema.IDENTITY), numbers.get(schema.ACCESS, 0), has_rows)


def _read(connection: Connection, statement: str) -> list[tuple[Any, ...]]:
    """Returns the rows; an empty list if they cannot be read, which later reads report."""
    try:
        return [tuple(row) for row in connection.execute(statement)]
    except Unreadable:
        return []


def _describe_copy(path: Path) -> Description:
    try:
        return describe(path)
    except Unreadable:
        return Description("cannot be read")


def is_source(root: Path, path: Path, *, is_named: bool) -> bool:
    """Returns whether `rebuild` can use that database: it is readable, the directory's own and has rows.

    One that the user named may be another directory's. Without stored bytes it needs no rows.
    """
    described = _describe_copy(path)
    known = None if is_named else _find_identity(root, _describe_copy(root / SNAPSHOT))
    is_own = known is None or described.identity in (None, known)
    return described.fault is None and is_own and (described.has_rows or not has_bytes(root))


def _find_identity(root: Path, snapshot: Description) -> int | None:
    """Returns the identity of the directory's database; None if it was not recorded."""
    return _read_record(root) or snapshot.identity


def _compare(root: Path, described: Description) -> str | None:
    snapshot = _describe_copy(root / SNAPSHOT)
    known = _find_identity(root, snapshot)
    if known is not None and described.identity not in (None, known):
        return "is the database of another data directory"
    if known is None and not described.has_rows:
        return "has no project, account or image"
    if snapshot.fault is None and snapshot.access > described.access:
        return _OLDER
    return None


def has_bytes(root: Path) -> bool:
    """Returns whether there is a file of a blob, or a snapshot, which an empty database would lose."""
    return (root / SNAPSHOT).exists() or has_files(root)


def record_identity(root: Path, connection: sqlalchemy.Connection) -> None:
    """Records the connection's database as the one of the directory."""
    identity = connection.execute(_IDENTITY, {"wanted": schema.IDENTITY}).scalar_one()
    if _read_record(root) != identity:
        replace_file(root / _RECORD, b"%d\n" % identity)


def give_identity(root: Path, made: Connection) -> None:
    """Gives a new database the identity of the directory, and an access number not below the snapshot's."""
    snapshot = _describe_copy(root / SNAPSHOT)
    made.execute(
        "UPDATE revisions SET number = max(number, ?) WHERE subject = ?", (snapshot.access, schema.ACCESS)
    )
    if (identity := _find_identity(root, snapshot)) is not None:
        made.execute("UPDATE revisions SET number = ? WHERE subject = ?", (identity, schema.IDENTITY))


def _read_record(root: Path) -> int | None:
    try:
        return int((root / _RECORD).read_bytes()[:32])
    except (OSError, ValueError):
        return None
