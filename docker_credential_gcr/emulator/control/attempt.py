"""Writes that no request is refused for: what a test sees is less important than what a client does."""

from collections.abc import Callable
from typing import TypeVar

from sqlalchemy import Connection

from docker_credential_gcr.emulator.database.engine.database import Database
from docker_credential_gcr.emulator.database.engine.errors import translate_error
from docker_credential_gcr.emulator.runtime.errors import DatabaseLocked, StorageFull

T = TypeVar("T")


async def attempt(database: Database, work: Callable[[Connection], T]) -> T | None:
    """Returns what `work` returns, once committed; None if the disk is full or the database is locked."""
    try:
        return await database.write(work, durable=False)
    except Exception as error:
        if isinstance(translate_error(error), (DatabaseLocked, StorageFull)):
            return None
        raise
