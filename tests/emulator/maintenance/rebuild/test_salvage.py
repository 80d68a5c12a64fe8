"""Salvage of a damaged table: its rows up to the first damaged page, then the snapshot's (T20)."""

import sqlite3
from contextlib import closing

import pytest
from support.sqlite_files import ask, opened

COUNT = 600
ROWS = f"WITH RECURSIVE n (x) AS (SELECT 100 UNION ALL SELECT x + 1 FROM n WHERE x < {99 + COUNT})"  # noqa: S608
# A table for each order in which SQLite stores rows: (key, value, how rows are added).
TABLES = {
    "users": (
        "id",
        "name",
        "INSERT INTO users SELECT x, 'p' || x || '@example.com', 'u' || x, printf('%0200d', x), 0 FROM n",
    ),
    "aws_access_keys": (
        "access_key_id",
        "identity",
        "INSERT INTO aws_access_keys SELECT 'key-' || x, 'secret', '', printf('%0200d', x) FROM n",
    ),
    "policies": (
        "resource",
        "document",
        "INSERT INTO policies SELECT 'projects/p-' || ((x * 7) % 900), printf('%0200d', x) FROM n",
    ),
}


def change(data, *statements):
    with opened(data / "emulator.db") as connection:
        for statement in statements:
            assert connection.execute(statement).rowcount != 0, statement


def save_snapshot(data):
    (data / "emulator.db.snapshot").unlink(missing_ok=True)
    with closing(sqlite3.connect(data / "emulator.db")) as connection:
        connection.execute("VACUUM INTO ?", (str(data / "emulator.db.snapshot"),))
    (data / "emulator.db.snapshot").chmod(0o600)


def damage(path, table, *, at=1 / 2):
    """Overwrites one page of a table, in the middle or elsewhere; returns the keys of the rows before it."""
    key = TABLES[table][0]
    with opened(path) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        ((size,),) = connection.execute("PRAGMA page_size")
        query = "SELECT pageno FROM dbstat WHERE name = ? AND pagetype = 'leaf' ORDER BY path"
        try:
            leaves = [page for (page,) in connection.execute(query, (table,))]
        except sqlite3.OperationalError:
            pytest.skip("SQLite is built without dbstat: take a Python that uses Debian's libsqlite3-0")
    with path.open("r+b") as file:
        file.seek((leaves[int(len(leaves) * at)] - 1) * size)
        file.write(b"\xff" * size)
    query = f"SELECT {key} FROM {table} NOT INDEXED"  # noqa: S608
    with opened(path) as connection:
        readable = list(read_to_damage(connection.execute(query)))
    assert 100 < len(readable) < COUNT - 100
    return readable


def read_to_damage(rows):
    try:
        for (value,) in rows:
            yield value
    except sqlite3.DatabaseError:
        return


def read(path, table):
    key, value, _ = TABLES[table]
    return dict(ask(path, f"SELECT {key}, substr({value}, 1, 5) FROM {table}"))  # noqa: S608


@pytest.fixture(params=TABLES)
def table(request):
    return request.param


@pytest.fixture
def damaged(stopped, table):
    """Returns the data directory, its table damaged after the snapshot, and the rows to find there."""
    key, value, add = TABLES[table]
    with opened(stopped / "emulator.db") as connection:
        connection.execute(f"DELETE FROM {table}")  # noqa: S608
        connection.execute(f"{ROWS} {add}")
    save_snapshot(stopped)
    saved = read(stopped / "emulator.db", table)
    gone = list(saved)[50]
    change(
        stopped,
        f"UPDATE {table} SET {value} = 'later' || {value}",  # noqa: S608
        f"DELETE FROM {table} WHERE {key} = '{gone}'",  # noqa: S608
    )
    readable = damage(stopped / "emulator.db", table)
    behind = list(saved)[list(saved).index(readable[-1]) + 1 :]
    return stopped, {**dict.fromkeys(readable, "later"), **{key: saved[key] for key in behind}}, readable


def test_rows_before_a_damaged_page_are_read_and_those_behind_it_come_from_the_snapshot(damaged, table, run):
    data, expected, _ = damaged
    code, _, err = run("rebuild", "--data", data)
    made = f"built from {data}/emulator.db.damaged and {data}/emulator.db.snapshot"
    assert (code, err.splitlines()[:2]) == (1, [made, f"lost: a part of the table {table} cannot be read"])
    assert read(data / "emulator.db", table) == expected
    assert run("fsck", "--data", data) == (0, "", f"{data} is sound\n")


def test_rows_behind_a_damaged_page_are_lost_without_a_snapshot(damaged, table, run):
    data, _, readable = damaged
    (data / "emulator.db.snapshot").unlink()
    code, _, err = run("rebuild", "--data", data)
    made = f"built from {data}/emulator.db.damaged"
    assert (code, err.splitlines()[:2]) == (1, [made, f"lost: a part of the table {table} cannot be read"])
    assert read(data / "emulator.db", table) == dict.fromkeys(readable, "later")


def test_snapshot_that_is_damaged_itself_is_read_to_its_first_damaged_page(damaged, table, run):
    data, expected, readable = damaged
    saved = set(damage(data / "emulator.db.snapshot", table, at=3 / 4))
    kept = {key: value for key, value in expected.items() if value == "later" or key in saved}
    assert len(readable) < len(kept) < len(expected)
    assert run("rebuild", "--data", data)[0] == 1
    assert read(data / "emulator.db", table) == kept


# Snapshots without the rows that the directory's database has lost.
STRANGE = {
    "of another directory": "UPDATE revisions SET number = number + 1 WHERE subject = 'identity'",
    "of a newer version": "UPDATE alembic_version SET version_num = '9999'",
}


@pytest.mark.parametrize("what", STRANGE)
def test_snapshot_that_is_not_the_databases_completes_nothing(damaged, table, run, what):
    data, _, readable = damaged
    with opened(data / "emulator.db.snapshot") as connection:
        connection.execute(STRANGE[what])
    code, _, err = run("rebuild", "--data", data)
    assert (code, err.splitlines()[0]) == (1, f"built from {data}/emulator.db.damaged")
    assert read(data / "emulator.db", table) == dict.fromkeys(readable, "later")


def test_copy_that_is_named_is_not_completed_from_the_snapshot(damaged, table, run, tmp_path):
    data, _, readable = damaged
    copy = (data / "emulator.db").rename(tmp_path / "copy.db")
    code, _, err = run("rebuild", "--data", data, "--from", copy)
    assert (code, err.splitlines()[0]) == (1, f"built from {copy}")
    assert read(data / "emulator.db", table) == dict.fromkeys(readable, "later")


def test_what_was_deleted_from_a_whole_table_does_not_come_back_with_the_lost_rows_of_another(stopped, run):
    save_snapshot(stopped)
    change(stopped, "DELETE FROM tags WHERE tag = 'all'", "DROP TABLE blob_links")
    assert run("rebuild", "--data", stopped)[0] == 1
    assert ask(stopped / "emulator.db", "SELECT tag FROM tags WHERE tag = 'all'") == []


def test_table_that_is_lost_comes_from_the_snapshot(stopped, run):
    save_snapshot(stopped)
    before = ask(stopped / "emulator.db", "SELECT * FROM tags")
    change(stopped, "DROP TABLE tags")
    code, _, err = run("rebuild", "--data", stopped)
    assert (code, "lost: a part of the table tags cannot be read\n" in err) == (1, True)
    assert ask(stopped / "emulator.db", "SELECT * FROM tags") == before != []


def test_upload_of_the_snapshot_is_not_taken_up_again(stopped, run):
    """Checks that no upload of a snapshot continues: it may have ended, and its pieces belong to a blob."""
    save_snapshot(stopped)
    change(stopped, "DROP TABLE uploads")
    assert run("rebuild", "--data", stopped)[0] == 0
    assert ask(stopped / "emulator.db", "SELECT * FROM uploads") == []


# A row number was reused after the snapshot: (its new row, the lost table, the row that must stay deleted).
REUSED = {
    "a tag of another manifest": (
        "UPDATE manifests SET digest = 'sha256:' || printf('%064d', 1) WHERE digest = (SELECT digest FROM "
        "manifests JOIN tags ON tags.manifest = manifests.id WHERE tag = 'signature')",
        "tags",
        "SELECT tag FROM tags WHERE tag = 'signature'",
    ),
    "a key of another account": (
        "UPDATE service_accounts SET email = 'other@example.com', unique_id = '1'",
        "service_account_keys",
        "SELECT key_id FROM service_account_keys",
    ),
    "a tag of another registry's repository": (
        "UPDATE buckets SET name = 'eu.artifacts.my-project.appspot.com'",
        "tags",
        "SELECT tag FROM tags",
    ),
}


@pytest.mark.parametrize("what", REUSED)
def test_row_of_the_snapshot_leads_to_nothing_that_has_only_the_same_number(stopped, run, what):
    reuse, lost, query = REUSED[what]
    save_snapshot(stopped)
    assert ask(stopped / "emulator.db", query) != []
    change(stopped, reuse, f"DROP TABLE {lost}")
    assert run("rebuild", "--data", stopped)[0] == 1
    assert ask(stopped / "emulator.db", query) == []
