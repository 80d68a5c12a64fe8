"""Probes of the database: whether it reads and writes, and the gauges that /metrics shows of it."""

from sqlalchemy import Connection, text

from docker_credential_gcr.emulator.runtime.errors import DatabaseUnavailable

from .engine.database import Database
from .engine.errors import translate_error
from .images import blobs, uploads

_ALL = 2**31


async def touch(database: Database) -> None:
    """Raises what reading or writing the database raises; changes nothing."""
    try:
        if database.is_remote:
            # First: a PostgreSQL that hangs refuses this sooner than a read.
            await database.refresh()
            # Not a write: it would wait for the lock of all servers, and let their caches expire.
            await database.read(_check_writable)
        else:
            # An empty transaction goes through the writer.
            await database.write(lambda connection: connection.execute(text("SELECT 1")).scalar_one())
    except Exception as error:
        if (translated := translate_error(error)) is error:
            raise
        raise translated from error


def _check_writable(connection: Connection) -> None:
    """Raises DatabaseUnavailable for a PostgreSQL server that was demoted to a standby, or is read-only."""
    if connection.execute(text("SELECT current_setting('transaction_read_only')")).scalar_one() == "on":
        raise DatabaseUnavailable


async def measure(database: Database) -> dict[str, float]:
    """Returns the gauges by name; reads the row of every blob."""
    return await database.scan(_measure)


def _measure(connection: Connection) -> dict[str, float]:
    count, size = blobs.measure(connection)
    return {
        "gcr_emulator_uploads_open": uploads.count(connection, since=0, most=_ALL),
        "gcr_emulator_blobs": count,
        "gcr_emulator_blob_bytes": size,
    }
