"""fsck: every kind of damage is found, by its name, and a sound directory gives none (T20)."""

import json

import pytest
from sqlite_files import opened

from docker_credential_gcr.emulator.blobs.filesystem import BlobFiles
from docker_credential_gcr.emulator.in_thread import InThread
from docker_credential_gcr.emulator.settings import Settings
from docker_credential_gcr.emulator.upkeep.findings import KINDS
from docker_credential_gcr.emulator.upkeep.fsck import check

BUCKET = "artifacts.my-project.appspot.com"
ABSENT = "sha256:" + "ab" * 32


def change(data, *statements):
    """Change rows as no emulator would."""
    with opened(data / "emulator.db") as connection:
        for statement in statements:
            assert connection.execute(statement).rowcount != 0, statement


def large_file(data):
    (path,) = (data / "buckets").glob("*/containers/images/*/*/*")
    return path


def damage_page(data):
    """Overwrite an inner page of the table of manifests."""
    with opened(data / "emulator.db") as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        ((page,),) = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'manifests'")
        ((size,),) = connection.execute("PRAGMA page_size")
    with (data / "emulator.db").open("r+b") as file:
        file.seek((page - 1) * size)
        file.write(b"\xff" * size)


def add_file(data, place, content=b"x"):
    path = data / place
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


RESIZED = "UPDATE blobs SET size = 5 WHERE CAST(data AS TEXT) = 'small layer'"
CHANGED = "UPDATE blobs SET data = 'SMALL layer' WHERE CAST(data AS TEXT) = 'small layer'"
NAMELESS = "INSERT INTO blobs (bucket, digest, size, data, created_at) VALUES (1, '..', 0, '', 0)"
# (kind, what is damaged, how)
DAMAGES = [
    ("damaged-database", "a page", damage_page),
    ("damaged-database", "the file's beginning", lambda data: add_file(data, "emulator.db", b"x" * 5000)),
    ("damaged-database", "the file", lambda data: (data / "emulator.db").unlink()),
    (
        "damaged-database",
        "the revision",
        lambda data: change(data, "UPDATE alembic_version SET version_num = '0001'"),
    ),
    ("dangling-row", "a key", lambda data: change(data, "DELETE FROM service_accounts")),
    (
        "astray-row",
        "a tag",
        lambda data: change(
            data, "UPDATE tags SET manifest = (SELECT max(id) FROM manifests) WHERE repository = 2"
        ),
    ),
    ("missing-bytes", "a file", lambda data: large_file(data).unlink()),
    ("lost-upload", "an upload", lambda data: next((data / "uploads").iterdir()).unlink()),
    ("wrong-size", "a file", lambda data: large_file(data).write_bytes(b"short")),
    ("wrong-size", "a row", lambda data: change(data, RESIZED)),
    (
        "wrong-digest",
        "a file",
        lambda data: large_file(data).write_bytes(b"L" + large_file(data).read_bytes()[1:]),
    ),
    (
        "wrong-digest",
        "a row",
        lambda data: change(data, CHANGED),
    ),
    ("wrong-digest", "a name", lambda data: change(data, NAMELESS)),
    (
        "wrong-digest",
        "a manifest",
        lambda data: change(data, "UPDATE manifests SET data = CAST(data || ' ' AS BLOB) WHERE id = 1"),
    ),
    (
        "rowless-bytes",
        "a blob",
        lambda data: add_file(data, f"buckets/{BUCKET}/containers/images/sha256/ab/{'ab' * 32}"),
    ),
    ("rowless-bytes", "an upload", lambda data: add_file(data, "uploads/of-nobody")),
    (
        "stray-file",
        "a name",
        lambda data: add_file(data, f"buckets/{BUCKET}/containers/images/sha256/cd/{'ab' * 32}"),
    ),
    ("stray-file", "a place", lambda data: add_file(data, "buckets/notes.txt")),
    (
        "unreadable-manifest",
        "its type",
        lambda data: change(data, "UPDATE manifests SET media_type = 'text/plain' WHERE id = 1"),
    ),
    (
        "wrong-references",
        "blobs",
        lambda data: change(data, "DELETE FROM manifest_blobs WHERE manifest = 1"),
    ),
    ("wrong-references", "children", lambda data: change(data, "DELETE FROM manifest_children")),
    ("wrong-references", "a subject", lambda data: change(data, "DELETE FROM referrers")),
    ("incomplete-manifest", "a link", lambda data: change(data, "DELETE FROM blob_links WHERE blob = 2")),
    (
        "incomplete-manifest",
        "a child",
        lambda data: change(
            data,
            "DELETE FROM tags WHERE manifest = 1",
            "DELETE FROM manifest_blobs WHERE manifest = 1",
            "DELETE FROM manifests WHERE id = 1",
        ),
    ),
]


def test_t20_sound_directory_has_no_findings(stopped, run):
    assert run("fsck", "--data", stopped) == (0, "", f"{stopped} is sound\n")
    assert run("fsck", "--data", stopped, "--json") == (0, '{\n  "findings": []\n}\n', "")


@pytest.mark.parametrize(
    ("kind", "damage"),
    [(kind, damage) for kind, _, damage in DAMAGES],
    ids=[f"{kind}: {what}" for kind, what, _ in DAMAGES],
)
def test_t20_damage_is_found_by_its_kind_and_nothing_else_is(stopped, run, kind, damage):
    damage(stopped)
    code, out, err = run("fsck", "--data", stopped)
    assert (code, {line.split()[0] for line in out.splitlines()}, err) == (1, {kind}, "")


def test_every_kind_has_a_damage():
    assert {kind for kind, _, _ in DAMAGES} == set(KINDS)


def test_finding_names_what_it_is_about(stopped, run, digests):
    large_file(stopped).unlink()
    place = large_place = BlobFiles(stopped).path(BUCKET, digests["large"]).relative_to(stopped)
    text = f"{place}: No such file or directory"
    assert run("fsck", "--data", stopped)[1] == f"missing-bytes {BUCKET} {digests['large']}: {text}\n"
    code, out, err = run("fsck", "--data", stopped, "--json")
    found = {"kind": "missing-bytes", "subject": f"{BUCKET} {digests['large']}", "text": text}
    assert (code, json.loads(out), err) == (1, {"findings": [found]}, "")
    assert large_place.name == digests["large"].partition(":")[2]


def test_incomplete_manifests_are_sound_where_they_may_be(stopped, run, digests):
    change(stopped, "DELETE FROM blob_links WHERE blob = 2")
    text = f"it names {digests['large']}, which its repository does not have"
    found = f"incomplete-manifest my-project/app@{digests['image']}: {text}\n"
    assert run("fsck", "--data", stopped) == (1, found, "")
    assert run("fsck", "--data", stopped, "--sparse-manifests")[0] == 0


def test_quick_check_trusts_the_bytes_and_still_sees_what_is_missing(stopped, run):
    path = large_file(stopped)
    path.write_bytes(b"L" + path.read_bytes()[1:])
    assert run("fsck", "--data", stopped, "--quick")[0] == 0
    path.unlink()
    assert run("fsck", "--data", stopped, "--quick")[0] == 1


def test_fsck_changes_nothing(stopped, run):
    before = {path: path.read_bytes() for path in stopped.rglob("*") if path.is_file()}
    run("fsck", "--data", stopped)
    after = {path: path.read_bytes() for path in stopped.rglob("*") if path.is_file()}
    # SQLite's journals come and go.
    journals = {stopped / "emulator.db-wal", stopped / "emulator.db-shm", stopped / "lock"}
    assert {path: after[path] for path in after.keys() - journals} == {
        path: before[path] for path in before.keys() - journals
    }


def test_progress_is_told_of_every_part(stopped):
    told = []
    assert list(check(stopped, tell=lambda what, count: told.append((what, count)))) == []
    assert told == [
        ("blobs", 1),
        ("blobs", 0),
        ("uploads", 1),
        ("uploads", 0),
        ("manifests", 1),
        ("manifests", 0),
    ]


@pytest.mark.parametrize("command", ["fsck", "rebuild", "gc"])
def test_directory_of_a_running_server_is_refused(stopped, run, command):
    with InThread(Settings(port=0, data=stopped)):
        message = f"gcr-emulator: {stopped} is in use by a server: stop it first\n"
        assert run(command, "--data", stopped) == (1, "", message)


@pytest.mark.parametrize("command", ["fsck", "rebuild", "gc"])
def test_directory_of_another_kind_is_refused_and_left_alone(tmp_path, run, command):
    (tmp_path / "other").mkdir()
    message = f"gcr-emulator: {tmp_path / 'other'} is not a data directory of gcr-emulator\n"
    assert run(command, "--data", tmp_path / "other") == (1, "", message)
    assert list((tmp_path / "other").iterdir()) == []
