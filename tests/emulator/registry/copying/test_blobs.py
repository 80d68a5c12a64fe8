"""Copies of blobs: their bytes go through in blocks, once, and are compared with the digest."""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from weakref import WeakValueDictionary

import pytest
from emulator.storage.fakes import MemoryStore
from sqlalchemy import Connection
from support.images import digest_of

from docker_credential_gcr.emulator.database.engine.sqlite import SqliteDatabase
from docker_credential_gcr.emulator.database.images import blobs, buckets, repositories
from docker_credential_gcr.emulator.database.images.blobs import Blob
from docker_credential_gcr.emulator.database.projects import projects
from docker_credential_gcr.emulator.oci.digest import Hasher
from docker_credential_gcr.emulator.registry.copying.images import PartMissing, copy_blob
from docker_credential_gcr.emulator.settings import Limits
from docker_credential_gcr.emulator.sites.hosts import Target, locate

SOURCE = locate("gcr.io", "my-project/app")
# A bucket of its own, as a repository of Artifact Registry has, which needs no other rows.
TARGET, NEXT = locate("eu.gcr.io", "my-project/app"), locate("eu.gcr.io", "my-project/next")
LARGE = bytes(range(256)) * 1000
LAYER = digest_of(LARGE)
KEY = "pieces/ab/layer"
NOW = 1_800_000_000


class CountingStore(MemoryStore):
    """A store that counts its writes, and the blocks that were read and not yet written."""

    def __init__(self) -> None:
        super().__init__()
        self._objects[KEY] = LARGE
        self.writes = self.most_waiting = 0
        self._waiting = 0

    async def write(self, key: str, chunks: AsyncIterator[bytes], hasher: Hasher) -> int:
        self.writes += 1
        return await super().write(key, self._count(chunks), hasher)

    async def _count(self, chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        async for chunk in chunks:
            self._waiting -= len(chunk)
            yield chunk

    async def read(self, key: str, start: int, stop: int) -> AsyncGenerator[bytes, None]:
        async for block in super().read(key, start, stop):
            self._waiting += len(block)
            self.most_waiting = max(self.most_waiting, self._waiting)
            yield block

    def damage(self, content: bytes) -> None:
        self._objects[KEY] = content


@pytest.fixture
def store() -> CountingStore:
    return CountingStore()


@pytest.fixture
def services(tmp_path: Path, store: CountingStore) -> Iterator[Any]:
    with closing(SqliteDatabase(tmp_path / "emulator.db")) as database:
        database.write_now(add_layer)
        yield SimpleNamespace(
            database=database,
            store=store,
            limits=Limits(),
            hashers={},
            clock=SimpleNamespace(now=lambda: NOW),
            copy_locks=WeakValueDictionary(),
        )


def add_layer(connection: Connection) -> None:
    projects.create(connection, "my-project", name="", now=NOW)
    buckets.create(connection, SOURCE.bucket, project_id="my-project", location="us", now=NOW)
    repository = repositories.create(connection, SOURCE.bucket, SOURCE.path)
    assert repository is not None
    pieces = json.dumps([[KEY, len(LARGE)]])
    blobs.add(connection, repository, Blob(LAYER, len(LARGE), None, pieces=pieces), now=NOW)


def copy(services: Any, *targets: Target, digest: str = LAYER) -> list[int | None]:
    """Copies the layer to all targets at once."""

    async def run() -> list[int | None]:
        return await asyncio.gather(*(copy_blob(services, SOURCE, target, digest) for target in targets))

    return asyncio.run(run())


def find(services: Any, target: Target) -> Blob | None:
    def work(connection: Connection) -> Blob | None:
        repository = repositories.find(connection, target.bucket, target.path)
        return repository and blobs.find(connection, repository, LAYER)

    found: Blob | None = services.database.read_now(work)
    return found


def test_two_copies_at_once_move_the_bytes_once(services: Any, store: CountingStore) -> None:
    assert copy(services, TARGET, TARGET, NEXT) == [len(LARGE), 0, 0]

    assert store.writes == 1
    assert [store.size(key) for key in store.list("")] == [len(LARGE)] * 2
    copied = find(services, TARGET)
    assert copied == find(services, NEXT)
    assert copied is not None
    assert (copied.digest, copied.size, copied.used_at) == (LAYER, len(LARGE), NOW)
    assert copied.pieces != json.dumps([[KEY, len(LARGE)]], separators=(",", ":"))
    assert len(services.copy_locks) == 0


def test_no_more_than_the_first_blocks_are_in_memory(services: Any, store: CountingStore) -> None:
    copy(services, TARGET)
    # So many bytes may become a blob without a piece.
    assert 64 * 1024 < store.most_waiting < 66 * 1024


def test_a_blob_that_the_source_lacks(services: Any, store: CountingStore) -> None:
    assert copy(services, TARGET, digest=digest_of(b"other")) == [None]
    assert store.writes == 0


@pytest.mark.parametrize("content", [LARGE[:-1] + b"x", LARGE[:-1], b""], ids=["other", "short", "none"])
def test_damaged_bytes_are_not_copied(services: Any, store: CountingStore, content: bytes) -> None:
    store.damage(content)

    with pytest.raises(PartMissing, match=f"^the source does not have {LAYER} whole$"):
        copy(services, TARGET)

    assert find(services, TARGET) is None
    assert [*store.list("")] == [KEY]
    assert services.database.read_now(lambda connection: blobs.measure(connection)) == (1, len(LARGE))
