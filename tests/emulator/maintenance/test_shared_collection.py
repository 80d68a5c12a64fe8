"""Garbage collection of a database that several servers share: one for each interval, and its dry run."""

import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests
from sqlalchemy import insert
from support.servers.postgresql import NEEDS
from support.sqlite_files import ask

from docker_credential_gcr.emulator.database.engine.sqlite import SqliteDatabase
from docker_credential_gcr.emulator.database.images import garbage
from docker_credential_gcr.emulator.database.schema import doomed
from docker_credential_gcr.emulator.maintenance.dry_run import save_shared_outline
from docker_credential_gcr.emulator.maintenance.garbage_collection import Rules
from docker_credential_gcr.emulator.maintenance.scheduler import CollectionRequest, MaintenanceScheduler
from docker_credential_gcr.emulator.runtime.errors import CollectionBusy
from docker_credential_gcr.emulator.server.in_thread import InThread
from docker_credential_gcr.emulator.settings import Limits, Settings
from docker_credential_gcr.emulator.storage.filesystem import FileStore

pytestmark = NEEDS
REPOSITORY = "my-project/app"
LARGE = b"large layer " * 10_000
HOUR_S = 3600.0


@contextmanager
def opened_scheduler(url: str, root: Path) -> Iterator[MaintenanceScheduler]:
    """Yields the scheduler of one more server on the database."""
    from docker_credential_gcr.emulator.database.engine.postgresql.opening import open_database

    with (
        closing(open_database(url)) as database,
        closing(MaintenanceScheduler(database, FileStore(root), root=root, limits=Limits())) as scheduler,
    ):
        yield scheduler


def test_collection_of_a_shared_database_removes_what_its_dry_run_says(
    tmp_path: Path, database_url: str, editor_of: Any
) -> None:
    settings = Settings(port=0, data=tmp_path / "data", database=database_url, gc_interval_s=0)
    with InThread(settings) as ready:
        editor = editor_of(ready.url)
        editor.push_image(REPOSITORY, "v1", LARGE)
        kept = editor.push_image(REPOSITORY, "v2", b"another layer")
        assert editor.delete(f"/v2/{REPOSITORY}/manifests/v1").status_code == 202

        def collect(**options: object) -> Any:
            asked = {"untagged": True, "older_than_s": 0, **options}
            return requests.post(f"{ready.url}/_emulator/gc", json=asked, timeout=60).json()

        # Both images have the same config.
        expected = {"manifests": 1, "links": 1, "blobs": 1, "uploads": 0, "files": 0, "bytes": len(LARGE)}
        assert collect(dry_run=True) == expected
        assert collect(dry_run=True) == expected
        assert collect() == expected
        assert collect() == dict.fromkeys(expected, 0)
        token = editor.token(f"repository:{REPOSITORY}:pull")
        assert editor.call("GET", f"/v2/{REPOSITORY}/manifests/{kept}", token=token).status_code == 200
    assert list(tmp_path.glob("data/pieces/*/*")) == []


def test_dry_run_ends_with_its_server(tmp_path: Path, database_url: str) -> None:
    from docker_credential_gcr.emulator.database.engine.postgresql.single_session import open_session

    with opened_scheduler(database_url, tmp_path), open_session(database_url) as session:
        session.write_now(lambda c: c.execute(insert(doomed).values(key="pieces/00/none", due_at=1)))
        over = Rules(0, 0, 0, is_over=lambda: True)
        with pytest.raises(CollectionBusy):
            save_shared_outline(session, over)(make_empty(tmp_path))
        save_shared_outline(session, Rules(0, 0, 0))(make_empty(tmp_path))
    assert ask(tmp_path / "copy.db", "SELECT key FROM doomed") == [("pieces/00/none",)]


def make_empty(folder: Path) -> Path:
    """Returns a SQLite database without rows."""
    path = folder / "copy.db"
    SqliteDatabase(path).close()
    return path


def test_servers_on_one_database_collect_once_an_interval_together(tmp_path: Path, database_url: str) -> None:
    with opened_scheduler(database_url, tmp_path) as one, opened_scheduler(database_url, tmp_path) as other:
        collected = [each.collect_if_due(HOUR_S) is not None for each in (one, other, one, other)]
        assert collected == [True, False, False, False]
        # An administrator's request counts for no interval, and waits for none.
        assert other.collect(CollectionRequest()).links == 0


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_collection_is_due_an_interval_after_the_last_one(
    request: pytest.FixtureRequest, tmp_path: Path, kind: str
) -> None:
    from docker_credential_gcr.emulator.database.engine.postgresql.opening import open_database

    opened = (
        SqliteDatabase(tmp_path / "emulator.db")
        if kind == "sqlite"
        else open_database(request.getfixturevalue("database_url"))
    )
    with closing(opened) as database:

        def begin(now: float) -> bool:
            return database.write_now(lambda c: garbage.begin(c, now=now, interval_s=HOUR_S))

        now = time.time()
        assert [begin(now + after_s) for after_s in (0, 1, HOUR_S - 2, HOUR_S, HOUR_S + 1)] == [
            *(True, False, False),
            *(True, False),
        ]
        # The clock was set back.
        assert begin(now)
