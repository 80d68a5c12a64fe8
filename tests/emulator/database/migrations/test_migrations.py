"""Migrations bring a database of any earlier revision to the present schema, with all of its rows."""

import shutil
from pathlib import Path

import pytest
from support.checkout import DATA
from support.sqlite_files import ask, opened

from docker_credential_gcr.emulator.database import migrations, schema
from docker_credential_gcr.emulator.database.engine.errors import IncompatibleDatabase
from docker_credential_gcr.emulator.database.engine.sqlite import SqliteDatabase

VERSIONS = Path(migrations.__file__).parent / "versions"
DUMPS = sorted(DATA.glob("database-*.sql"))
# Tables to which a migration adds rows.
GAINING = {"manifest_blobs", "revisions"}
# Pragmas that describe a table.
PRAGMAS = ("table_xinfo", "index_list", "foreign_key_list")
# The only blob in the dumps that no manifest names.
UNNAMED = "sha256:3b8a66dd4d6fc69ca66fc6da60f697fbfaa1a7d813efc54944bd2f06f157e156"


@pytest.fixture(params=DUMPS, ids=lambda dump: dump.stem)
def older(request, tmp_path):
    """Returns the path of a database of an earlier revision."""
    path = tmp_path / "emulator.db"
    with opened(path) as connection:
        connection.executescript(request.param.read_text())
    return path


@pytest.fixture
def oldest(tmp_path):
    """Returns the path of a database of the first revision, which the second one extends."""
    path = tmp_path / "emulator.db"
    with opened(path) as connection:
        connection.executescript(DUMPS[0].read_text())
    return path


def names(path):
    return [
        name for (name,) in ask(path, "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")
    ]


def columns(path, table):
    return [name for _, name, *_ in ask(path, f"PRAGMA table_info({table})")]


def structure(path):
    """Returns {table: its columns, keys, indexes and triggers}, whatever the order of their creation."""
    found = {}
    for table in names(path):
        pragmas = [sorted(map(repr, ask(path, f"PRAGMA {name}({table})"))) for name in PRAGMAS]
        indexes = [name for _, name, *_ in ask(path, f"PRAGMA index_list({table})")]
        columns = {name: ask(path, f"PRAGMA index_xinfo({name})") for name in indexes}
        ((made,),) = ask(path, "SELECT sql LIKE '%WITHOUT ROWID%' FROM sqlite_master WHERE name = ?", table)
        # The first column is the index's number, in the order of creation.
        pragmas[1] = sorted(repr(row[1:]) for row in ask(path, f"PRAGMA index_list({table})"))
        triggers = sorted(
            ask(path, "SELECT sql FROM sqlite_master WHERE type='trigger' AND tbl_name = ?", table)
        )
        found[table] = (pragmas, columns, made, triggers)
    return found


def content(path, table):
    return sorted(map(repr, rows_of(path, table)))


def rows_of(path, table):
    return ask(path, f"SELECT * FROM {table}")  # noqa: S608 - names of the schema


def test_migrated_database_is_one_that_the_schema_makes(older, tmp_path):
    SqliteDatabase(older).close()
    SqliteDatabase(tmp_path / "new.db").close()
    assert structure(older) == structure(tmp_path / "new.db")
    assert ask(older, "SELECT version_num FROM alembic_version") == [(schema.REVISION,)]
    assert ask(older, "PRAGMA integrity_check") == [("ok",)]
    assert ask(older, "PRAGMA foreign_key_check") == []


def test_migration_keeps_every_row(older, tmp_path):
    shutil.copy(older, tmp_path / "before.db")
    SqliteDatabase(older).close()
    # Uploads in progress end with revision 0008.
    ended = {"uploads"} if "pieces" not in columns(tmp_path / "before.db", "uploads") else set()
    for table in set(names(tmp_path / "before.db")) - {"alembic_version"} - ended:
        # A later revision adds columns at the end.
        width = len(columns(tmp_path / "before.db", table))
        kept = sorted(repr(row[:width]) for row in rows_of(older, table))
        before = content(tmp_path / "before.db", table)
        assert [row for row in kept if row in before or table not in GAINING] == before, table


def test_migration_enters_what_each_manifest_names_by_any_field(oldest):
    SqliteDatabase(oldest).close()
    named = (
        "SELECT tags.tag, count(manifest_blobs.digest) FROM tags "
        "LEFT JOIN manifest_blobs ON manifest_blobs.manifest = tags.manifest GROUP BY tags.tag"
    )
    assert dict(ask(oldest, named)) == {"both": 2, "foreign": 2, "v1": 3, "v2": 3}
    unnamed = "SELECT digest FROM blobs WHERE digest NOT IN (SELECT digest FROM manifest_blobs)"
    assert ask(oldest, unnamed) == [(UNNAMED,)]


def test_migration_gives_links_the_whole_delay(oldest):
    before = int(ask(oldest, "SELECT strftime('%s', 'now')")[0][0])
    SqliteDatabase(oldest).close()
    ((oldest,),) = ask(oldest, "SELECT min(used_at) FROM blob_links")
    assert oldest >= before


def test_migration_leaves_a_copy_of_the_older_database_next_to_it(older, tmp_path):
    before = {table: content(older, table) for table in names(older)}
    ((revision,),) = ask(older, "SELECT version_num FROM alembic_version")
    SqliteDatabase(older).close()
    copy = tmp_path / f"emulator.db.{revision}"
    assert {table: content(copy, table) for table in names(copy)} == before
    assert copy.stat().st_mode & 0o777 == 0o600


def test_migration_that_fails_changes_nothing(oldest):
    with opened(oldest) as connection:
        connection.execute("UPDATE manifests SET data = 'no JSON'")
    before = {table: content(oldest, table) for table in names(oldest)}
    for _ in range(2):
        with pytest.raises(ValueError, match="Expecting value"):
            SqliteDatabase(oldest)
    assert {table: content(oldest, table) for table in names(oldest)} == before


@pytest.mark.parametrize(
    "document",
    [
        b"no JSON",
        b"\xff",
        b"[]",
        b"[" * 100_000,
        b'{"config": "x", "layers": [1, {"digest": 2}], "manifests": {"digest": "x"}}',
        b'{"config": {"digest": "\\ud800"}, "layers": [{"digest": "sha256:\\u0000"}]}',
    ],
    ids=lambda document: f"B-Z15-{document[:12]!r}",
)
def test_document_that_cannot_be_read_keeps_no_database_from_being_opened(tmp_path, document):
    path = tmp_path / "emulator.db"
    with opened(path) as connection:
        (dump,) = (dump for dump in DUMPS if dump.stem == "database-0004")  # from before revision 0005
        connection.executescript(dump.read_text())
        connection.execute("UPDATE manifests SET data = ? WHERE id = 3", (document,))
    before = rows_of(path, "manifests")
    SqliteDatabase(path).close()
    assert [row[: len(before[0])] for row in rows_of(path, "manifests")] == before
    assert len(ask(path, "SELECT digest FROM manifest_blobs WHERE manifest = 4")) == 2
    assert len(ask(path, "SELECT digest FROM manifest_blobs WHERE manifest = 3")) == 1


def test_newer_database_is_refused_and_kept(older, tmp_path):
    with opened(older) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    before = structure(older)
    with pytest.raises(IncompatibleDatabase, match=f"is of revision '9999', .* writes '{schema.REVISION}'"):
        SqliteDatabase(older)
    assert structure(older) == before
    assert not (tmp_path / "emulator.db.9999").exists()


def test_every_revision_before_this_one_has_a_dump():
    older = sorted(path.stem for path in VERSIONS.glob("revision_*.py"))[:-1]
    assert [dump.stem.replace("database-", "revision_") for dump in DUMPS] == older
