"""Scheduler: saves a snapshot after a change, and stops with the server."""

import asyncio
import contextlib

import pytest
from sqlalchemy import insert
from support.sqlite_files import ask, opened

from docker_credential_gcr.emulator.database.engine.sqlite import SqliteDatabase
from docker_credential_gcr.emulator.database.schema import policies
from docker_credential_gcr.emulator.maintenance.scheduler import (
    SNAPSHOT,
    CollectionRequest,
    MaintenanceScheduler,
)
from docker_credential_gcr.emulator.runtime.errors import CollectionBusy
from docker_credential_gcr.emulator.settings import Limits
from docker_credential_gcr.emulator.storage.filesystem import FileStore


@pytest.fixture(params=[False, True], ids=["alone", "shared"])
def database(request, tmp_path):
    with contextlib.closing(SqliteDatabase(tmp_path / "emulator.db", shared=request.param)) as database:
        yield database


@pytest.fixture
def scheduler(database, tmp_path):
    with contextlib.closing(
        MaintenanceScheduler(database, FileStore(tmp_path), root=tmp_path, limits=Limits())
    ) as scheduler:
        yield scheduler


def add(name):
    return lambda connection: connection.execute(insert(policies).values(resource=name, document="{}"))


def list_saved(tmp_path):
    return [name for (name,) in ask(tmp_path / SNAPSHOT, "SELECT resource FROM policies ORDER BY resource")]


def test_snapshot_holds_what_was_committed(database, scheduler, tmp_path):
    for name in ("a", "b"):
        database.write_now(add(name))
        scheduler.save_snapshot()
    assert list_saved(tmp_path) == ["a", "b"]


def test_snapshot_is_saved_again_only_after_a_change(database, scheduler, tmp_path):
    database.write_now(add("a"))
    scheduler.save_snapshot()
    (tmp_path / SNAPSHOT).unlink()
    # A collection that finds nothing commits nothing.
    scheduler.collect(CollectionRequest())
    scheduler.save_snapshot()
    assert not (tmp_path / SNAPSHOT).exists()
    database.write_now(add("b"))
    scheduler.save_snapshot()
    assert list_saved(tmp_path) == ["a", "b"]


def test_snapshot_of_a_damaged_database_leaves_the_last_one(database, scheduler, tmp_path):
    database.write_now(add("a"))
    scheduler.save_snapshot()
    with opened(tmp_path / "emulator.db") as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        ((page,),) = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'projects'")
    database.write_now(add("b"))
    with (tmp_path / "emulator.db").open("r+b") as file:
        file.seek((page - 1) * 4096)
        file.write(b"\xff" * 4096)
    with pytest.raises(Exception, match="malformed"):
        scheduler.save_snapshot()
    assert list_saved(tmp_path) == ["a"]
    assert list(tmp_path.glob("*.part")) == []


def test_b_z72_upkeep_that_cannot_write_says_so_in_one_line_and_is_tried_again(scheduler, tmp_path, capsys):
    part = tmp_path / ".emulator.db.snapshot.part"
    part.mkdir()

    async def run_until_told(count):
        running = asyncio.ensure_future(scheduler.run_every(0.001))
        told = ""
        while told.count("\n") < count:
            told += capsys.readouterr().err
            await asyncio.sleep(0)
        running.cancel()
        return told.splitlines()[:count]

    line = f"gcr-emulator: maintenance failed, the next interval tries again: {part}: Is a directory"
    assert asyncio.run(run_until_told(2)) == [line] * 2


def test_nothing_begins_once_it_is_closed(scheduler):
    scheduler.close()
    with pytest.raises(CollectionBusy):
        scheduler.collect(CollectionRequest())
    with pytest.raises(CollectionBusy):
        scheduler.save_snapshot()


def test_two_collections_at_once_are_one_too_many(database, tmp_path):
    class Second:
        """Requests another collection while the first one is in progress."""

        def __init__(self):
            self.refusals = []

        def begin(self, *_):
            with pytest.raises(CollectionBusy) as refusal:
                scheduler.collect(CollectionRequest())
            self.refusals.append(str(refusal.value))

        def advance(self, *_):
            pass

    second = Second()
    options = {"root": tmp_path, "limits": Limits(), "progress": second}
    with contextlib.closing(MaintenanceScheduler(database, FileStore(tmp_path), **options)) as scheduler:
        scheduler.collect(CollectionRequest())
    assert set(second.refusals) == {"another collection is in progress: wait until it has ended"}
