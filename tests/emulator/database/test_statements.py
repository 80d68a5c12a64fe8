"""Every statement of the database's modules is one that SQLite and PostgreSQL accept alike."""

import pkgutil
import re
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from importlib import import_module
from typing import Any

import pytest
from sqlalchemy import ClauseElement, Delete, Dialect, Insert, Select, TextClause, Update, create_engine
from sqlalchemy.dialects.postgresql.psycopg import dialect as psycopg_dialect
from support.servers.postgresql import NEEDS

from docker_credential_gcr.emulator import database as package
from docker_credential_gcr.emulator.database import schema
from docker_credential_gcr.emulator.database.engine.dialect import SQLITE_DIALECT
from docker_credential_gcr.emulator.database.engine.sqlite import SqliteDatabase
from docker_credential_gcr.emulator.database.engine.statement import Statement

CORE = (Select, Insert, Update, Delete, TextClause)
POSTGRESQL = psycopg_dialect()
GROWING = {table.name for table in schema.metadata.tables.values()} - {
    "control",
    "revisions",
    "leases",
    "webhooks",
}
# They read tables of few rows, uploads, doomed keys and the journal, in whole; or the oldest thousand events.
SCANNING = {
    "events.outbox._PRUNE",
    "images.doomed._DUE",
    "images.doomed._END_WRITES",
    "images.uploads._COUNT",
    "images.uploads._COUNT_OF",
    "journal._LIST",
    "journal._PRUNE",
}
# Statements about a SQLite file alone.
OF_SQLITE = {"engine.sqlite._VERSION"}


def find_statements() -> Iterator[tuple[str, str, Statement | ClauseElement]]:
    """Yields (name, dialect or nothing, statement) of every module; a dict may hold one for each dialect."""
    prefix = f"{package.__name__}."
    for found in pkgutil.walk_packages(package.__path__, prefix):
        name = found.name.removeprefix(prefix)
        if name.startswith(("migrations", "schema")):
            continue
        for attribute, value in vars(import_module(found.name)).items():
            yield from search(f"{name}.{attribute}", "", value)


def search(name: str, key: str, value: object) -> Iterator[tuple[str, str, Statement | ClauseElement]]:
    if isinstance(value, (Statement, *CORE)):
        yield name, key if key in ("sqlite", "postgresql") else "", value
    elif isinstance(value, tuple | list):
        for index, entry in enumerate(value):
            yield from search(f"{name}[{index}]", "", entry)
    elif isinstance(value, dict):
        for entry_key, entry in value.items():
            yield from search(f"{name}[{entry_key}]", entry_key, entry)


STATEMENTS = list(find_statements())


def select_for(dialect: str) -> list[Any]:
    """Returns the statements that a database of the dialect executes, as parameters of a test."""
    left_out = OF_SQLITE if dialect == "postgresql" else set()
    return [
        pytest.param(value, id=name)
        for name, only, value in STATEMENTS
        if only in ("", dialect) and name not in left_out
    ]


def compile_for(dialect: Dialect, statement: Statement | ClauseElement) -> tuple[str, Sequence[str]]:
    """Returns the statement's SQL and the names of its parameters."""
    if isinstance(statement, Statement):
        columns, core = statement._columns, statement._core
    else:
        columns, core = None, statement
    compiled = core.compile(dialect=dialect, column_keys=columns)
    if isinstance(statement, Statement):
        assert statement.compile(dialect)[0] == str(compiled)
    # Core itself replaces the parameter of an IN by as many as its list has.
    return re.sub(r"\(__\[POSTCOMPILE_.*?\]\)", "(NULL)", str(compiled)), list(compiled.params)


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Iterator[sqlite3.Connection]:
    path = tmp_path_factory.mktemp("statements") / "emulator.db"
    SqliteDatabase(path).close()
    with closing(sqlite3.connect(path)) as connection:
        yield connection


@pytest.fixture(scope="module")
def server(postgresql: Any) -> Iterator[Any]:
    engine = create_engine(postgresql.create_database().replace("://", "+psycopg://"))
    schema.metadata.create_all(engine)
    with engine.connect() as connection:
        yield connection.connection.dbapi_connection
    engine.dispose()


def test_the_walk_finds_the_statements_of_every_store() -> None:
    names = {name.rpartition(".")[0] for name, _, _ in STATEMENTS}
    stores = {
        found.name.removeprefix(f"{package.__name__}.")
        for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}.")
        if not found.ispkg and ".engine." not in found.name and "migrations" not in found.name
    }
    without = {"accounts.authenticator", "errors", "probes", "projects.bucket_policies", "read_cache"}
    assert {store for store in stores if not store.startswith("schema")} - names == without


@pytest.mark.parametrize("statement", select_for("sqlite"))
def test_sqlite_accepts_the_statement(file: sqlite3.Connection, statement: Any) -> None:
    sql, names = compile_for(SQLITE_DIALECT, statement)
    file.execute(f"EXPLAIN {sql}", dict.fromkeys(names))


@NEEDS
@pytest.mark.parametrize("statement", select_for("postgresql"))
def test_postgresql_accepts_the_statement(server: Any, statement: Any) -> None:
    sql, names = compile_for(POSTGRESQL, statement)
    with server.transaction():
        server.execute(f"EXPLAIN {sql}", dict.fromkeys(names))


def test_statements_of_requests_scan_no_table_that_grows_with_the_images(file: sqlite3.Connection) -> None:
    scanning = set()
    for name, _, statement in STATEMENTS:
        if isinstance(statement, Statement) and name not in OF_SQLITE:
            sql, names = compile_for(SQLITE_DIALECT, statement)
            plan = file.execute(f"EXPLAIN QUERY PLAN {sql}", dict.fromkeys(names)).fetchall()
            if any(f"SCAN {table}" == step[3].partition(" USING")[0] for step in plan for table in GROWING):
                scanning.add(name)
    assert scanning == SCANNING
