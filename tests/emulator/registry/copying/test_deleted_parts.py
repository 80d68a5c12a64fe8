"""Parts that are deleted while their image is copied: the copy begins again."""

import asyncio
import json
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any, TypeVar
from weakref import WeakValueDictionary

import pytest
from emulator.storage.fakes import MemoryStore
from sqlalchemy import Connection
from support.images import OCI_CONFIG, OCI_MANIFEST, describe, digest_of

from docker_credential_gcr.emulator.database.engine.sqlite import SqliteDatabase
from docker_credential_gcr.emulator.database.images import blobs, buckets, manifests, repositories
from docker_credential_gcr.emulator.database.images.blobs import Blob
from docker_credential_gcr.emulator.database.images.manifests import Summary
from docker_credential_gcr.emulator.database.images.repositories import Repository
from docker_credential_gcr.emulator.database.projects import projects
from docker_credential_gcr.emulator.registry.announcements import Announcer
from docker_credential_gcr.emulator.registry.copying.images import (
    Copied,
    CopyDeleted,
    PartMissing,
    copy_image,
)
from docker_credential_gcr.emulator.settings import Limits
from docker_credential_gcr.emulator.sites.hosts import Target, locate

T = TypeVar("T")
SOURCE = locate("gcr.io", "my-project/app")
# A bucket of its own, as a repository of Artifact Registry has, which needs no other rows.
TARGET = locate("eu.gcr.io", "my-project/app")
CONFIG = b"{}"
PART = digest_of(CONFIG)
MANIFEST = json.dumps(
    {"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": describe(CONFIG, OCI_CONFIG), "layers": []}
).encode()
IMAGE = digest_of(MANIFEST)
NOW = 1_800_000_000


class DeletingDatabase(SqliteDatabase):
    """A database in which a client deletes a part `deletions` times, before a copied image is stored."""

    deletions = 0
    deletes_from: Target = TARGET

    async def write(self, work: Callable[[Connection], T], *, durable: bool = True) -> T:
        if self.deletions:
            self.deletions -= 1
            await super().write(self._delete)
        return await super().write(work, durable=durable)

    def _delete(self, connection: Connection) -> None:
        repository = find(connection, self.deletes_from)
        assert repository is not None
        assert blobs.unlink(connection, repository, PART)


def find(connection: Connection, target: Target) -> Repository | None:
    return repositories.find(connection, target.bucket, target.path)


def add_image(connection: Connection) -> None:
    projects.create(connection, "my-project", name="", now=NOW)
    buckets.create(connection, SOURCE.bucket, project_id="my-project", location="us", now=NOW)
    repository = repositories.create(connection, SOURCE.bucket, SOURCE.path)
    assert repository is not None
    blobs.add(connection, repository, Blob(PART, len(CONFIG), CONFIG), now=NOW)
    summary = Summary(0, IMAGE, OCI_MANIFEST, len(CONFIG), 0, NOW * 1000)
    manifests.add(connection, repository, summary, MANIFEST, children=set(), blobs={PART})


@pytest.fixture
def services(tmp_path: Path) -> Iterator[Any]:
    with closing(DeletingDatabase(tmp_path / "emulator.db")) as database:
        database.write_now(add_image)
        yield SimpleNamespace(
            database=database,
            store=MemoryStore(),
            limits=Limits(),
            hashers={},
            clock=SimpleNamespace(now=lambda: NOW),
            copy_locks=WeakValueDictionary(),
            takes_sparse_manifests=False,
        )


def copy(services: Any) -> Copied:
    announcer = Announcer(services, TARGET, None)
    return asyncio.run(copy_image(services, SOURCE, TARGET, IMAGE, announcer))


def list_copied(services: Any) -> tuple[bool, bool]:
    """Returns whether the target has the manifest, and its config."""

    def work(connection: Connection) -> tuple[bool, bool]:
        repository = find(connection, TARGET)
        if repository is None:
            return False, False
        manifest = manifests.find(connection, repository, IMAGE)
        return manifest is not None, not blobs.find_missing(connection, repository, {PART})

    found: tuple[bool, bool] = services.database.read_now(work)
    return found


@pytest.mark.parametrize("deletions", [0, 1, 2])
def test_what_was_deleted_is_copied_again(services: Any, deletions: int) -> None:
    services.database.deletions = deletions

    # The bytes stay until the next gc, so only the first attempt copies them.
    assert copy(services) == Copied(size=0 if deletions else len(CONFIG), manifests=1)

    assert list_copied(services) == (True, True)


def test_what_is_always_deleted_is_not_missing_in_the_source(services: Any) -> None:
    services.database.deletions = 3

    with pytest.raises(CopyDeleted, match=f"^{PART} was deleted while it was copied: ask again$"):
        copy(services)

    assert services.database.deletions == 0
    assert list_copied(services) == (False, False)


def test_what_both_lost_is_missing_in_the_source(services: Any) -> None:
    services.database.deletes_from = SOURCE
    services.database.deletions = 1

    assert copy(services).manifests == 1
    # The copy is whole although its source no longer is; the next one says what the source lacks.
    services.database.write_now(_lose_copy)
    with pytest.raises(PartMissing, match=f"^the source does not have {PART} whole$"):
        copy(services)


def _lose_copy(connection: Connection) -> None:
    repository = find(connection, TARGET)
    assert repository is not None
    found = manifests.find(connection, repository, IMAGE)
    assert found is not None
    manifests.remove(connection, found.id)
    blobs.unlink(connection, repository, PART)
