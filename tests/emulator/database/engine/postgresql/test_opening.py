"""Opening a PostgreSQL database: many servers at once, and what is refused with a message."""

import asyncio
import re
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import psycopg
import pytest
from sqlalchemy import Connection, text
from support.child_processes import LIMIT_S
from support.servers.ports import choose_ports
from support.servers.postgresql import NEEDS, Cluster, execute, running_cluster

from docker_credential_gcr.emulator.database import schema
from docker_credential_gcr.emulator.database.engine.errors import UnusableDatabase
from docker_credential_gcr.emulator.database.engine.postgresql import opening
from docker_credential_gcr.emulator.database.engine.postgresql.connections import connect_engine
from docker_credential_gcr.emulator.database.engine.postgresql.opening import open_database
from docker_credential_gcr.emulator.database.engine.postgresql.sessions import Session, check_pooling
from docker_credential_gcr.emulator.runtime.errors import DatabaseUnavailable

pytestmark = NEEDS
SECRET = "s3cr3t-w0rd"
_SET_REVISION = "UPDATE alembic_version SET version_num = '{}'"


@pytest.fixture(scope="module")
def small() -> Iterator[Cluster]:
    with running_cluster(settings=["max_connections=20"]) as cluster:
        yield cluster


def test_s5_eight_servers_that_meet_an_empty_database_make_one_schema(database_url: str) -> None:
    def identify(_: int) -> int:
        with closing(open_database(database_url)) as database:
            statement = text("SELECT number FROM revisions WHERE subject = :subject")
            found: int = database.read_now(
                lambda connection: connection.execute(statement, {"subject": schema.IDENTITY}).scalar_one()
            )
            return found

    with ThreadPoolExecutor(8) as threads:
        assert len(set(threads.map(identify, range(8)))) == 1


def test_a_server_has_nine_connections_and_is_refused_where_they_do_not_fit(small: Cluster) -> None:
    url = small.create_database()
    with closing(open_database(url)), psycopg.connect(url) as watching:
        count = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'gcr-emulator'"
        assert watching.execute(count).fetchone() == (9,)
        with pytest.raises(UnusableDatabase) as raised:
            open_database(url)
    assert str(raised.value) == (
        "this server needs 9 connections, 10 of the database's 17 are in use, which is 19 together: raise "
        "max_connections of PostgreSQL, or run fewer servers"
    )


def test_connections_of_other_roles_count_although_a_role_sees_little_of_them(small: Cluster) -> None:
    url = small.create_database()
    execute(small.url(), "CREATE ROLE ordinary LOGIN")
    with closing(open_database(url)), pytest.raises(UnusableDatabase) as raised:
        open_database(url.replace("postgres@", "ordinary@"))
    assert str(raised.value).startswith(
        "this server needs 9 connections, 9 of the database's 17 are in use, which is 18 together: "
    )


REVISIONS = {
    "0001": f"the database's schema is of revision 0001, this gcr-emulator needs {schema.REVISION}: run "
    "gcr-emulator migrate first",
    "9999": f"the database's schema is of revision '9999', this gcr-emulator knows '{schema.REVISION}': use "
    "the version that made it, or another database",
    "main": f"the database's schema is of revision 'main', this gcr-emulator knows '{schema.REVISION}': use "
    "the version that made it, or another database",
}


@pytest.mark.parametrize("revision", REVISIONS)
def test_a_schema_of_another_version_is_refused(database_url: str, revision: str) -> None:
    open_database(database_url).close()
    execute(database_url, _SET_REVISION.format(revision))
    with pytest.raises(UnusableDatabase) as raised:
        open_database(database_url)
    assert str(raised.value) == REVISIONS[revision]


def test_the_schema_of_the_next_version_is_served(database_url: str) -> None:
    open_database(database_url).close()
    execute(database_url, _SET_REVISION.format(f"{int(schema.REVISION) + 1:04d}"))
    open_database(database_url).close()


def test_the_tables_of_another_program_are_left_alone(database_url: str) -> None:
    execute(database_url, "CREATE TABLE users (name text)")
    with pytest.raises(UnusableDatabase) as raised:
        open_database(database_url)
    assert str(raised.value) == "the database has a table users of another program: use a database of its own"


MALFORMED = (
    "the database's URL cannot be parsed: write postgresql://USER:PASSWORD@HOST:PORT/NAME, with "
    "percent-encoding in the user and the password"
)
URLS = {
    f"mysql://u:{SECRET}@h/d": "the database must be a URL such as postgresql://USER@HOST/NAME",
    SECRET: "the database must be a URL such as postgresql://USER@HOST/NAME",
    f"postgresql://u:{SECRET}%zz@h/d": MALFORMED,
    # libpq takes a part of these passwords for a port, the database's name, or a host, and says so.
    f"postgresql://u:{SECRET}/x@127.0.0.1/d": MALFORMED,
    f"postgresql://u:123/{SECRET}@127.0.0.1/d": MALFORMED,
    f"postgresql://u:x@{SECRET}@127.0.0.1/d": MALFORMED,
    f"postgresql://u:{SECRET}/d": MALFORMED,
}


@pytest.mark.parametrize("url", URLS, ids=range(len(URLS)))
def test_a_malformed_url_is_refused_without_its_text(url: str) -> None:
    with pytest.raises(UnusableDatabase) as raised:
        open_database(url)
    assert str(raised.value) == URLS[url]


def test_a_server_that_does_not_answer_is_named_without_the_password() -> None:
    (port,) = choose_ports(1)
    with pytest.raises(UnusableDatabase) as raised:
        open_database(f"postgresql://u:{SECRET}@127.0.0.1:{port}/d")
    message = str(raised.value)
    assert message.startswith("cannot use the database d on 127.0.0.1: ")
    assert (SECRET in message, "\n" in message) == (False, False)


def test_a_pooler_that_shares_a_connection_between_sessions_is_refused(database_url: str) -> None:
    engine = connect_engine(database_url)
    sessions = [Session(engine) for _ in range(3)]
    try:
        check_pooling(sessions)
        with pytest.raises(UnusableDatabase) as raised:
            check_pooling([*sessions, sessions[0]])
    finally:
        for session in sessions:
            session.close()
    assert str(raised.value) == (
        "a pooler shares its connections to PostgreSQL between sessions: set its pool_mode to session, "
        "or name PostgreSQL's own port"
    )


REFUSALS = {
    f"CREATE TABLE {schema.alembic_version.name} (version_num text)": "permission denied for table "
    "alembic_version",
    "REVOKE CREATE ON SCHEMA public FROM PUBLIC": "permission denied for schema public",
    "DROP SCHEMA public": "no schema has been selected to create in",
}


@pytest.mark.parametrize("change", REFUSALS)
def test_a_role_without_the_rights_is_refused_in_one_sentence(
    postgresql: Cluster, database_url: str, change: str
) -> None:
    name = psycopg.conninfo.conninfo_to_dict(database_url)["dbname"]
    role = f"{name}_role"
    execute(database_url, f'CREATE ROLE "{role}" LOGIN')
    execute(database_url, change)
    with pytest.raises(UnusableDatabase) as raised:
        open_database(database_url.replace("postgres@", f"{role}@"))
    execute(postgresql.url(), f'DROP ROLE "{role}"')
    message = str(raised.value)
    assert message.startswith(f"cannot use the database {name} on ")
    assert message.endswith(f": {REFUSALS[change]}: use the role that owns the database, or its tables")


@pytest.mark.parametrize("level", ["repeatable read", "serializable"])
def test_a_write_sees_what_was_committed_while_it_waited_at_any_default_isolation(
    postgresql: Cluster, database_url: str, level: str
) -> None:
    name = psycopg.conninfo.conninfo_to_dict(database_url)["dbname"]
    execute(postgresql.url(), f"ALTER DATABASE \"{name}\" SET default_transaction_isolation = '{level}'")
    waiting = text("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")
    is_first_running = threading.Event()

    def add_row(connection: Connection) -> None:
        is_first_running.set()
        while not connection.execute(waiting).scalar_one():
            pass
        connection.execute(text("INSERT INTO doomed (key, due_at) VALUES ('x', 1)"))

    def count_rows(connection: Connection) -> int:
        return int(connection.execute(text("SELECT count(*) FROM doomed")).scalar_one())

    with closing(open_database(database_url)) as database, ThreadPoolExecutor(1) as thread:
        first = thread.submit(database.write_now, add_row)
        assert is_first_running.wait(LIMIT_S)
        assert database.write_now(count_rows) == 1
        first.result()


@pytest.mark.parametrize("encoding", ["SQL_ASCII", "LATIN1"])
def test_a_database_that_cannot_hold_all_texts_is_refused(
    postgresql: Cluster, database_url: str, encoding: str
) -> None:
    name = f"gcr_{encoding.lower()}"
    options = f"TEMPLATE template0 ENCODING '{encoding}' LC_COLLATE 'C' LC_CTYPE 'C' LOCALE_PROVIDER libc"
    execute(postgresql.url(), f"CREATE DATABASE {name} {options}")
    with pytest.raises(UnusableDatabase) as raised:
        open_database(re.sub(r"gcr_test_\w+", name, database_url))
    execute(postgresql.url(), f"DROP DATABASE {name}")
    assert str(raised.value) == f"the database has the encoding {encoding}: create one with ENCODING 'UTF8'"


def test_a_clock_that_is_more_than_a_minute_off_is_refused(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opening, "_MOST_SKEW_S", -1.0)
    with pytest.raises(UnusableDatabase, match=r"the database's clock is [+-]0 seconds from this machine's"):
        open_database(database_url)


def test_s6_a_demoted_server_is_left_and_found_again_when_it_is_promoted(
    postgresql: Cluster, database_url: str
) -> None:
    with closing(open_database(database_url)) as database:
        name = psycopg.conninfo.conninfo_to_dict(database_url)["dbname"]
        execute(postgresql.url(), f'ALTER DATABASE "{name}" SET default_transaction_read_only = on')
        ending = (
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'gcr-emulator'"
        )
        execute(postgresql.url(), f"{ending} AND datname = '{name}'")
        statement = text("INSERT INTO doomed (key, due_at) VALUES ('x', 1)")
        with pytest.raises(DatabaseUnavailable):
            database.write_now(lambda connection: connection.execute(statement))
        with pytest.raises(DatabaseUnavailable):
            asyncio.run(database.refresh())
        execute(postgresql.url(), f'ALTER DATABASE "{name}" RESET ALL')
        database.write_now(lambda connection: connection.execute(statement))
        asyncio.run(database.refresh())
