"""A database that does not know the bytes of its data directory is refused (Z16)."""

import shutil
import sqlite3
from contextlib import closing

import pytest
import requests
from support.sqlite_files import ask, opened

from docker_credential_gcr.emulator.database.engine.sqlite import SqliteDatabase
from docker_credential_gcr.emulator.server.in_thread import InThread
from docker_credential_gcr.emulator.settings import Settings

REPOSITORY = "my-project/app"
COMMANDS = [
    ("serve", "--port", "0"),
    ("gc", "--older-than", "0", "--untagged"),
    ("gc", "--older-than", "0", "--dry-run"),
    ("fsck",),
]


def save_snapshot(data):
    with closing(sqlite3.connect(data / "emulator.db")) as connection:
        connection.execute("VACUUM INTO ?", (str(data / "emulator.db.snapshot"),))
    (data / "emulator.db.snapshot").chmod(0o600)


def replace_database(data, make):
    (data / "emulator.db").unlink()
    make(data / "emulator.db")


def make_foreign(path):
    with opened(path) as connection:
        connection.execute("CREATE TABLE notes (note TEXT)")
        connection.execute("INSERT INTO notes VALUES ('of another program')")
    path.chmod(0o600)


def take_for_another(data):
    """Changes the database's identity, as another directory has it, and keeps the rows."""
    with opened(data / "emulator.db") as connection:
        connection.execute("UPDATE revisions SET number = number + 1 WHERE subject = 'identity'")


# name -> (what replaces the database, the text of the message)
DATABASES = {
    "missing": (lambda data: (data / "emulator.db").unlink(), "is missing"),
    "empty": (lambda data: (data / "emulator.db").write_bytes(b""), "is empty"),
    "new": (
        lambda data: replace_database(data, lambda path: SqliteDatabase(path).close()),
        "is the database of another data directory",
    ),
    "another-directory's": (take_for_another, "is the database of another data directory"),
    "another-program's": (
        lambda data: replace_database(data, make_foreign),
        "is the database of another program",
    ),
    "no-database": (lambda data: (data / "emulator.db").write_bytes(b"x" * 10_000), "is damaged"),
    "short": (
        lambda data: (data / "emulator.db").write_bytes((data / "emulator.db").read_bytes()[:4096]),
        "is damaged",
    ),
}


def list_kept(data):
    """Returns the files that no command may remove: the bytes, and the snapshot."""
    names = [*(data / "pieces").rglob("*"), data / "emulator.db.snapshot"]
    return {path: path.read_bytes() for path in names if path.is_file()}


@pytest.fixture
def check_refusals(run):
    """Checks that every command refuses a data directory for a reason, and removes nothing."""

    def check(data, reason):
        kept = list_kept(data)
        for command in COMMANDS:
            code, out, err = run(*command, "--data", data)
            if command == ("fsck",):
                kinds = {line.split(maxsplit=1)[0] for line in out.splitlines()}
                assert (code, kinds) == (1, {"damaged-database"}), out
            else:
                assert (code, out, err.count("\n")) == (1, "", 1), err
                assert err.startswith(f"gcr-emulator: {data / 'emulator.db'} {reason}"), err
                assert "gcr-emulator rebuild" in err
            assert list_kept(data) == kept, command

    return check


@pytest.fixture
def pull(editor_of):
    """Returns the statuses of an image and its large layer, at a server on the data directory."""

    def pull(data, digests):
        with InThread(Settings(port=0, data=data)) as ready:
            editor = editor_of(ready.url)
            paths = ["manifests/v1", f"blobs/{digests['large']}"]
            return [
                editor.get(f"/v2/{REPOSITORY}/{path}", repository=REPOSITORY).status_code for path in paths
            ]

    return pull


@pytest.mark.parametrize("what", DATABASES, ids="B-Z16-{}".format)
def test_database_that_is_not_the_directorys_is_refused_and_made_again_from_the_snapshot(
    stopped, digests, run, pull, check_refusals, what
):
    save_snapshot(stopped)
    damage, reason = DATABASES[what]
    damage(stopped)

    check_refusals(stopped, reason)

    code, _, err = run("rebuild", "--data", stopped)
    assert (code, err) == (0, f"built from {stopped / 'emulator.db.snapshot'}\n")
    assert pull(stopped, digests) == [200, 200]
    assert run("gc", "--data", stopped, "--older-than", "0")[0] == 0
    assert pull(stopped, digests) == [200, 200]


@pytest.mark.parametrize(
    ("what", "reason"),
    [("missing", "is missing"), ("empty", "is empty"), ("new", "has no project, account or image")],
)
def test_b_z16_directory_of_an_earlier_version_and_without_a_snapshot_keeps_its_bytes(
    stopped, run, check_refusals, what, reason
):
    (stopped / "database-id").unlink()
    DATABASES[what][0](stopped)
    check_refusals(stopped, reason)
    before = sorted(path.name for path in stopped.iterdir())
    code, _, err = run("rebuild", "--data", stopped)
    assert (code, "nothing to rebuild from" in err) == (1, True)
    assert sorted(path.name for path in stopped.iterdir()) == before
    check_refusals(stopped, reason)


def test_b_z16_database_that_is_older_than_its_snapshot_is_refused_with_both_ways_out(
    stopped, tmp_path, run, check_refusals
):
    older = shutil.copytree(stopped, tmp_path / "older")
    with opened(stopped / "emulator.db") as connection:
        connection.execute("UPDATE projects SET name = 'newer'")
    save_snapshot(stopped)
    shutil.copy(stopped / "emulator.db.snapshot", older)

    check_refusals(older, "is older than emulator.db.snapshot")

    names = []
    for source in (("--from", older / "emulator.db.snapshot"), ()):
        again = shutil.copytree(older, tmp_path / f"again-{len(source)}")
        assert run("rebuild", "--data", again, *source)[0] == 0
        assert run("gc", "--data", again, "--older-than", "0")[0] == 0
        names += ask(again / "emulator.db", "SELECT name FROM projects")
    assert names == [("newer",), ("my-project",)]


@pytest.mark.parametrize("what", ["missing", "empty", "new"])
def test_b_z16_directory_that_holds_no_bytes_may_begin_again(tmp_path, what):
    data = tmp_path / "data"
    for _ in range(2):
        with InThread(Settings(port=0, data=data, projects=("my-project",), gc_interval_s=0)):
            pass
        DATABASES[what][0](data)


def test_b_z16_another_programs_database_is_not_touched(tmp_path, run):
    (tmp_path / "keys").mkdir()
    make_foreign(tmp_path / "emulator.db")
    before = (tmp_path / "emulator.db").read_bytes()
    for command in (*COMMANDS, ("rebuild",)):
        code, _, _ = run(*command, "--data", tmp_path)
        assert (code, (tmp_path / "emulator.db").read_bytes()) == (1, before), command


def test_b_z16_directory_whose_images_were_all_deleted_is_served(stopped, run):
    save_snapshot(stopped)
    with opened(stopped / "emulator.db") as connection:
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("DELETE FROM projects")
    with InThread(Settings(port=0, data=stopped, gc_interval_s=0)) as ready:
        requests.post(f"{ready.url}/_emulator/gc", json={"older_than_s": 0}, timeout=30).raise_for_status()
    assert list(stopped.glob("pieces/*/*")) == []
    assert run("fsck", "--data", stopped) == (0, "", f"{stopped} is sound\n")


def test_b_z16_named_copy_of_another_program_replaces_nothing(stopped, run, tmp_path):
    make_foreign(tmp_path / "notes.db")
    before = (stopped / "emulator.db").read_bytes()
    code, _, err = run("rebuild", "--data", stopped, "--from", tmp_path / "notes.db")
    assert (code, "nothing to rebuild from, notes.db" in err) == (1, True)
    assert (stopped / "emulator.db").read_bytes() == before
