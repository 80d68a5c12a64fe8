"""Which of many digests a repository knows, in queries of a bounded size."""

from typing import Any

from sqlalchemy import Connection, Select

# SQLite takes 32,766 variables in a statement; an index of 4 MiB may name more.
_AT_ONCE = 5000


def select_digests(
    connection: Connection, statement: Select[Any], repository_id: int, digests: set[str]
) -> set[str]:
    """Those of `digests` that `statement` (parameters: repository, digests) selects."""
    wanted = sorted(digests)
    known: set[str] = set()
    for start in range(0, len(wanted), _AT_ONCE):
        values = {"repository": repository_id, "digests": wanted[start : start + _AT_ONCE]}
        known.update(connection.execute(statement, values).scalars())
    return known
