"""rebuild creates a new database from a damaged one, or its snapshot, as far as it can be read (T20)."""

import json
import shutil

import pytest
from support.images import digest_of
from support.sqlite_files import ask, find_piece, make_older, opened

from docker_credential_gcr.emulator.server.in_thread import InThread
from docker_credential_gcr.emulator.settings import Settings

REPOSITORY = "my-project/app"
LOST = "rebuilt without the lost parts: push them again, or name a copy of the database with --from\n"
WHOLE = {"projects": 1, "service_accounts": 1, "repositories": 2, "manifests": 4, "tags": 4, "blobs": 5}


SELECT_DATA = "SELECT data FROM manifests WHERE digest = ?"


def count(text):
    return {kind: int(number) for kind, number in map(str.split, text.splitlines())}


def change(data, *statements):
    with opened(data / "emulator.db") as connection:
        for statement in statements:
            connection.execute(statement)


def content(path):
    """Returns the rows of every table, without those of uploads in progress and of the time."""
    tables = [name for (name,) in ask(path, "SELECT name FROM sqlite_master WHERE type = 'table'")]
    rows = {table: sorted(map(repr, ask(path, f"SELECT * FROM {table}"))) for table in tables}  # noqa: S608
    # Rows that the sweeper deletes, or that end with a server.
    del rows["doomed"], rows["control"], rows["journal"]
    # A rebuilt database begins without events.
    del rows["events"], rows["watermarks"], rows["leases"]
    rows["revisions"] = [row for row in rows["revisions"] if "control" not in row]
    return rows


@pytest.fixture
def pulls(stopped, editor_of):
    """Returns whether an image can be pulled from an emulator on the data directory."""

    def pull(*references):
        with InThread(Settings(port=0, data=stopped)) as ready:
            editor = editor_of(ready.url)
            token = editor.token(f"repository:{REPOSITORY}:pull")
            answers = [editor.call("GET", f"/v2/{REPOSITORY}/{path}", token=token) for path in references]
        return [answer.status_code for answer in answers]

    return pull


def test_whole_database_is_rebuilt_as_it_was(stopped, run):
    before = content(stopped / "emulator.db")
    code, out, err = run("rebuild", "--data", stopped)
    assert (code, count(out), err) == (0, WHOLE, f"built from {stopped / 'emulator.db.damaged'}\n")
    assert content(stopped / "emulator.db") == content(stopped / "emulator.db.damaged") == before
    assert run("gc", "--data", stopped)[0] == 0
    assert run("fsck", "--data", stopped)[0] == 0


def test_z23_a_manifest_that_an_earlier_version_took_is_not_lost(stopped, run, digests):
    with opened(stopped / "emulator.db") as connection:
        ((data,),) = connection.execute(SELECT_DATA, (digests["signature"],)).fetchall()
        document = {**json.loads(data), "annotations": {"a": "\0\ud800"}, "artifactType": "\ud800"}
        stored = json.dumps(document).encode()
        values = (stored, digest_of(stored), digests["signature"])
        connection.execute("UPDATE manifests SET data = ?, digest = ? WHERE digest = ?", values)
        connection.commit()
    code, out, err = run("rebuild", "--data", stopped)
    assert (code, count(out), err) == (0, WHOLE, f"built from {stopped / 'emulator.db.damaged'}\n")
    assert run("gc", "--data", stopped)[0] == 0
    assert run("fsck", "--data", stopped)[:2] == (0, "")


def test_what_is_only_in_the_journal_is_rebuilt_too(stopped, run, tmp_path):
    with opened(stopped / "emulator.db") as connection:
        connection.execute("UPDATE projects SET name = 'in the journal'")
        connection.commit()
        crashed = shutil.copytree(stopped, tmp_path / "crashed")
    assert (crashed / "emulator.db-wal").stat().st_size > 0
    assert run("rebuild", "--data", crashed)[0] == 0
    assert not (crashed / "emulator.db-wal").exists()
    assert ask(crashed / "emulator.db", "SELECT name FROM projects") == [("in the journal",)]


@pytest.mark.parametrize(
    "table", ["blob_links", "manifest_blobs", "manifest_children", "referrers", "uploads", "doomed"]
)
def test_table_that_can_be_derived_from_the_manifests_may_be_missing(stopped, run, digests, pulls, table):
    change(stopped, f"DROP TABLE {table}")
    code, _, err = run("rebuild", "--data", stopped)
    # Only links show which repository has a blob that no manifest names yet.
    lost = {"blob_links": f"lost: a part of the table blob_links cannot be read\n{LOST}"}.get(table, "")
    assert (code, err) == (1 if lost else 0, f"built from {stopped / 'emulator.db.damaged'}\n{lost}")
    # gc deletes the bytes of a lost upload when they are old.
    assert run("gc", "--data", stopped, *(["--older-than", "0"] if table == "uploads" else []))[0] == 0
    assert run("fsck", "--data", stopped) == (0, "", f"{stopped} is sound\n")
    paths = ["manifests/v1", "manifests/all", f"blobs/{digests['large']}", f"referrers/{digests['image']}"]
    assert pulls(*paths) == [200] * 4


def test_table_that_nothing_else_tells_is_lost_and_named(stopped, run, digests, pulls):
    change(stopped, "DROP TABLE tags")
    code, out, err = run("rebuild", "--data", stopped)
    assert (code, count(out)) == (1, {**WHOLE, "tags": 0})
    made = f"built from {stopped / 'emulator.db.damaged'}\n"
    assert err == f"{made}lost: a part of the table tags cannot be read\n{LOST}"
    assert pulls("manifests/v1", f"manifests/{digests['image']}") == [404, 200]


def test_blobs_that_lost_their_rows_come_back_from_their_files(stopped, run, digests, pulls):
    lost = ("DELETE FROM blobs WHERE data IS NULL", "DELETE FROM blob_links WHERE blob = 2")
    change(stopped, *lost, "DELETE FROM doomed")
    code, out, _ = run("rebuild", "--data", stopped)
    assert (code, count(out)) == (0, WHOLE)
    assert pulls("manifests/v1", f"blobs/{digests['large']}") == [200, 200]


def test_file_that_is_not_what_a_manifest_names_stays_out(stopped, run, digests):
    path = find_piece(stopped, digests["large"])
    path.write_bytes(b"L" + path.read_bytes()[1:])
    code, out, err = run("rebuild", "--data", stopped)
    assert (code, count(out)["blobs"]) == (1, WHOLE["blobs"] - 1)
    assert f"lost: blob artifacts.my-project.appspot.com {digests['large']}: the bytes are sha256:" in err
    kinds = {line.split()[0] for line in run("fsck", "--data", stopped)[1].splitlines()}
    # The upload was not copied either: the next start, or gc, removes its bytes.
    assert kinds == {"incomplete-manifest", "rowless-bytes"}


def test_manifest_that_is_not_what_was_pushed_stays_out(stopped, run, digests, pulls):
    change(stopped, "UPDATE manifests SET data = CAST('{}' AS BLOB) WHERE id = 2")
    code, out, err = run("rebuild", "--data", stopped)
    assert (code, count(out)) == (1, {**WHOLE, "manifests": 3, "tags": 3})
    assert f"lost: manifest {digests['other']}: its bytes have another digest\n" in err
    assert pulls("manifests/v1") == [200]


@pytest.mark.parametrize(
    ("statements", "lost"),
    [
        (
            ["INSERT INTO blobs (bucket, digest, size, data, created_at) VALUES (1, char(10), 0, '', 0)"],
            r"blob artifacts.my-project.appspot.com \n: invalid digest '\n'",
        ),
        (["UPDATE manifests SET digest = char(10) WHERE id = 2"], r"manifest \n: invalid digest '\n'"),
    ],
    ids=["blob", "manifest"],
)
def test_d24_name_from_outside_is_lost_on_one_line(stopped, run, statements, lost):
    change(stopped, *statements)
    code, _, err = run("rebuild", "--data", stopped)
    expected = "expected sha256:<64 hex> or sha512:<128 hex>"
    assert (code, err) == (
        1,
        f"built from {stopped / 'emulator.db.damaged'}\nlost: {lost}: {expected}\n{LOST}",
    )


def test_d24_rebuild_that_lost_nothing_more_ends_with_zero(stopped, run):
    change(stopped, "DROP TABLE tags")
    assert run("rebuild", "--data", stopped)[0] == 1
    assert run("rebuild", "--data", stopped)[0] == 0


def test_database_that_is_gone_or_no_database_is_replaced_by_the_snapshot(stopped, run, digests, pulls):
    shutil.copy(stopped / "emulator.db", stopped / "emulator.db.snapshot")
    for damage in (lambda path: path.unlink(), lambda path: path.write_bytes(b"x" * 10_000)):
        damage(stopped / "emulator.db")
        code, out, err = run("rebuild", "--data", stopped)
        assert (code, count(out), err) == (0, WHOLE, f"built from {stopped / 'emulator.db.snapshot'}\n")
        assert pulls("manifests/v1", f"blobs/{digests['large']}") == [200, 200]


def test_copy_that_is_named_is_used(stopped, run, tmp_path):
    shutil.move(stopped / "emulator.db", tmp_path / "copy.db")
    assert run("rebuild", "--data", stopped, "--from", tmp_path / "copy.db")[0] == 0
    assert count(run("rebuild", "--data", stopped)[1]) == WHOLE


def test_without_anything_to_read_it_says_so_and_leaves_all_as_it_is(stopped, run):
    (stopped / "emulator.db").write_bytes(b"x" * 10_000)
    before = sorted(path.name for path in stopped.iterdir())
    assert run("rebuild", "--data", stopped) == (
        1,
        "",
        "gcr-emulator: nothing to rebuild from, emulator.db.damaged and emulator.db.snapshot cannot be read, "
        "are empty or belong to another directory: name a copy of the database with --from, or start again "
        "in another data directory\n",
    )
    assert sorted(path.name for path in stopped.iterdir()) == before


def test_database_of_a_newer_version_is_not_touched(stopped, run):
    change(stopped, "UPDATE alembic_version SET version_num = '9999'")
    code, out, err = run("rebuild", "--data", stopped)
    assert (code, out, "is of revision '9999'" in err) == (1, "", True)
    assert ask(stopped / "emulator.db", "SELECT version_num FROM alembic_version") == [("9999",)]


def test_older_database_is_rebuilt_as_one_of_this_revision(stopped, run):
    (path,) = make_older(stopped)
    change(
        stopped,
        "UPDATE alembic_version SET version_num = '0001'",
        "DROP TABLE manifest_blobs",
        "ALTER TABLE blob_links DROP COLUMN used_at",
    )
    code, out, _ = run("rebuild", "--data", stopped)
    assert (code, count(out)) == (0, WHOLE)
    assert run("gc", "--data", stopped, "--older-than", "0")[0] == 0
    assert run("fsck", "--data", stopped)[0] == 0
    assert path.exists()


@pytest.mark.parametrize("damage", ["file", "list"])
def test_upload_whose_bytes_are_gone_is_not_carried_over(stopped, run, damage):
    ((text,),) = ask(stopped / "emulator.db", "SELECT pieces FROM uploads")
    ((key, _),) = json.loads(text)
    (stopped / key).unlink()
    if damage == "list":
        change(stopped, "UPDATE uploads SET pieces = 'none'")
    assert run("rebuild", "--data", stopped)[0] == 0
    assert ask(stopped / "emulator.db", "SELECT id FROM uploads") == []
    assert run("fsck", "--data", stopped) == (0, "", f"{stopped} is sound\n")


def test_blobs_of_an_earlier_version_that_lost_their_rows_come_back_from_their_files(
    stopped, run, digests, pulls
):
    make_older(stopped)
    change(stopped, "DELETE FROM blobs WHERE data IS NULL", "DELETE FROM blob_links WHERE blob = 2")
    code, out, _ = run("rebuild", "--data", stopped)
    assert (code, count(out)) == (0, WHOLE)
    assert pulls("manifests/v1", f"blobs/{digests['large']}") == [200, 200]


@pytest.mark.parametrize("order", ["in order", "of two requests at one location"])
def test_blob_of_many_pieces_comes_back_where_their_order_is_known(stopped, run, digests, pulls, order):
    path = find_piece(stopped, digests["large"])
    content, name = path.read_bytes(), "pieces/0f/" + "0f" * 16
    path.unlink()
    (stopped / "pieces/0f").mkdir(exist_ok=True)
    second = 2 if order == "in order" else 1
    for sequence, nonce, part in ((1, "b", content[:70_000]), (second, "a", content[70_000:])):
        (stopped / f"{name}-{sequence}-{nonce * 16}").write_bytes(part)
    lost = ("DELETE FROM blobs WHERE data IS NULL", "DELETE FROM blob_links WHERE blob = 2")
    change(stopped, *lost, "DELETE FROM doomed")
    run("rebuild", "--data", stopped)
    expected = 200 if order == "in order" else 404
    assert pulls(f"blobs/{digests['large']}") == [expected]


def test_blobs_without_a_database_are_not_taken_for_garbage(stopped):
    from docker_credential_gcr.emulator.maintenance.database_identity import WrongDatabase

    (stopped / "emulator.db").unlink()
    message = f"emulator.db is missing: .* gcr-emulator rebuild --data {stopped}"
    with pytest.raises(WrongDatabase, match=message), InThread(Settings(port=0, data=stopped)):
        pass
    assert not (stopped / "emulator.db").exists()
