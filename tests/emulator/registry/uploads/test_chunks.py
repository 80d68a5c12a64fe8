"""Chunks of an upload: what is flushed before bytes are written or deleted, on each database."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from docker_credential_gcr.emulator.registry.uploads.chunks import discard

KEY = "pieces/0f/0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f-1-0123456789abcdef"


class Steps:
    """A database and a store that note what is asked of them, in order."""

    def __init__(self, *, is_remote: bool) -> None:
        self.is_remote = is_remote
        self.steps: list[str] = []

    async def write(self, _work: object, *, durable: bool) -> list[str]:
        self.steps.append("flushed write" if durable else "write")
        return [KEY]

    def delete(self, keys: list[str]) -> list[str]:
        self.steps.append(f"delete {keys}")
        return []


@pytest.mark.parametrize(
    ("is_remote", "condemns"), [(False, "write"), (True, "flushed write")], ids=["SQLite", "PostgreSQL"]
)
def test_bytes_are_deleted_once_no_crash_of_the_database_alone_can_bring_their_key_back(
    is_remote: bool, condemns: str
) -> None:
    noted = Steps(is_remote=is_remote)
    services: Any = SimpleNamespace(database=noted, store=noted)
    asyncio.run(discard(services, [KEY]))
    assert noted.steps == [condemns, f"delete {[KEY]}", "write"]
