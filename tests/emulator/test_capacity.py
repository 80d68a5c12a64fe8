"""What a full disk raises, wherever it does, is known as one error."""

import errno
import sqlite3

import pytest
from sqlalchemy import create_engine
from sqlalchemy.exc import OperationalError

from docker_credential_gcr.emulator.capacity import StorageFull, find_known


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_t14_full_disk_and_a_quota_that_is_used_up_are_known(number: int) -> None:
    assert type(find_known(OSError(number, "words"))) is StorageFull


def test_t14_database_that_cannot_grow_is_known() -> None:
    engine = create_engine("sqlite://")
    with engine.connect() as connection:
        connection.exec_driver_sql("CREATE TABLE grows (data)")
        connection.exec_driver_sql("PRAGMA max_page_count = 2")
        with pytest.raises(OperationalError) as raised:
            connection.exec_driver_sql("INSERT INTO grows VALUES (zeroblob(100000))")
    engine.dispose()
    assert type(find_known(raised.value)) is StorageFull
    assert type(find_known(sqlite3.OperationalError("database or disk is full"))) is StorageFull


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.EIO, "words"),
        ValueError("database or disk is full"),
        sqlite3.OperationalError("no such table: x"),
    ],
)
def test_any_other_error_stays_itself(error: Exception) -> None:
    assert find_known(error) is error
