"""A push that has not committed, and a collection at another server that would delete what it relies on.

Each row of the table is a write of the registry, which has run and not committed when the collection begins.
Without the lock the collection waits for the row of the blob, deletes it after the push has committed, and
the foreign key deletes the link, which the registry has acknowledged.
"""

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import pytest
from sqlalchemy import Connection, text
from support.images import OCI_MANIFEST
from support.servers.postgresql import NEEDS

from docker_credential_gcr.emulator.database.engine.postgresql.database import PostgresDatabase
from docker_credential_gcr.emulator.database.engine.postgresql.opening import open_database
from docker_credential_gcr.emulator.database.images import blobs, buckets, manifests, repositories
from docker_credential_gcr.emulator.database.images.repositories import Repository
from docker_credential_gcr.emulator.database.projects import projects
from docker_credential_gcr.emulator.maintenance.garbage_collection import Collected, Collection, Rules
from docker_credential_gcr.emulator.storage.filesystem import FileStore

pytestmark = NEEDS

LIMIT_S = 60
USED_AT, NOW = 1000, 2000
DIGEST = f"sha256:{'ab' * 32}"
MANIFEST = manifests.Summary(0, f"sha256:{'cd' * 32}", OCI_MANIFEST, 2, 0, NOW)

# Writes what a push relies on, in the second of the two repositories.
Push = Callable[[Connection, Repository], object]


class Row(NamedTuple):
    """A push, and whether its repository was linked to the blob before."""

    push: Push
    is_linked: bool


ROWS = {
    "a mount links a blob without a link": Row(
        lambda connection, repository: blobs.link(connection, repository, DIGEST, now=NOW), False
    ),
    "an upload adds a blob that is there": Row(
        lambda connection, repository: blobs.add(connection, repository, BLOB, now=NOW), False
    ),
    "a HEAD renews the link": Row(
        lambda connection, repository: blobs.renew(connection, repository, DIGEST, now=NOW), True
    ),
    "a manifest names the blob": Row(
        lambda connection, repository: manifests.add(
            connection, repository, MANIFEST, b"{}", children=frozenset(), blobs={DIGEST}
        ),
        True,
    ),
}
BLOB = blobs.Blob(DIGEST, 2, b"{}")


@pytest.fixture
def servers(database_url: str) -> Iterator[tuple[PostgresDatabase, PostgresDatabase]]:
    with closing(open_database(database_url)) as first, closing(open_database(database_url)) as second:
        yield first, second


def prepare(connection: Connection, *, is_linked: bool) -> Repository:
    """Stores a blob that nothing needs any longer; returns the repository that pushes next."""
    projects.create(connection, "my-project", name="", now=USED_AT)
    buckets.create(connection, "bucket", project_id="my-project", location="us", now=USED_AT)
    first = repositories.create(connection, "bucket", "first")
    second = repositories.create(connection, "bucket", "second")
    assert first is not None
    assert second is not None
    blobs.add(connection, first, BLOB, now=USED_AT)
    if is_linked:
        blobs.link(connection, second, DIGEST, now=USED_AT)
    blobs.unlink(connection, first, DIGEST)
    return second


class Uncommitted:
    """A write that has run, and commits when it is released."""

    def __init__(self, push: Push, repository: Repository) -> None:
        self._push = push
        self._repository = repository
        self._released = threading.Event()
        self._has_run = threading.Event()

    def __call__(self, connection: Connection) -> None:
        self._push(connection, self._repository)
        self._has_run.set()
        assert self._released.wait(LIMIT_S)

    async def await_run(self) -> None:
        await asyncio.to_thread(self._has_run.wait, LIMIT_S)

    def release(self) -> None:
        self._released.set()


def collect(database: PostgresDatabase, folder: Path) -> Collected:
    rules = Rules(unused_before=NOW - 1, uploads_before=0, now=NOW)
    return Collection(database, FileStore(folder), rules).run()


def count(connection: Connection) -> tuple[int, int]:
    query = "SELECT (SELECT count(*) FROM blobs), (SELECT count(*) FROM blob_links)"
    found = connection.execute(text(query)).one()
    return found[0], found[1]


async def await_a_wait(database: PostgresDatabase, task: "asyncio.Task[Collected]") -> None:
    """Returns when another transaction waits for a lock, or the task has ended without a wait."""
    query = text(
        "SELECT count(*) FROM pg_locks WHERE NOT granted AND database = "
        "(SELECT oid FROM pg_database WHERE datname = current_database())"
    )

    def count_waits(connection: Connection) -> int:
        found: int = connection.execute(query).scalar_one()
        return found

    while not task.done() and not await database.read(count_waits):
        await asyncio.sleep(0)


@pytest.mark.parametrize("name", ROWS)
def test_t20_a_collection_keeps_what_a_push_is_about_to_commit(
    servers: tuple[PostgresDatabase, PostgresDatabase], tmp_path: Path, name: str
) -> None:
    pushing, collecting = servers
    row = ROWS[name]
    repository = pushing.write_now(lambda connection: prepare(connection, is_linked=row.is_linked))

    async def run() -> Collected:
        push = Uncommitted(row.push, repository)
        pushed = asyncio.create_task(pushing.add(push))
        await push.await_run()
        collected = asyncio.create_task(asyncio.to_thread(collect, collecting, tmp_path))
        await await_a_wait(pushing, collected)
        push.release()
        await pushed
        return await collected

    assert asyncio.run(run()) == Collected()
    assert pushing.read_now(count) == (1, 1)


def test_t20_the_collection_takes_the_blob_where_no_push_relies_on_it(
    servers: tuple[PostgresDatabase, PostgresDatabase], tmp_path: Path
) -> None:
    pushing, collecting = servers
    pushing.write_now(lambda connection: prepare(connection, is_linked=True))
    assert collect(collecting, tmp_path) == Collected(links=1, blobs=1, bytes=2)
    assert pushing.read_now(count) == (0, 0)
