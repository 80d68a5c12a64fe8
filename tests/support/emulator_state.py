"""Rows and pieces of blobs that an emulator stores, read without the emulator."""

from pathlib import Path
from typing import Any

from support.backing_services import BackingServices, find_services
from support.sqlite_files import opened


def ask(data: Path, statement: str) -> list[Any]:
    """Returns the rows of a statement without parameters, at the database of a data directory's emulator."""
    database = find_services(data).database
    if database is None:
        with opened(data / "emulator.db") as connection:
            return connection.execute(statement).fetchall()
    import psycopg

    with psycopg.connect(database) as server:
        cursor = server.execute(statement)  # type: ignore[call-overload]
        return list(cursor.fetchall()) if cursor.description else []


def list_pieces(data: Path) -> list[int]:
    """Returns the sizes of all pieces in the store of a data directory's emulator."""
    services = find_services(data)
    if services.storage is None:
        return sorted(path.stat().st_size for path in data.glob("pieces/*/*"))
    return sorted(_list_objects(services))


def _list_objects(services: BackingServices) -> list[int]:
    import obstore

    folder = obstore.store.from_url(
        services.storage, endpoint=services.storage_endpoint, client_options={"allow_http": True}
    )
    return [each["size"] for part in obstore.list(folder, prefix="pieces/") for each in part]
