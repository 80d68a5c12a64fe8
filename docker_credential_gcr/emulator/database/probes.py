"""Probes of the database: whether it reads and writes, and the gauges that /metrics shows of it."""

from sqlalchemy import Connection, text

from .engine.database import Database
from .engine.errors import translate_error
from .images import blobs, uploads

_ALL = 2**31


async def touch(database: Database) -> None:
    """Raises what reading or writing the database raises; changes nothing."""
    # An empty transaction goes through the writer.
    try:
        await database.write(lambda connection: connection.execute(text("SELECT 1")).scalar_one())
    except Exception as error:
        if (translated := translate_error(error)) is error:
            raise
        raise translated from error


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
