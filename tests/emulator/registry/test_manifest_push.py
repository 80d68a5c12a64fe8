"""A manifest push reads the config of its image, whose bytes a collection may delete at that moment."""

import asyncio
import json
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from emulator.storage.fakes import MemoryStore
from sqlalchemy import Connection
from support.images import OCI_CONFIG, OCI_MANIFEST, describe

from docker_credential_gcr.emulator.database.engine.sqlite import SqliteDatabase
from docker_credential_gcr.emulator.database.images import blobs, buckets, repositories
from docker_credential_gcr.emulator.database.projects import projects
from docker_credential_gcr.emulator.registry import manifest_push
from docker_credential_gcr.emulator.registry.announcements import Announcer
from docker_credential_gcr.emulator.registry.errors import ManifestBlobUnknown
from docker_credential_gcr.emulator.settings import Limits
from docker_credential_gcr.emulator.sites.hosts import locate

TARGET = locate("gcr.io", "my-project/app")
CONFIG = describe(b"{}", OCI_CONFIG)
DOCUMENT = {"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": CONFIG, "layers": []}
NOW = 1_800_000_000


class LosingStore(MemoryStore):
    """A store without any object, which calls `lose` when one is read."""

    def __init__(self, lose: Callable[[], object]) -> None:
        super().__init__()
        self._lose = lose

    async def read(self, key: str, start: int, stop: int) -> AsyncGenerator[bytes, None]:
        self._lose()
        raise FileNotFoundError(f"{key}, bytes {start} to {stop}")
        yield b""


class PutRequest:
    """The push of the manifest."""

    def __init__(self) -> None:
        self.query: dict[str, list[str]] = {}
        self.headers = {"content-type": OCI_MANIFEST}

    async def body(self, _limit: int) -> bytes:
        return json.dumps(DOCUMENT).encode()


@pytest.fixture
def database(tmp_path: Path) -> Iterator[SqliteDatabase]:
    with closing(SqliteDatabase(tmp_path / "emulator.db")) as database:
        database.write_now(add_config)
        yield database


def add_config(connection: Connection) -> None:
    projects.create(connection, "my-project", name="", now=NOW)
    buckets.create(connection, TARGET.bucket, project_id="my-project", location="us", now=NOW)
    repository = repositories.create(connection, TARGET.bucket, TARGET.path)
    assert repository is not None
    pieces = json.dumps([["pieces/ab/lost", CONFIG["size"]]])
    blob = blobs.Blob(CONFIG["digest"], CONFIG["size"], None, pieces=pieces)
    blobs.add(connection, repository, blob, now=NOW)


def unlink_config(connection: Connection) -> None:
    repository = repositories.find(connection, TARGET.bucket, TARGET.path)
    assert repository is not None
    blobs.unlink(connection, repository, CONFIG["digest"])


def push(database: SqliteDatabase, lose: Callable[[], object]) -> None:
    """Pushes the manifest to a registry whose store calls `lose`."""
    services: Any = SimpleNamespace(
        database=database,
        store=LosingStore(lose),
        limits=Limits(),
        created_ms={},
        takes_sparse_manifests=False,
        clock=SimpleNamespace(now=lambda: NOW),
    )

    async def run() -> None:
        received = await manifest_push.receive(services, PutRequest(), TARGET, "latest")  # type: ignore[arg-type]
        announcer = Announcer(services, TARGET, None)
        await database.add(partial(manifest_push.store, services, TARGET, received, announcer))

    asyncio.run(run())


def test_config_that_is_collected_while_it_is_read_is_a_blob_that_is_not_there(
    database: SqliteDatabase,
) -> None:
    with pytest.raises(ManifestBlobUnknown, match=CONFIG["digest"]):
        push(database, lambda: database.write_now(unlink_config))


def test_config_whose_bytes_are_lost_is_an_error_and_its_manifest_is_not_accepted(
    database: SqliteDatabase,
) -> None:
    with pytest.raises(FileNotFoundError):
        push(database, lambda: None)
