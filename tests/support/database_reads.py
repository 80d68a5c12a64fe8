"""Reads of a database between the steps of a test."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection

from docker_credential_gcr.emulator.database.engine.database import Database


@contextmanager
def reading(database: Database) -> Iterator[Connection]:
    """Yields a connection that sees every committed write."""
    yield database.read_now(lambda connection: connection)
