"""Parameters of statements, which may be keys, are in no error, and so in no traceback."""

import traceback

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from docker_credential_gcr.emulator.database.engine.database import Database

SECRET = "s3cr3t-w0rd"


def test_parameters_are_in_no_error(database: Database) -> None:
    insert = text("INSERT INTO nowhere VALUES (:secret)")
    with pytest.raises(DBAPIError) as raised:
        database.write_now(lambda connection: connection.execute(insert, {"secret": SECRET}))
    shown = "".join(traceback.format_exception(raised.value))
    assert (SECRET in shown, "nowhere" in shown) == (False, True)
