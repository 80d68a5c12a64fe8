"""Key files: one conformance suite for the directory and for the table, on both databases."""

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from threading import Barrier

import pytest
from support.servers.postgresql import NEEDS

from docker_credential_gcr.emulator.database.accounts.key_table import KeyTable
from docker_credential_gcr.emulator.database.engine.sqlite import SqliteDatabase
from docker_credential_gcr.emulator.key_files import KeyDirectory, KeyFiles, load_or_create

SERVERS = 8
# Bytes that neither a text nor a line may have.
ODD = b"\0\xff\r\n'\\x00"


@pytest.fixture(params=["directory", "sqlite", pytest.param("postgresql", marks=NEEDS)])
def files(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[KeyFiles]:
    if request.param == "directory":
        yield KeyDirectory(tmp_path)
    elif request.param == "sqlite":
        with closing(SqliteDatabase(tmp_path / "emulator.db")) as database:
            yield KeyTable(database)
    else:
        from docker_credential_gcr.emulator.database.engine.postgresql.opening import open_database

        with closing(open_database(request.getfixturevalue("database_url"))) as shared:
            yield KeyTable(shared)


def test_absent_file_is_none(files: KeyFiles) -> None:
    assert files.find("signing-key.pem") is None


def test_file_keeps_the_content_that_it_was_created_with(files: KeyFiles) -> None:
    assert files.create("signing-key.pem", ODD) == ODD
    assert files.create("signing-key.pem", b"of a later server") == ODD
    assert files.find("signing-key.pem") == ODD
    assert files.find("issuer-key.pem") is None


def test_content_is_made_only_for_an_absent_file(files: KeyFiles) -> None:
    made = iter([b"first"])
    assert load_or_create(files, "operator-token", lambda: next(made)) == b"first"
    assert load_or_create(files, "operator-token", lambda: next(made)) == b"first"


def test_place_names_the_file(files: KeyFiles) -> None:
    assert "issuer-key.pem" in files.locate("issuer-key.pem")


def test_one_directory_gives_one_key_to_servers_that_start_at_once(tmp_path: Path) -> None:
    begin = Barrier(SERVERS)

    def load(number: int) -> bytes:
        begin.wait()
        return load_or_create(KeyDirectory(tmp_path), "signing-key.pem", lambda: b"%d" % number)

    with ThreadPoolExecutor(SERVERS) as threads:
        found = set(threads.map(load, range(SERVERS)))

    assert found == {(tmp_path / "signing-key.pem").read_bytes()}
    assert os.listdir(tmp_path) == ["signing-key.pem"]


def test_file_that_cannot_be_created_is_named_with_the_reason(tmp_path: Path) -> None:
    # A file in the place of the directory refuses root, too, as a read-only mount does.
    (tmp_path / "keys").write_bytes(b"")
    with pytest.raises(OSError, match="missing, and cannot be created") as raised:
        KeyDirectory(tmp_path / "keys").create("signing-key.pem", b"key")
    assert raised.value.filename == str(tmp_path / "keys" / "signing-key.pem")
    assert raised.value.strerror == "missing, and cannot be created (Not a directory): add it"
