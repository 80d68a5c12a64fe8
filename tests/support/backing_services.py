"""GCR_TEST_DATABASE and GCR_TEST_STORAGE: the database and the object store of the suite's emulators.

`GCR_TEST_DATABASE=postgresql` starts a cluster for the session; the URL of a PostgreSQL server uses that.
`GCR_TEST_STORAGE=seaweedfs` starts an object store. Each emulator has an empty database and bucket folder of
its own; a second one on the same data directory has those of the first.
"""

import dataclasses
import os
import secrets
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sqlalchemy import Connection, Delete

    from docker_credential_gcr.emulator.database.engine.database import Database
    from docker_credential_gcr.emulator.database.engine.postgresql.database import PostgresDatabase
    from docker_credential_gcr.emulator.server.ready_document import ReadyDocument
    from docker_credential_gcr.emulator.settings import Settings

DATABASE_VARIABLE = "GCR_TEST_DATABASE"
DATABASE = os.environ.get(DATABASE_VARIABLE, "")
STORAGE = os.environ.get("GCR_TEST_STORAGE", "")
# The number of emulators behind a load balancer; the tests' emulator is then the balancer.
REPLICAS = int(os.environ.get("GCR_TEST_REPLICAS", "1"))
BUCKET = "tests"
# What the session has started or created, which `close` ends.
_STARTED = ExitStack()
# Databases of emulators that have ended, without rows: to create one takes longer than most tests.
_EMPTIED: list[str] = []


@dataclasses.dataclass(frozen=True)
class BackingServices:
    """The database and the store of one emulator; None where its data directory has them."""

    database: str | None = None
    storage: str | None = None
    storage_endpoint: str | None = None

    @property
    def arguments(self) -> tuple[str, ...]:
        """Returns the arguments of `serve`."""
        given = {name.replace("_", "-"): value for name, value in vars(self).items() if value is not None}
        return tuple(word for name, value in given.items() for word in (f"--{name}", value))

    def add_to(self, settings: "Settings") -> "Settings":
        """Returns the settings with these services."""
        given: dict[str, Any] = {name: value for name, value in vars(self).items() if value is not None}
        return dataclasses.replace(settings, **given)


def find_services(data: Path | None = None) -> BackingServices:
    """Returns the services of the emulator on a data directory; new ones for a temporary directory."""
    return _find_services_of(data.resolve()) if data is not None else _create_services()


@cache
def _find_services_of(_data: Path) -> BackingServices:
    return _create_services()


def _create_services() -> BackingServices:
    if not DATABASE:
        return BackingServices()
    database = _EMPTIED.pop() if _EMPTIED else _create_database()
    if not STORAGE:
        return BackingServices(database)
    return BackingServices(database, f"s3://{BUCKET}/{secrets.token_hex(6)}", _find_endpoint())


def _create_database() -> str:
    from support.servers.postgresql import create_database, drop_database

    url = create_database(_find_server())
    _STARTED.callback(drop_database, _find_server(), url)
    return url


@cache
def _find_server() -> str:
    """Returns the URL of a database of the server; starts a cluster for the session if none is given."""
    if DATABASE != "postgresql":
        return DATABASE
    from support.servers.postgresql import running_cluster

    return _STARTED.enter_context(running_cluster()).url()


@cache
def _find_endpoint() -> str:
    """Starts the object store of the session; its credentials are variables, as users give them."""
    from support.servers.seaweedfs import running_seaweedfs

    folder = Path(_STARTED.enter_context(tempfile.TemporaryDirectory(prefix="gcr-", dir="/tmp")))
    server = _STARTED.enter_context(running_seaweedfs(folder))
    server.create_bucket(BUCKET)
    os.environ.update(server.environ)
    return server.url


def close() -> None:
    """Ends the servers that the session has started."""
    _STARTED.close()


@contextmanager
def serve(settings: "Settings") -> Iterator["ReadyDocument"]:
    """Runs an emulator in a thread of this process for the block."""
    from docker_credential_gcr.emulator.server.in_thread import InThread

    services = find_services(settings.data)
    with InThread(services.add_to(settings)) as ready:
        yield ready
    if settings.data is None and services.database is not None:
        from support.servers.postgresql import execute

        execute(services.database, *map(str, _list_deletions()))
        _EMPTIED.append(services.database)


@contextmanager
def open_database(path: Path) -> Iterator["Database"]:
    """Opens a database without rows for the block, in a file of that path; with PostgreSQL a common one."""
    from support.sqlite_files import open_new

    if DATABASE:
        database = _open_common_database()
        database.write_now(_delete_rows)
        yield database
        return
    with closing(open_new(path)) as database:
        yield database


@cache
def _open_common_database() -> "PostgresDatabase":
    from docker_credential_gcr.emulator.database.engine.postgresql.opening import open_database

    services = _create_services()
    assert services.database is not None
    return _STARTED.enter_context(closing(open_database(services.database)))


def _delete_rows(connection: "Connection") -> None:
    for deletion in _list_deletions():
        connection.execute(deletion)


def _list_deletions() -> list["Delete"]:
    from docker_credential_gcr.emulator.database import schema

    kept = (schema.revisions, schema.alembic_version)
    return [table.delete() for table in reversed(schema.metadata.sorted_tables) if table not in kept]
