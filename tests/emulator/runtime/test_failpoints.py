"""Crashes at each failpoint: nothing acknowledged is lost, and a repetition succeeds (T20).

The server is started with one failpoint armed, dies there by SIGKILL, and is started again.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import requests
from support.checkout import DATA
from support.images import digest_of
from support.sqlite_files import ask, opened

from docker_credential_gcr.emulator.runtime.failpoints import POINTS
from docker_credential_gcr.emulator.runtime.permissions import narrow_permissions
from docker_credential_gcr.files import replace_file

PROGRAM = Path(sys.executable).with_name("gcr-emulator")
DUMP = DATA / "database-0001.sql"
BUCKET = "artifacts.my-project.appspot.com"
REPOSITORY = "my-project/app"
OTHER = "my-project/other"
COPY = "us-docker.pkg.dev/my-project/images/app"
KILLED = -9
BASE = b"acknowledged before the crash " * 5000
LARGE = b"under way at the crash " * 5000


def push(editor, _url):
    editor.push_image(REPOSITORY, "new", LARGE, b"small")


def mount(editor, _url):
    token = editor.token(f"repository:{OTHER}:pull,push", f"repository:{REPOSITORY}:pull")
    path = f"/v2/{OTHER}/blobs/uploads/?mount={digest_of(BASE)}&from={REPOSITORY}"
    assert editor.call("POST", path, token=token).status_code == 201


def unlink(editor, _url):
    digest = editor.push_blob(OTHER, LARGE)["digest"]
    assert editor.delete(f"/v2/{OTHER}/blobs/{digest}", repository=OTHER).status_code == 202


def remove_tag(editor, _url):
    # The second time it may be deleted already.
    status = editor.delete(f"/v2/{REPOSITORY}/manifests/spare").status_code
    assert status in (202, 404)


def collect(editor, url):
    for number in range(3):
        editor.push_blob(OTHER, LARGE + b"%d" % number)
    requests.post(f"{url}/_emulator/gc", json={"older_than_s": 0}, timeout=30).raise_for_status()


def copy(editor, url):
    path = "/v1/projects/my-project/locations/us/repositories?repositoryId=images"
    created = requests.post(f"{url}{path}", json={"format": "DOCKER"}, timeout=30)
    # The second time it exists already.
    assert created.status_code in (200, 409), created.text
    path = f"/v2/{COPY}/tags/list?CopyFromGCR=gcr.io/my-project"
    answer = editor.get(path, repository=COPY)
    assert (answer.status_code, answer.json()["manifestsFailed"]) == (200, 0), answer.text


SCENARIOS = {
    "piece-doomed": push,
    "piece-written": push,
    "upload-written": push,
    "upload-moved": push,
    "blob-committed": push,
    "pieces-condemned": collect,
    "pieces-deleted": collect,
    "blob-mounted": mount,
    "blob-unlinked": unlink,
    "manifest-written": push,
    "manifest-committed": push,
    "manifest-removed": remove_tag,
    "copy-written": copy,
    "copy-committed": copy,
    "gc-links-removed": collect,
    "gc-rows-removed": collect,
}
STARTS = ["migration-saved", "migration-step", "migration-committed"]
REBUILDS = ["rebuild-written", "rebuild-placed"]
# test_move.py stops a move at these.
MOVES = ["move-object-sent", "move-rows-copied", "move-marked", "move-committed"]


@pytest.fixture
def find_kinds(run):
    """Returns the kinds of fsck's findings in a data directory."""

    def find(data):
        code, out, err = run("fsck", "--data", data)
        assert code in (0, 1), err
        return {line.split()[0] for line in out.splitlines()}

    return find


@pytest.fixture
def check_sound(run, find_kinds):
    """Asserts that fsck finds nothing, before and after a collection."""

    def check(data):
        assert find_kinds(data) == set()
        assert run("gc", "--data", data, "--older-than", "0")[0] == 0
        assert find_kinds(data) == set()

    return check


def check_base(editor):
    """Asserts that the content that was acknowledged before is there."""
    assert editor.get(f"/v2/{REPOSITORY}/manifests/base").status_code == 200
    assert editor.get(f"/v2/{REPOSITORY}/blobs/{digest_of(BASE)}").content == BASE


@pytest.fixture(scope="module")
def prepared(tmp_path_factory, editor_of):
    """Returns the data directory of a server with an image under two tags, and an editor's client."""
    from docker_credential_gcr.emulator.server.in_thread import InThread
    from docker_credential_gcr.emulator.settings import Settings

    data = tmp_path_factory.mktemp("prepared") / "data"
    with InThread(Settings(port=0, data=data)) as ready:
        editor = editor_of(ready.url)
        for tag in ("base", "spare"):
            editor.push_image(REPOSITORY, tag, BASE)
    return data, editor


@pytest.fixture
def data(prepared, tmp_path):
    return shutil.copytree(prepared[0], tmp_path / "data")


@pytest.fixture
def editor(prepared):
    """Returns the same client at any server on a copy of the data directory: `editor(ready)`."""

    def at(ready):
        prepared[1].url = ready["url"]
        return prepared[1]

    return at


def test_every_point_has_a_scenario():
    assert {*SCENARIOS, *STARTS, *REBUILDS, *MOVES, "snapshot-written"} == set(POINTS)


@pytest.mark.in_turn
@pytest.mark.parametrize("point", SCENARIOS)
def test_t20_crash_loses_nothing_and_its_repetition_succeeds(
    make_server, data, editor, find_kinds, check_sound, point
):
    server = make_server(data, "--gc-interval", "0")
    server.start(GCR_EMULATOR_CRASH_AT=point)
    with pytest.raises(requests.ConnectionError):
        SCENARIOS[point](editor(server.ready), server.ready["url"])
    assert server.await_end() == (KILLED, "")
    assert find_kinds(data) == set()

    server.start()
    check_base(editor(server.ready))
    SCENARIOS[point](editor(server.ready), server.ready["url"])
    check_base(editor(server.ready))
    server.kill()
    check_sound(data)


# At each of these a copy of an image has something in the target that nothing names yet, but for the last.
COPIES = ["piece-doomed", "piece-written", "blob-committed", "copy-written", "copy-committed"]


@pytest.mark.in_turn
@pytest.mark.parametrize("point", COPIES)
def test_t20_crash_in_a_copy_leaves_a_whole_image_or_none(
    make_server, data, editor, find_kinds, check_sound, point
):
    server = make_server(data, "--gc-interval", "0")
    server.start(GCR_EMULATOR_CRASH_AT=point)
    with pytest.raises(requests.ConnectionError):
        copy(editor(server.ready), server.ready["url"])
    assert server.await_end() == (KILLED, "")
    assert find_kinds(data) == set()

    server.start()
    at = editor(server.ready)
    found = at.get(f"/v2/{COPY}/manifests/base", repository=COPY)
    assert found.status_code == (200 if point == "copy-committed" else 404)
    copy(at, server.ready["url"])
    copied = at.get(f"/v2/{COPY}/manifests/base", repository=COPY)
    assert copied.content == at.get(f"/v2/{REPOSITORY}/manifests/base").content
    assert at.get(f"/v2/{COPY}/blobs/{digest_of(BASE)}", repository=COPY).content == BASE
    check_base(at)
    server.kill()
    check_sound(data)


CANCELS = ["pieces-condemned", "pieces-deleted"]
# At each of these a chunk of an upload is being sent, after acknowledged bytes.
CHUNKS = ["piece-doomed", "piece-written", "upload-written", "upload-moved"]


@pytest.mark.in_turn
@pytest.mark.parametrize("point", CHUNKS)
@pytest.mark.parametrize("first", [b"few bytes", LARGE], ids=["row", "piece"])
def test_t20_crash_in_a_chunk_keeps_what_was_acknowledged_of_the_upload(
    make_server, data, editor, find_kinds, point, first
):
    server = make_server(data, "--gc-interval", "0")
    server.start()
    at = editor(server.ready)
    token = at.token(f"repository:{REPOSITORY}:pull,push")
    location = at.call("POST", f"/v2/{REPOSITORY}/blobs/uploads/", token=token).headers["Location"]
    location = at.call("PATCH", location, token=token, data=first).headers["Location"]
    server.kill()
    server.start(GCR_EMULATOR_CRASH_AT=point)
    with pytest.raises(requests.ConnectionError):
        editor(server.ready).call("PATCH", location, token=token, data=BASE)
    assert server.await_end() == (KILLED, "")
    assert find_kinds(data) == set()

    server.start()
    at = editor(server.ready)
    asked = at.call("GET", location, token=token)
    if point == "upload-moved":
        # The client does not know the next Location, and starts again.
        assert asked.status_code == 404
    else:
        assert asked.headers["Range"] == f"0-{len(first) - 1}"
        done = at.call("PUT", f"{location}?digest={digest_of(first + BASE)}", token=token, data=BASE)
        assert done.status_code == 201
    server.kill()
    assert find_kinds(data) == set()


@pytest.mark.parametrize("point", CANCELS)
def test_t20_crash_while_an_upload_is_cancelled_leaves_none_of_its_bytes(
    make_server, data, editor, find_kinds, point
):
    before = list(data.glob("pieces/*/*"))
    server = make_server(data, "--gc-interval", "0")
    server.start(GCR_EMULATOR_CRASH_AT=point)
    at = editor(server.ready)
    token = at.token(f"repository:{REPOSITORY}:pull,push")
    location = at.call("POST", f"/v2/{REPOSITORY}/blobs/uploads/", token=token).headers["Location"]
    location = at.call("PATCH", location, token=token, data=LARGE).headers["Location"]
    with pytest.raises(requests.ConnectionError):
        at.call("DELETE", location, token=token)
    assert server.await_end() == (KILLED, "")
    assert find_kinds(data) == set()

    server.start()
    assert list(data.glob("pieces/*/*")) == before
    assert editor(server.ready).call("GET", location, token=token).status_code == 404


def test_t20_crash_while_a_snapshot_is_saved_leaves_the_last_one(make_server, data, editor, check_sound):
    replace_file(data / "emulator.db.snapshot", b"the last one")
    server = make_server(data, "--gc-interval", "0.1s")
    server.start(GCR_EMULATOR_CRASH_AT="snapshot-written")
    assert server.await_end() == (KILLED, "")
    assert (data / "emulator.db.snapshot").read_text() == "the last one"
    assert (data / ".emulator.db.snapshot.part").exists()

    server.start()
    check_base(editor(server.ready))
    server.kill()
    check_sound(data)


@pytest.fixture
def older(tmp_path):
    """Returns the data directory of a server that wrote revision 0001."""
    data = tmp_path / "older"
    (data / "keys").mkdir(parents=True)
    with opened(data / "emulator.db") as connection:
        connection.executescript(DUMP.read_text())
        ((digest, size),) = connection.execute("SELECT digest, size FROM blobs WHERE data IS NULL")
    content = b"large layer " * 6000
    encoded = digest.partition(":")[2]
    path = data / "buckets" / BUCKET / "containers/images/sha256" / encoded[:2] / encoded
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    assert len(content) == size
    narrow_permissions(data)
    return data


@pytest.mark.parametrize("point", STARTS)
def test_t20_crash_in_a_migration_loses_nothing(make_server, older, find_kinds, point):
    server = make_server(older)
    assert server.start(GCR_EMULATOR_CRASH_AT=point) is False
    assert server.await_end() == (KILLED, "")

    assert server.start() is True
    server.kill()
    assert find_kinds(older) == set()
    counts = "SELECT (SELECT count(*) FROM manifests), (SELECT count(*) FROM tags)"
    assert ask(older / "emulator.db", counts) == [(5, 4)]


@pytest.mark.parametrize("point", REBUILDS)
def test_t20_crash_in_a_rebuild_loses_nothing(make_server, run, data, editor, find_kinds, point):
    environ = {**os.environ, "GCR_EMULATOR_CRASH_AT": point}
    died = subprocess.run([PROGRAM, "rebuild", "--data", data], env=environ, capture_output=True, timeout=60)
    assert (died.returncode, died.stdout, died.stderr) == (KILLED, b"", b"")
    assert find_kinds(data) == set()
    assert run("rebuild", "--data", data)[0] == 0
    assert find_kinds(data) == set()
    server = make_server(data)
    server.start()
    check_base(editor(server.ready))
