"""Additions at the same time on PostgreSQL: the second waits for the first, and finds what it wrote."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import pytest
from sqlalchemy import Connection
from support.servers.postgresql import NEEDS

from docker_credential_gcr.emulator.database.accounts import workload_identity
from docker_credential_gcr.emulator.database.engine.database import Database
from docker_credential_gcr.emulator.database.errors import AlreadyExists
from docker_credential_gcr.emulator.database.images import (
    blob_hashes,
    blobs,
    buckets,
    doomed,
    manifests,
    referrers,
    repositories,
    tags,
    uploads,
)
from docker_credential_gcr.emulator.database.images.blob_hashes import Hashes
from docker_credential_gcr.emulator.database.images.blobs import Blob
from docker_credential_gcr.emulator.database.images.manifests import Summary
from docker_credential_gcr.emulator.database.images.repositories import Repository
from docker_credential_gcr.emulator.database.images.uploads import Upload
from docker_credential_gcr.emulator.database.projects import projects

pytestmark = NEEDS

Work = Callable[[Connection], Any]
PLACE = {"bucket_name": "bucket", "repository_name": "p/app"}
UPLOAD = Upload("a" * 32, "user:ada@example.com", 1, 3, None, b"abc")
PIECES = Upload("b" * 32, "user:ada@example.com", 1, 3, None, None, '[["old", 3]]')
# More than any second addition takes to begin to wait, and less than a time-out.
_LOOKS = 20_000


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    from docker_credential_gcr.emulator.database.engine.postgresql.opening import open_database

    with closing(open_database(database_url)) as database:
        yield database


@pytest.fixture
def repository(database: Database) -> Repository:
    """Creates a repository with a blob in pieces, two manifests and an upload."""

    def work(connection: Connection) -> Repository:
        projects.create(connection, "p", name="", now=1)
        buckets.create(connection, "bucket", project_id="p", location="US", now=1)
        created = repositories.create(connection, "bucket", "p/app")
        assert created is not None
        blobs.add(connection, created, Blob("sha256:old", 3, None, pieces='[["old", 3]]'), now=1)
        for digest in ("sha256:one", "sha256:two"):
            put_manifest(created, digest)(connection)
        assert uploads.start(connection, UPLOAD, **PLACE)
        return created

    return database.write_now(work)


def put_manifest(repository: Repository, digest: str) -> Work:
    summary = Summary(0, digest, "application/json", 2, 0, 0)
    return lambda connection: manifests.add(
        connection, repository, summary, b"{}", children={"sha256:one"}, blobs={"sha256:old", "sha256:x"}
    )


def add_referrer(repository: Repository, manifest_id: int) -> Work:
    texts = {"subject": "sha256:two", "artifact_type": "", "digest": "sha256:one", "descriptor": "{}"}
    return lambda connection: referrers.add(connection, repository, manifest_id, **texts)


def run_at_once(database: Database, first: Work, second: Work) -> list[Any]:
    """Returns what two additions return or raise; the first commits when the second waits for it."""
    has_begun = threading.Event()

    def hold(connection: Connection) -> Any:
        result = first(connection)
        has_begun.set()
        for _ in range(_LOOKS):
            waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted"
            if connection.exec_driver_sql(waiting).scalar_one():
                return result
        raise AssertionError("the second addition does not wait for the first")

    async def run() -> list[Any]:
        held = asyncio.create_task(database.add(hold))
        await asyncio.to_thread(has_begun.wait)
        return await asyncio.gather(held, database.add(second), return_exceptions=True)

    return asyncio.run(run())


def add_blob(repository: Repository, digest: str = "sha256:new") -> Work:
    return lambda connection: blobs.add(connection, repository, Blob(digest, 1, b"x"), now=2)


def replace_pieces(repository: Repository, new: str) -> Work:
    old = PIECES.pieces
    return lambda connection: blobs.replace_pieces(connection, repository, "sha256:old", old=old, new=new)


def find(database: Database, work: Work) -> Any:
    return database.read_now(work)


def test_s15_a_new_bucket_and_repository_are_created_once(database: Database, repository: Repository) -> None:
    assert repository

    def push(connection: Connection) -> Any:
        buckets.create(connection, "new", project_id="p", location="US", now=1)
        return repositories.create(connection, "new", "p/new")

    first, second = run_at_once(database, push, push)

    assert first == second
    assert (first.name, first.bucket.name) == ("p/new", "new")


def test_s15_a_new_blob_is_stored_once_and_linked(database: Database, repository: Repository) -> None:
    assert run_at_once(database, add_blob(repository), add_blob(repository)) == [True, False]
    assert find(database, lambda c: blobs.find(c, repository, "sha256:new")) == Blob("sha256:new", 1, b"x", 2)


def test_s15_a_link_keeps_the_instant_of_the_last_one(database: Database, repository: Repository) -> None:
    def link(now: int) -> Work:
        return lambda connection: blobs.link(connection, repository, "sha256:old", now=now)

    assert run_at_once(database, link(5), link(6)) == [True, True]
    assert find(database, lambda c: blobs.find(c, repository, "sha256:old")).used_at == 6


def test_s15_a_new_manifest_has_one_row_and_its_references(
    database: Database, repository: Repository
) -> None:
    push = put_manifest(repository, "sha256:three")
    first, second = run_at_once(database, push, push)

    assert first == second
    assert find(database, lambda c: manifests.find(c, repository, "sha256:three")).id == first


def test_s15_a_referrer_is_listed_once(database: Database, repository: Repository) -> None:
    one = find(database, lambda c: manifests.find(c, repository, "sha256:one")).id
    assert run_at_once(database, add_referrer(repository, one), add_referrer(repository, one)) == [None, None]

    page = {"artifact_type": None, "last": "", "count": 10, "size": 100}
    found = find(database, lambda c: referrers.list_page(c, repository, "sha256:two", **page))
    assert found == ([("sha256:one", b"{}")], True)


def test_s15_a_tag_names_what_was_pushed_last(database: Database, repository: Repository) -> None:
    def put(digest: str) -> Work:
        def work(connection: Connection) -> None:
            found = manifests.find(connection, repository, digest)
            assert found is not None
            tags.put(connection, repository, "v1", found.id)

        return work

    assert run_at_once(database, put("sha256:one"), put("sha256:two")) == [None, None]
    assert find(database, lambda c: manifests.find_tagged(c, repository, "v1")).digest == "sha256:two"


def test_s15_an_immutable_tag_names_what_was_pushed_first(database: Database, repository: Repository) -> None:
    def create(digest: str) -> Work:
        def work(connection: Connection) -> tuple[bool, bool]:
            found = manifests.find(connection, repository, digest)
            assert found is not None
            is_new = tags.create(connection, repository, "v1", found.id)
            return is_new, tags.find(connection, repository, "v1") == found.id

        return work

    outcomes = run_at_once(database, create("sha256:one"), create("sha256:two"))
    assert outcomes == [(True, True), (False, False)]


@pytest.mark.parametrize("verb", ["move", "end"])
def test_s15_one_of_two_requests_at_one_location_is_accepted(
    database: Database, repository: Repository, verb: str
) -> None:
    assert repository

    def move(connection: Connection) -> bool:
        return uploads.move(connection, UPLOAD._replace(sequence=2, size=4, data=b"abcd"))

    def end(connection: Connection) -> bool:
        return uploads.end(connection, UPLOAD)

    assert run_at_once(database, move, move if verb == "move" else end) == [True, False]


def test_s15_one_of_two_first_requests_is_accepted(database: Database, repository: Repository) -> None:
    assert repository

    def start(connection: Connection) -> bool:
        return uploads.start(connection, PIECES, **PLACE)

    assert run_at_once(database, start, start) == [True, False]


def test_s15_damaged_pieces_are_replaced_once(database: Database, repository: Repository) -> None:
    one, two = '[["one", 3]]', '[["two", 3]]'
    outcomes = run_at_once(database, replace_pieces(repository, one), replace_pieces(repository, two))

    assert outcomes == [True, False]
    assert find(database, lambda c: blobs.find_pieces(c, repository, "sha256:old")) == one


def test_s15_a_key_is_doomed_once_with_the_instant_of_the_first(database: Database) -> None:
    def enter(due_at: int) -> Work:
        return lambda connection: doomed.enter(connection, "key", due_at=due_at)

    assert run_at_once(database, enter(5), enter(6)) == [None, None]
    assert find(database, lambda c: doomed.find_due(c, now=5, count=9)) == ["key"]


def test_s15_hashes_of_a_blob_are_stored_once(database: Database, repository: Repository) -> None:
    def add(connection: Connection) -> None:
        blob_hashes.add(connection, repository.bucket.id, "sha256:old", Hashes("a", "b"))

    assert run_at_once(database, add, add) == [None, None]
    found = find(database, lambda c: blob_hashes.find(c, repository.bucket.id, ["sha256:old"]))
    assert found == {"sha256:old": Hashes("a", "b")}


def test_s15_one_of_two_exchanges_of_a_token_is_accepted(database: Database) -> None:
    def spend(connection: Connection) -> None:
        workload_identity.spend(connection, "provider", "token", expires_at=9, now=1)

    accepted, refused = run_at_once(database, spend, spend)

    assert (accepted, type(refused)) == (None, AlreadyExists)
