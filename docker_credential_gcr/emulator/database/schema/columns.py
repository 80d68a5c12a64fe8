"""Column types of the schema, and the metadata that collects its tables."""

import json
from typing import Any

from sqlalchemy import BigInteger, Column, ForeignKey, Integer, MetaData, String, TypeDecorator
from sqlalchemy.types import TypeEngine

from docker_credential_gcr.emulator.runtime.strict_json import decode_stored

metadata = MetaData()

# 64 bits in both databases: SQLite's INTEGER has them, and only a key of that name is the row's number.
NUMBER: TypeEngine[int] = BigInteger().with_variant(Integer(), "sqlite")


def make_text(length: int | None = None) -> TypeEngine[str]:
    """Returns the type of a text column, which sorts by bytes in both databases, as pages expect."""
    # A locale of PostgreSQL would sort `B` after `a`. Neither database needs the length, and PostgreSQL would
    # refuse a longer text, which SQLite accepts.
    return String(length).with_variant(String(collation="C"), "postgresql")


TEXT = make_text()


class Json(TypeDecorator[Any]):
    """A JSON document, stored as its text."""

    impl = TEXT
    cache_ok = True

    def process_bind_param(self, value: Any, _dialect: object) -> str:
        """Returns the text."""
        return json.dumps(value)

    def process_result_value(self, value: Any, _dialect: object) -> Any:
        """Returns the document."""
        return decode_stored(value)


class Flag(TypeDecorator[bool]):
    """A bool, stored as 0 or 1; an outer join may find None."""

    impl = NUMBER
    cache_ok = True

    def process_bind_param(self, value: Any, _dialect: object) -> int:
        """Returns the number."""
        return int(value)

    def process_result_value(self, value: Any, _dialect: object) -> bool | None:
        """Returns the bool."""
        return None if value is None else bool(value)


def new_id() -> Column[int]:
    """Returns the column of the row's number."""
    return Column("id", NUMBER, primary_key=True)


def new_reference(name: str, target: str, *, index: bool = False) -> Column[int]:
    """Returns a column that refers to another table's row, and is deleted with it."""
    return Column(name, NUMBER, ForeignKey(target, ondelete="CASCADE"), nullable=False, index=index)
