"""Authorization without a credential: what the cache of decisions keeps."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection

from docker_credential_gcr.emulator.database.engine.sqlite import SqliteDatabase
from docker_credential_gcr.emulator.database.projects import artifact_repositories, projects
from docker_credential_gcr.emulator.database.read_cache import ReadCache
from docker_credential_gcr.emulator.oci.token_auth import PULL
from docker_credential_gcr.emulator.registry.authorization import authorize
from docker_credential_gcr.emulator.registry.dependencies import RegistryServices
from docker_credential_gcr.emulator.registry.errors import Unauthorized
from docker_credential_gcr.emulator.registry.http import Request
from docker_credential_gcr.emulator.registry.transition import find_served
from docker_credential_gcr.emulator.sites.hosts import locate

pytestmark = pytest.mark.sqlite("the cache is the same in front of every database")


class CountingCache(ReadCache):
    """A cache that counts the reads of the database."""

    def __init__(self, database: SqliteDatabase) -> None:
        self.reads = 0

        async def read(work: Callable[[Connection], Any]) -> Any:
            self.reads += 1
            return await database.read(work)

        super().__init__(read, database.access_version)


@pytest.fixture
def cache(tmp_path: Path) -> Iterator[CountingCache]:
    def fill(connection: Connection) -> None:
        owner = projects.create(connection, "my-project", name="", now=1)
        artifact_repositories.create(connection, owner, "us", "images", now=1)

    with closing(SqliteDatabase(tmp_path / "emulator.db")) as database:
        database.write_now(fill)
        yield CountingCache(database)


def count_reads(cache: CountingCache, host: str, name: str) -> int:
    """Returns how often the database is read for three pulls without a credential, which are refused."""
    unused: Any = None
    services = RegistryServices(unused, unused, unused, unused, unused, unused, cache, cache)
    head = {"method": "GET", "raw_path": b"/v2/", "query_string": b"", "scheme": "http"}

    async def pull() -> None:
        for _ in range(3):
            target = await find_served(services, locate(host, name))
            with suppress(Unauthorized):
                await authorize(services, Request({**head, "headers": []}, unused), target, PULL)

    before = cache.reads
    asyncio.run(pull())
    return cache.reads - before


@pytest.mark.parametrize(
    ("host", "known", "unknown"),
    [
        ("gcr.io", "my-project/app", "none/app"),
        ("us-docker.pkg.dev", "my-project/images/app", "my-project/none/app"),
    ],
)
def test_a_refusal_is_cached_for_what_exists_and_for_no_invented_name(
    cache: CountingCache, host: str, known: str, unknown: str
) -> None:
    assert (count_reads(cache, host, known), count_reads(cache, host, unknown)) == (1, 3)
    assert count_reads(cache, host, known) == 0
