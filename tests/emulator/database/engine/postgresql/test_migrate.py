"""Migration of a PostgreSQL database: by one process at a time, while servers of the version before serve."""

import shutil
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
import requests
from support.servers.postgresql import NEEDS, execute

from docker_credential_gcr.emulator.database import migrations, schema
from docker_credential_gcr.emulator.database.engine.errors import UnusableDatabase
from docker_credential_gcr.emulator.database.engine.postgresql.migrate import migrate
from docker_credential_gcr.emulator.database.engine.postgresql.sessions import LOCKS, SCHEMA
from docker_credential_gcr.emulator.server.in_thread import InThread
from docker_credential_gcr.emulator.settings import Settings

pytestmark = [NEEDS, pytest.mark.in_turn]
REPOSITORY = "my-project/app"
# Adds what the next version would need: columns of tables that each pull and push use, and an index.
REVISION = """
import sqlalchemy as sa
from alembic import op

revision, down_revision = "NEXT", "NEWEST"


def upgrade():
    for table in ("manifests", "tags", "blobs", "uploads"):
        op.add_column(table, sa.Column("added", sa.BigInteger, nullable=False, server_default="0"))
    with op.get_context().autocommit_block():
        op.execute("DROP INDEX IF EXISTS manifests_added")
        op.execute("CREATE INDEX CONCURRENTLY manifests_added ON manifests (added)")
"""
NEXT = f"{int(schema.REVISION) + 1:04}"
EXPANDED = (schema.REVISION, NEXT)


@pytest.fixture
def scripts(tmp_path: Path) -> Path:
    """Returns the migrations of the next version."""
    copied = shutil.copytree(migrations.SCRIPTS, tmp_path / "migrations")
    text = REVISION.replace("NEXT", NEXT).replace("NEWEST", schema.REVISION)
    (copied / f"versions/revision_{NEXT}.py").write_text(text)
    return copied


def ask(url: str, query: str) -> Any:
    with psycopg.connect(url, autocommit=True) as connection:
        row = connection.execute(query).fetchone()  # type: ignore[call-overload]
        return row and row[0]


def test_empty_database_gets_the_schema_and_a_second_run_changes_nothing(database_url: str) -> None:
    assert migrate(database_url) == (None, schema.REVISION)
    identity = ask(database_url, "SELECT number FROM revisions WHERE subject = 'identity'")
    assert migrate(database_url) == (schema.REVISION, schema.REVISION)
    assert ask(database_url, "SELECT number FROM revisions WHERE subject = 'identity'") == identity


def test_database_of_a_later_version_is_left_alone(database_url: str, scripts: Path) -> None:
    migrate(database_url)
    assert migrate(database_url, scripts) == EXPANDED
    assert migrate(database_url) == (NEXT, NEXT)
    execute(database_url, "UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(UnusableDatabase, match="use the version that made it"):
        migrate(database_url)


def test_revision_of_sqlite_alone_is_never_run(database_url: str) -> None:
    migrate(database_url)
    execute(database_url, "UPDATE alembic_version SET version_num = '0008'")
    with pytest.raises(UnusableDatabase, match="the database's schema is of revision 0008"):
        migrate(database_url)


def test_server_refuses_a_schema_that_was_not_migrated_and_names_the_command(
    database_url: str, tmp_path: Path
) -> None:
    migrate(database_url)
    execute(database_url, "UPDATE alembic_version SET version_num = '0008'")
    with (
        pytest.raises(UnusableDatabase, match="run gcr-emulator migrate first"),
        InThread(Settings(port=0, data=tmp_path / "data", database=database_url)),
    ):
        pass


def test_s5_eight_processes_migrate_at_once_and_each_revision_runs_once(
    database_url: str, scripts: Path
) -> None:
    with ThreadPoolExecutor(8) as threads:
        created = list(threads.map(lambda _: migrate(database_url), range(8)))
        assert sorted(created, key=str)[-1] == (None, schema.REVISION)
        assert [before for before, _ in created].count(None) == 1
        migrated = list(threads.map(lambda _: migrate(database_url, scripts), range(8)))
    assert sorted(migrated) == [EXPANDED, *[(NEXT, NEXT)] * 7]


def test_server_starts_while_a_migration_goes_on(database_url: str, tmp_path: Path) -> None:
    migrate(database_url)
    with psycopg.connect(database_url, autocommit=True) as migrating:
        migrating.execute(f"SELECT pg_advisory_lock({LOCKS}, {SCHEMA})")
        with InThread(Settings(port=0, data=tmp_path / "data", database=database_url)) as ready:
            assert requests.get(f"{ready.url}/readyz", timeout=30).status_code == 200


def test_s5_migration_gives_up_a_lock_that_it_does_not_get_and_tries_again(
    database_url: str, scripts: Path
) -> None:
    migrate(database_url)
    with psycopg.connect(database_url) as reader, ThreadPoolExecutor(1) as thread:
        # Within a transaction, as a program that was stopped.
        reader.execute("SELECT id FROM manifests")
        migrating = thread.submit(migrate, database_url, scripts)
        waits = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = "
        with psycopg.connect(database_url, autocommit=True) as watching:
            for is_waiting in (True, False):  # it waits, and then it does not
                while bool(watching.execute(f"{waits} current_database()").fetchone()[0]) != is_waiting:  # type: ignore[index]
                    assert not migrating.done()
            # Another one is served meanwhile.
            watching.execute("SELECT id FROM manifests")
        reader.rollback()
        assert migrating.result(60) == EXPANDED


@contextmanager
def under_load(editor: Any) -> Iterator[list[Any]]:
    """Pulls, pushes and deletes until the block ends; yields the statuses of failures."""
    over, failures = threading.Event(), list[Any]()

    def repeat(work: Any) -> int:
        done = 0
        while not over.is_set():
            status = work(done)
            done += 1
            if status not in (200, 201, 202):
                failures.append(status)
        return done

    def pull(_: int) -> int:
        token = editor.token(f"repository:{REPOSITORY}:pull")
        return int(editor.call("GET", f"/v2/{REPOSITORY}/manifests/v0", token=token).status_code)

    def push(number: int) -> int:
        editor.push_image(REPOSITORY, f"v{1 + number}", b"layer %d" % number)
        return int(editor.delete(f"/v2/{REPOSITORY}/manifests/v{1 + number}").status_code)

    with ThreadPoolExecutor(4) as threads:
        running = [threads.submit(repeat, work) for work in (pull, pull, push)]
        try:
            yield failures
        finally:
            over.set()
        assert all(each.result(60) > 0 for each in running)


def test_s4_server_goes_on_without_an_error_while_its_tables_get_columns(
    database_url: str, tmp_path: Path, scripts: Path, editor_of: Any
) -> None:
    settings = Settings(port=0, data=tmp_path / "data", database=database_url, gc_interval_s=0)
    with InThread(settings) as ready:
        editor = editor_of(ready.url)
        editor.push_image(REPOSITORY, "v0", b"layer")
        # Prepared statements: psycopg prepares one that was run five times.
        for _ in range(20):
            editor.push_image(REPOSITORY, "v0", b"layer")
        with under_load(editor) as failures:
            assert migrate(database_url, scripts) == EXPANDED
            for number in range(20):
                editor.push_image(REPOSITORY, "after", b"after %d" % number)
        assert failures == []
    # A server of this version starts at the next one's schema, as a rolled back update does.
    with InThread(settings) as ready:
        editor_of(ready.url).push_image(REPOSITORY, "later", b"layer")
