"""Errors of a full disk and of a lock are translated, whichever library raises them."""

import errno
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import create_engine
from sqlalchemy.exc import OperationalError

from docker_credential_gcr.emulator.database.engine.errors import describe_error, translate_error
from docker_credential_gcr.emulator.runtime.errors import DatabaseLocked, StorageFull


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_t14_full_disk_and_a_quota_that_is_used_up_are_known(number: int) -> None:
    assert type(translate_error(OSError(number, "words"))) is StorageFull


def test_z24_a_file_that_may_not_grow_is_known_and_named() -> None:
    known = translate_error(OSError(errno.EFBIG, "words"))
    assert (type(known), str(known)) == (
        StorageFull,
        "the registry may write no larger file (ulimit -f), and acknowledged data is safe: raise the limit "
        "and start it again",
    )


def test_t14_database_that_cannot_grow_is_known() -> None:
    engine = create_engine("sqlite://")
    with engine.connect() as connection:
        connection.exec_driver_sql("CREATE TABLE grows (data)")
        connection.exec_driver_sql("PRAGMA max_page_count = 2")
        with pytest.raises(OperationalError) as raised:
            connection.exec_driver_sql("INSERT INTO grows VALUES (zeroblob(100000))")
    engine.dispose()
    assert type(translate_error(raised.value)) is StorageFull
    assert type(translate_error(sqlite3.OperationalError("database or disk is full"))) is StorageFull


def test_z24_a_database_that_another_program_locks_is_known(tmp_path: Path) -> None:
    engine = create_engine(f"sqlite:///{tmp_path / 'a.db'}", connect_args={"timeout": 0})
    with engine.connect() as holder, engine.connect() as other:
        holder.exec_driver_sql("BEGIN EXCLUSIVE")
        with pytest.raises(OperationalError) as raised:
            other.exec_driver_sql("SELECT * FROM sqlite_master")
    engine.dispose()
    assert type(translate_error(raised.value)) is DatabaseLocked


def test_z24_a_database_over_the_limit_of_files_is_known(tmp_path: Path) -> None:
    # In a separate process, because it lowers its limit: SQLite reports EFBIG as it reports a broken disk.
    program = (
        "import resource, sqlite3, sys\n"
        "from docker_credential_gcr.emulator.database.engine.errors import translate_error\n"
        "connection = sqlite3.connect(sys.argv[1])\n"
        "connection.execute('CREATE TABLE grows (data)')\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))\n"
        "try:\n"
        "    connection.execute('INSERT INTO grows VALUES (zeroblob(100000))')\n"
        "    connection.commit()\n"
        "except sqlite3.Error as error:\n"
        "    print(type(translate_error(error)).__name__, 'ulimit -f' in str(translate_error(error)))\n"
    )
    command = [sys.executable, "-c", program, str(tmp_path / "a.db")]
    assert (
        subprocess.run(command, capture_output=True, check=True, timeout=60).stdout == b"StorageFull True\n"
    )


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (sqlite3.OperationalError("no such table: x"), "emulator.db: no such table: x"),
        (
            OperationalError("SELECT 1", {}, sqlite3.OperationalError("no such table: x")),
            "emulator.db: no such table: x",
        ),
        (sqlite3.OperationalError("database is locked"), str(DatabaseLocked())),
        (sqlite3.OperationalError("database or disk is full"), str(StorageFull())),
    ],
)
def test_what_is_known_is_described_in_its_own_words_and_all_else_in_the_drivers(
    error: Exception, text: str
) -> None:
    assert describe_error(error, "emulator.db") == text


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.EIO, "words"),
        ValueError("database or disk is full"),
        sqlite3.OperationalError("no such table: x"),
        # Without a limit, the disk is broken.
        sqlite3.OperationalError("disk I/O error"),
    ],
)
def test_any_other_error_stays_itself(error: Exception) -> None:
    assert translate_error(error) is error
