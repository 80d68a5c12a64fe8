"""PostgreSQL as the tests start it: what they need of it."""

from contextlib import closing

import psycopg
import pytest
from support.servers.postgresql import NEEDS, Cluster, drop_database, execute, running_cluster

pytestmark = NEEDS


def fetch(url: str, statement: str) -> list[tuple[object, ...]]:
    with psycopg.connect(url) as connection:
        return connection.execute(statement).fetchall()  # type: ignore[call-overload, no-any-return]


def test_each_database_is_empty_and_is_dropped_with_its_connections(postgresql: Cluster) -> None:
    first, second = postgresql.create_database(), postgresql.create_database()
    execute(first, "CREATE TABLE things (name TEXT)")

    assert fetch(second, "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'") == [(0,)]
    with psycopg.connect(first):
        drop_database(postgresql.url(), first)
    with pytest.raises(psycopg.OperationalError, match="does not exist"):
        fetch(first, "SELECT 1")


def test_texts_are_not_in_the_order_of_their_bytes_unless_a_statement_asks_for_it(database_url: str) -> None:
    statement = "SELECT name FROM (VALUES ('a'), ('B'), ('c')) names (name) ORDER BY name"
    if fetch(database_url, "SHOW server_version_num") < [("150000",)]:
        pytest.skip("the order of ICU needs PostgreSQL 15: apt-get install postgresql-15")

    assert fetch(database_url, statement) == [("a",), ("B",), ("c",)]
    assert fetch(database_url, f'{statement} COLLATE "C"') == [("B",), ("a",), ("c",)]


@pytest.mark.parametrize("end", [Cluster.stop, Cluster.crash])
def test_what_was_committed_is_there_after_a_stop_and_after_a_crash(end) -> None:
    with running_cluster(fsync=True) as cluster:
        url = cluster.create_database()
        execute(url, "CREATE TABLE things (name TEXT)", "INSERT INTO things VALUES ('kept')")

        with closing(psycopg.connect(url)) as connection:
            connection.execute("INSERT INTO things VALUES ('not committed')")
            end(cluster)
            with pytest.raises(psycopg.OperationalError):
                fetch(url, "SELECT 1")
            cluster.start()

        assert fetch(url, "SELECT name FROM things") == [("kept",)]
        recovered = "database system was not properly shut down" in cluster.log.read_text()
        assert recovered == (end is Cluster.crash)
    assert not cluster.directory.exists()
