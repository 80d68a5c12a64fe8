"""Which of many digests are known: one statement, however many there are."""

import json
from collections.abc import Set

from sqlalchemy import Connection, Select, bindparam, func, select

from .statement import Statement


def select_listed() -> Select[tuple[str]]:
    """The digests that `find_listed` is asked about, for a statement's `IN`."""
    # As a document, so that the statement stays the same and takes any number.
    return select(func.json_each(bindparam("digests")).table_valued("value").c.value)


def find_listed(
    connection: Connection, statement: Statement, digests: Set[str], **values: object
) -> set[str]:
    """Those of `digests` that the statement selects."""
    if not digests:
        return set()
    return {digest for (digest,) in statement.all(connection, {"digests": json.dumps([*digests]), **values})}
