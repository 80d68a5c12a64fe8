"""Insertion of a row whose name must be free."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, Insert
from sqlalchemy.exc import IntegrityError

from .errors import AlreadyExists


def insert_new(connection: Connection, statement: Insert, values: Mapping[str, Any], name: str) -> Any:
    """Inserts the row and returns its primary key. Raises AlreadyExists(name) if a unique column has it."""
    try:
        key = connection.execute(statement, values).inserted_primary_key
    except IntegrityError as error:
        raise AlreadyExists(name) from error
    return key[0] if key else None
