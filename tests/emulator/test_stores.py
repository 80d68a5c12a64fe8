"""Database and blob store of the settings: what is refused before anything is written."""

from pathlib import Path

import psycopg
import pytest
from support.servers.postgresql import NEEDS

from docker_credential_gcr.emulator.database.engine.errors import UnusableDatabase
from docker_credential_gcr.emulator.settings import Settings
from docker_credential_gcr.emulator.stores import open_database, open_store

PIECE = "pieces/0f/0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f-1-0123456789abcdef"


@NEEDS
def test_s16_a_lost_database_is_refused_and_stays_empty_for_its_back_up(
    tmp_path: Path, database_url: str
) -> None:
    piece = tmp_path / PIECE
    piece.parent.mkdir(parents=True)
    piece.write_bytes(b"bytes")
    settings = Settings(database=database_url)
    store = open_store(settings, tmp_path)
    with pytest.raises(UnusableDatabase, match="restore the database's back-up"):
        open_database(settings, tmp_path, store, observe=lambda *_: None, follow=lambda _: None)
    with psycopg.connect(database_url) as connection:
        tables = connection.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").fetchone()
    assert tables == (0,)
