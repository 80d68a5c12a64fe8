"""Column types of the schema, and the metadata that collects its tables."""

import json
from typing import Any

from sqlalchemy import Column, ForeignKey, Integer, MetaData, String, TypeDecorator

from docker_credential_gcr.emulator.runtime.strict_json import decode_stored

metadata = MetaData()


class Json(TypeDecorator[Any]):
    """A JSON document, stored as its text."""

    impl = String
    cache_ok = True

    def process_bind_param(self, value: Any, _dialect: object) -> str:
        """Returns the text."""
        return json.dumps(value)

    def process_result_value(self, value: Any, _dialect: object) -> Any:
        """Returns the document."""
        return decode_stored(value)


class Flag(TypeDecorator[bool]):
    """A bool, stored as 0 or 1; an outer join may find None."""

    impl = Integer
    cache_ok = True

    def process_bind_param(self, value: Any, _dialect: object) -> int:
        """Returns the number."""
        return int(value)

    def process_result_value(self, value: Any, _dialect: object) -> bool | None:
        """Returns the bool."""
        return None if value is None else bool(value)


def new_id() -> Column[int]:
    """Returns the column of the row's number."""
    return Column("id", Integer, primary_key=True)


def new_reference(name: str, target: str, *, index: bool = False) -> Column[int]:
    """Returns a column that refers to another table's row, and is deleted with it."""
    return Column(name, Integer, ForeignKey(target, ondelete="CASCADE"), nullable=False, index=index)
