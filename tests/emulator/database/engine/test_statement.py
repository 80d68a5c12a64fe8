"""Statements that the driver runs: rows are read one by one, and the connection is free afterwards."""

import sqlite3
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from sqlalchemy import Connection, create_engine, text
from support.servers.postgresql import NEEDS

from docker_credential_gcr.emulator.database.engine.statement import Statement

# The fourth row fails; Python's sqlite3 reads one row ahead.
ROWS = {
    "sqlite": "SELECT json_extract(column1, '$') FROM (VALUES ('1'), ('2'), ('3'), ('no JSON'), ('5'))",
    "postgresql": "SELECT n / CAST(n <> 4 AS int) FROM generate_series(1, 5) AS n WHERE n <= :most",
}


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=NEEDS)])
def connection(request: pytest.FixtureRequest) -> Iterator[Connection]:
    url = "sqlite://"
    if request.param == "postgresql":
        url = request.getfixturevalue("database_url").replace("://", "+psycopg://")
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        yield connection
    engine.dispose()


def test_a_row_is_read_when_it_is_needed_and_the_rest_is_not(connection: Connection) -> None:
    statement = Statement(text(ROWS[connection.dialect.name]))

    with statement.iterate(connection, {"most": 5}) as rows:
        assert [next(rows), next(rows)] == [(1,), (2,)]

    assert Statement(text("SELECT 5")).one(connection, {}) == (5,)


def test_an_error_comes_at_its_row(connection: Connection) -> None:
    statement = Statement(text(ROWS[connection.dialect.name]))
    found: list[Any] = []
    errors = (psycopg.Error, sqlite3.Error)

    with pytest.raises(errors), statement.iterate(connection, {"most": 5}) as rows:
        found.extend(row for (row,) in rows)

    assert found[:2] == [1, 2]
    assert Statement(text("SELECT 5")).one(connection, {}) == (5,)
