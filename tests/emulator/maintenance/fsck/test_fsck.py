"""fsck finds every kind of damage, by its name, and none in a sound directory (T20)."""

import json
import os
import re
import shutil

import pytest
from support.sqlite_files import ask, make_older, opened

from docker_credential_gcr.emulator.maintenance.fsck.findings import KINDS, Finding
from docker_credential_gcr.emulator.server.in_thread import InThread
from docker_credential_gcr.emulator.settings import Settings

BUCKET = "artifacts.my-project.appspot.com"
ABSENT = "sha256:" + "ab" * 32


def change(data, *statements):
    """Changes rows as no emulator would."""
    with opened(data / "emulator.db") as connection:
        for statement in statements:
            assert connection.execute(statement).rowcount != 0, statement


def large_file(data, table="blobs"):
    """Returns the only file of the only large blob, or of the upload in progress."""
    ((pieces,),) = ask(data / "emulator.db", f"SELECT pieces FROM {table} WHERE pieces IS NOT NULL")  # noqa: S608
    ((key, _),) = json.loads(pieces)
    return data / key


def damage_page(data):
    """Overwrites an inner page of the table of manifests."""
    with opened(data / "emulator.db") as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        ((page,),) = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'manifests'")
        ((size,),) = connection.execute("PRAGMA page_size")
    with (data / "emulator.db").open("r+b") as file:
        file.seek((page - 1) * size)
        file.write(b"\xff" * size)


def add_file(data, place, content=b"x"):
    """Adds a file that was written at the epoch."""
    path = data / place
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    os.utime(path, (0, 0))


def format_steps(data, *kinds):
    """Returns stderr after findings of these kinds, each with another remedy."""
    commands = {name: f"gcr-emulator {name} --data {data}" for name in ("gc", "rebuild")}
    return "".join(f"for {kind}: {KINDS[kind][1].format(**commands)}\n" for kind in kinds)


def lose_list(data):
    """Deletes the list of a blob's pieces and the file."""
    large_file(data).unlink()
    change(data, "UPDATE blobs SET pieces = 'none' WHERE pieces IS NOT NULL")


RESIZED = "UPDATE blobs SET size = 5 WHERE CAST(data AS TEXT) = 'small layer'"
CHANGED = "UPDATE blobs SET data = 'SMALL layer' WHERE CAST(data AS TEXT) = 'small layer'"
NAMELESS = "INSERT INTO blobs (bucket, digest, size, data, created_at) VALUES (1, '..', 0, '', 0)"
# (kind, what is damaged, how)
DAMAGES = [
    ("damaged-database", "a page", damage_page),
    ("damaged-database", "the file's beginning", lambda data: add_file(data, "emulator.db", b"x" * 5000)),
    ("damaged-database", "the file", lambda data: (data / "emulator.db").unlink()),
    ("damaged-database", "no revision", lambda data: change(data, "DELETE FROM alembic_version")),
    (
        "other-revision",
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
    (
        "astray-row",
        "links",
        lambda data: change(
            data,
            "INSERT INTO buckets (id, project, name, location, created_at) VALUES (9, 1, 'another', 'US', 0)",
            "UPDATE repositories SET bucket = 9 WHERE id = 2",
        ),
    ),
    (
        "astray-row",
        "references",
        lambda data: change(data, "UPDATE manifest_blobs SET repository = 2 WHERE repository = 1"),
    ),
    (
        "astray-row",
        "a referrer",
        lambda data: change(data, "UPDATE referrers SET repository = 2 WHERE repository = 1"),
    ),
    ("missing-bytes", "a file", lambda data: large_file(data).unlink()),
    ("missing-bytes", "the list", lose_list),
    ("lost-upload", "an upload", lambda data: large_file(data, "uploads").unlink()),
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
        "wrong-digest",
        "a manifest's name",
        lambda data: change(data, "UPDATE manifests SET digest = 'none' WHERE id = 3"),
    ),
    (
        "rowless-bytes",
        "a blob",
        lambda data: add_file(data, f"buckets/{BUCKET}/containers/images/sha256/ab/{'ab' * 32}"),
    ),
    ("rowless-bytes", "a piece", lambda data: add_file(data, f"pieces/0f/{'0f' * 16}-1-{'ab' * 8}")),
    (
        "doomed-bytes",
        "a blob",
        lambda data: change(
            data,
            "INSERT INTO doomed SELECT json_extract(pieces, '$[0][0]'), 1 FROM blobs "
            "WHERE pieces IS NOT NULL",
        ),
    ),
    (
        "stray-file",
        "a name",
        lambda data: add_file(data, f"buckets/{BUCKET}/containers/images/sha256/cd/{'ab' * 32}"),
    ),
    ("stray-file", "a place", lambda data: add_file(data, "buckets/notes.txt")),
    ("stray-file", "a piece's name", lambda data: add_file(data, "pieces/ab/notes.txt")),
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


def test_t20_directory_of_an_earlier_version_is_sound_once_it_was_migrated(stopped, run):
    (older,) = make_older(stopped)
    assert run("gc", "--data", stopped)[0] == 0
    assert (
        run("fsck", "--data", stopped)[0] == 1
    )  # the upload has ended, and its file is younger than the delay
    assert run("gc", "--data", stopped, "--older-than", "0")[0] == 0
    assert run("fsck", "--data", stopped) == (0, "", f"{stopped} is sound\n")
    assert older.exists()


@pytest.mark.parametrize(
    ("kind", "damage"),
    [(kind, damage) for kind, _, damage in DAMAGES],
    ids=[f"{kind}: {what}" for kind, what, _ in DAMAGES],
)
def test_t20_damage_is_found_by_its_kind_and_nothing_else_is(stopped, run, kind, damage):
    damage(stopped)
    code, out, err = run("fsck", "--data", stopped)
    lines = out.splitlines()
    assert (code, {line.split()[0] for line in lines}, err) == (1, {kind}, format_steps(stopped, kind))
    # A line for each finding, KIND SUBJECT: TEXT, and none twice.
    assert [line for line in lines if not re.fullmatch(rf"{kind} \S.*: \S.*", line)] == []
    assert len(set(lines)) == len(lines)


# An older database, which gc migrates, is in test_crash_points.
MENDED = [each for each in DAMAGES if "--data" in format_steps("", each[0]) and each[0] != "other-revision"]


@pytest.mark.parametrize(
    ("kind", "damage"),
    [(kind, damage) for kind, _, damage in MENDED],
    ids=[f"{kind}: {what}" for kind, what, _ in MENDED],
)
def test_d24_command_that_fsck_names_mends_what_it_found(stopped, run, kind, damage):
    # rebuild uses it if the database is lost.
    shutil.copy(stopped / "emulator.db", stopped / "emulator.db.snapshot")
    damage(stopped)
    command = re.search(r"gcr-emulator (gc|rebuild) --data \S+", run("fsck", "--data", stopped)[2])[0]
    run(*command.removesuffix(",").split()[1:])
    assert kind not in {line.split()[0] for line in run("fsck", "--data", stopped)[1].splitlines()}


def test_every_kind_has_a_damage():
    assert {kind for kind, _, _ in DAMAGES} == set(KINDS)


def test_d24_each_line_of_sqlite_is_a_finding_once(stopped, run):
    """Covers every SQLite version: unused pages share a row below a header, and rows repeat."""
    indexes = "sqlite_master WHERE type = 'index' AND sql IS NOT NULL"
    with opened(stopped / "emulator.db") as connection:
        pages = [page for (page,) in connection.execute(f"SELECT rootpage FROM {indexes}")]  # noqa: S608
    column = "replace(sql, 'PRIMARY KEY (id)', 'lost VARCHAR NOT NULL, PRIMARY KEY (id)')"
    change(
        stopped,
        "PRAGMA writable_schema = 1",
        f"DELETE FROM {indexes}",  # noqa: S608
        f"UPDATE sqlite_master SET sql = {column} WHERE name = 'manifests'",  # noqa: S608
    )

    code, out, err = run("fsck", "--data", stopped)

    named = re.sub(r"Page ([0-9]+)( is|:) never used", r"\1", out).splitlines()
    prefix = "damaged-database emulator.db: "
    expected = [prefix + text for text in (*map(str, pages), "NULL value in manifests.lost")]
    assert (code, sorted(named), err) == (1, sorted(expected), format_steps(stopped, "damaged-database"))
    assert len(pages) > 1


def test_d24_unreadable_page_is_reported_once(stopped, run):
    """Damages a page that three checks read."""
    damage_page(stopped)
    lines = run("fsck", "--data", stopped)[1].splitlines()
    assert lines.count("damaged-database emulator.db: database disk image is malformed") == 1


OUTSIDE = "a\nb\r\x1b[31m\u2028\x85\udcffé ü"
ON_ONE_LINE = r"a\nb\r\x1b[31m\u2028\x85\udcffé ü"


@pytest.mark.parametrize("place", ["subject", "text"])
def test_d24_finding_is_one_line_whatever_it_is_about(place):
    found = str(Finding("stray-file", **{"subject": "a file", "text": "it is there", place: OUTSIDE}))
    assert found == "stray-file a file: it is there".replace(
        {"subject": "a file", "text": "it is there"}[place], ON_ONE_LINE
    )


def test_d24_names_from_outside_break_no_line(stopped, run):
    add_file(stopped, f"buckets/{OUTSIDE}")
    change(
        stopped,
        "UPDATE tags SET tag = 'v' || char(10) || tag, manifest = (SELECT max(id) FROM manifests) "
        "WHERE repository = 2",
        "INSERT INTO blobs (bucket, digest, size, data, created_at) VALUES (1, char(10) || ' :', 0, '', 0)",
        "UPDATE repositories SET name = name || char(10) WHERE id = 2",
        "UPDATE manifests SET digest = char(10) WHERE repository = 2",
    )
    invalid = "expected sha256:<64 hex> or sha512:<128 hex>"
    assert run("fsck", "--data", stopped) == (
        1,
        r"astray-row tag v\nv1: it names a manifest of another repository"
        "\n"
        rf"wrong-digest {BUCKET} \n :: invalid digest '\n :': {invalid}"
        "\n"
        f"stray-file buckets/{ON_ONE_LINE}: no blob's file has such a name"
        "\n"
        rf"wrong-digest my-project/other\n@\n: invalid digest '\n': {invalid}"
        "\n",
        format_steps(stopped, "astray-row", "wrong-digest", "stray-file"),
    )


def test_d24_next_steps_are_one_line_for_kinds_that_are_mended_alike(stopped, run, tmp_path):
    data = stopped.rename(tmp_path / "the data")
    change(data, "DELETE FROM service_accounts", "DELETE FROM referrers")
    large_file(data).unlink()
    code, _, err = run("fsck", "--data", data)
    assert (code, err) == (
        1,
        f"for dangling-row, wrong-references: gcr-emulator rebuild --data '{data}'\n"
        "for missing-bytes: restore or push the bytes again, or leave them out with "
        f"gcr-emulator rebuild --data '{data}'\n",
    )


def test_finding_names_what_it_is_about(stopped, run, digests):
    path = large_file(stopped)
    path.unlink()
    text = f"{path.relative_to(stopped)}: No such file or directory"
    assert run("fsck", "--data", stopped)[1] == f"missing-bytes {BUCKET} {digests['large']}: {text}\n"
    code, out, err = run("fsck", "--data", stopped, "--json")
    found = {"kind": "missing-bytes", "subject": f"{BUCKET} {digests['large']}", "text": text}
    assert (code, json.loads(out), err) == (1, {"findings": [found]}, "")


def test_incomplete_manifests_are_sound_where_they_may_be(stopped, run, digests):
    change(stopped, "DELETE FROM blob_links WHERE blob = 2")
    text = f"it names {digests['large']}, which its repository does not have"
    found = f"incomplete-manifest my-project/app@{digests['image']}: {text}\n"
    assert run("fsck", "--data", stopped) == (1, found, format_steps(stopped, "incomplete-manifest"))
    assert run("fsck", "--data", stopped, "--sparse-manifests")[0] == 0


def test_g_z40_an_index_of_blobs_is_sound(serving, tmp_path, run):
    name, media_type = "us-docker.pkg.dev/my-project/images/app", "application/vnd.oci.image.index.v1+json"
    with serving(create_on_push=True) as registry:
        layer = registry.editor.push_blob(name, b"layer")
        document = {"schemaVersion": 2, "mediaType": media_type, "manifests": [layer]}
        assert registry.editor.put_manifest(name, "cache", document, media_type).status_code == 201
    assert run("fsck", "--data", tmp_path / "data") == (0, "", f"{tmp_path / 'data'} is sound\n")


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
    # SQLite creates and deletes its journals.
    journals = {stopped / "emulator.db-wal", stopped / "emulator.db-shm", stopped / "lock"}
    assert {path: after[path] for path in after.keys() - journals} == {
        path: before[path] for path in before.keys() - journals
    }


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
