"""Only the owner can read the data directory, whatever the umask, parent and earlier mode (Z02)."""

import os
import re
import stat
import threading

import pytest
import requests
from support.sqlite_files import UNDO_0006, make_older, opened

from docker_credential_gcr.emulator.data_directory import DataDirectory, DataDirectoryError
from docker_credential_gcr.emulator.runtime.permissions import narrow_permissions
from docker_credential_gcr.emulator.server.in_thread import InThread
from docker_credential_gcr.emulator.settings import Settings

REPOSITORY = "my-project/app"
LARGE = b"large layer " * 10_000


def find_wide(root):
    """Returns path and mode of each file that is not 0700 or 0600."""
    found = {}
    for path in (root, *root.rglob("*")):
        mode = path.lstat().st_mode
        if stat.S_IMODE(mode) != (0o700 if stat.S_ISDIR(mode) else 0o600):
            found[str(path.relative_to(root))] = oct(stat.S_IMODE(mode))
    return found


@pytest.fixture
def umask():
    """Sets the umask of this process and of those that it starts, for one test."""
    before = os.umask(0o022)
    yield os.umask
    os.umask(before)


def use(editor, url):
    """Uses a server: a push, two uploads in progress, a private key, a collection."""
    editor.push_image(REPOSITORY, "v1", LARGE, b"small layer")
    token = editor.token(f"repository:{REPOSITORY}:pull,push")
    for data in (LARGE, b"few bytes"):
        location = editor.call("POST", f"/v2/{REPOSITORY}/blobs/uploads/", token=token).headers["Location"]
        assert editor.call("PATCH", location, token=token, data=data).status_code == 202
    account = "ci@my-project.iam.gserviceaccount.com"
    requests.post(
        f"{url}/v1/projects/my-project/serviceAccounts",
        json={"accountId": "ci", "serviceAccount": {}},
        timeout=30,
    ).raise_for_status()
    sign = f"{url}/v1/projects/-/serviceAccounts/{account}:signJwt"
    requests.post(sign, json={"payload": "{}"}, timeout=30).raise_for_status()
    # A scheduled one may be in progress.
    collected = requests.post(f"{url}/_emulator/gc", json={"older_than_s": 0}, timeout=30)
    assert collected.status_code in (200, 409)


@pytest.fixture
def data(tmp_path):
    return tmp_path / "parent" / "data"


@pytest.fixture
def serve_in_thread(data, editor_of):
    """Runs a server in this process and uses it; returns the files whose modes are too wide."""

    def serve():
        with InThread(Settings(port=0, data=data, tls=True, gc_interval_s=0)):
            pass
        with InThread(Settings(port=0, data=data, gc_interval_s=0)) as ready:
            use(editor_of(ready.url), ready.url)
            return find_wide(data)

    return serve


@pytest.mark.parametrize("mask", [0o000, 0o022, 0o077], ids="A-Z02-umask-{:03o}".format)
def test_all_that_a_server_and_upkeep_make_is_the_owners_alone(data, umask, mask, serve_in_thread, run):
    umask(mask)
    assert serve_in_thread() == {}
    assert stat.S_IMODE(data.parent.stat().st_mode) == 0o700
    # Maintenance creates copies, journals and a new database.
    for command in (("gc", "--older-than", "0"), ("gc", "--dry-run"), ("fsck",), ("rebuild",)):
        assert (run(*command, "--data", data)[0], find_wide(data)) == (0, {}), command
    assert {path.name for path in data.iterdir()} >= {"emulator.db", "emulator.db.damaged", "pieces"}


def test_a_z02_copy_that_a_migration_leaves_is_the_owners_alone(data, umask, serve_in_thread, run):
    umask(0)
    serve_in_thread()
    make_older(data)
    with opened(data / "emulator.db") as connection:
        connection.execute("UPDATE alembic_version SET version_num = '0004'")
        connection.execute("DELETE FROM revisions WHERE subject = 'identity'")
        for statement in UNDO_0006:
            connection.execute(statement)
    assert run("gc", "--data", data)[0] == 0
    assert (data / "emulator.db.0004").exists()
    assert find_wide(data) == {}


def test_a_z02_workers_and_the_schedule_make_nothing_wide_under_any_umask(
    tmp_path, umask, make_server, editor_of
):
    data = tmp_path / "data"
    (tmp_path / "data.stderr").touch()  # the test's own, which it reads
    umask(0o777)
    server = make_server(data, "--workers", "2", "--gc-interval", "0.05s", "--project", "my-project")
    assert server.start()
    umask(0o022)
    use(editor_of(server.ready["url"]), server.ready["url"])
    pause = threading.Event()
    while not (data / "emulator.db.snapshot").exists():
        pause.wait(0.05)
    server.terminate()
    assert server.await_end() == (0, "")
    assert find_wide(data) == {}
    assert (data / "turns.lock").exists()


@pytest.mark.parametrize(
    "widen",
    [
        lambda data: data.chmod(0o755),
        lambda data: (data / "emulator.db").chmod(0o640),
        lambda data: (data / "keys" / "operator-token").chmod(0o604),
        lambda data: [path.chmod(0o777) for path in (data, *data.rglob("*"))],
    ],
    ids=["A-Z02-the-directory", "A-Z02-the-database", "A-Z02-a-key", "A-Z02-everything"],
)
def test_server_narrows_what_it_finds_and_says_so_in_one_line(data, widen, serve_in_thread, capfd):
    serve_in_thread()
    capfd.readouterr()
    # Blobs of an earlier version have these modes.
    for path in data.glob("pieces/*/*"):
        path.chmod(0o644)
    widen(data)
    count = len(find_wide(data))

    with InThread(Settings(port=0, data=data, gc_interval_s=0)):
        assert find_wide(data) == {}

    text = f"{data} could be read by other users: took their rights away (files and directories: {count})"
    assert capfd.readouterr() == ("", f"gcr-emulator: {text}\n")
    with InThread(Settings(port=0, data=data, gc_interval_s=0)):
        assert capfd.readouterr().err == ""


def test_a_z02_what_a_link_leads_to_keeps_its_mode(tmp_path):
    outside = tmp_path / "outside"
    outside.write_bytes(b"of another")
    outside.chmod(0o644)
    root = tmp_path / "data"
    root.mkdir(mode=0o755)
    (root / "link").symlink_to(outside)
    assert narrow_permissions(root) is not None
    assert (stat.S_IMODE(root.stat().st_mode), stat.S_IMODE(outside.stat().st_mode)) == (0o700, 0o644)


@pytest.fixture
def shared(tmp_path):
    """Returns a directory with the mode of /tmp, in a file system in memory."""
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o1777)
    return shared


def test_a_z02_file_system_that_was_mounted_for_the_data_is_narrowed(shared):
    for _ in range(2):
        with InThread(Settings(port=0, data=shared, gc_interval_s=0)):
            assert find_wide(shared) == {}
        shared.chmod(0o1777)


def test_a_z02_directory_of_all_users_is_refused_and_keeps_its_mode(shared):
    (shared / "of-another").touch()
    message = f"{shared} belongs to all users of this machine: name a directory in it"
    with pytest.raises(DataDirectoryError, match=re.escape(message)):
        DataDirectory(shared)
    assert stat.S_IMODE(shared.stat().st_mode) == 0o1777
    assert [path.name for path in shared.iterdir()] == ["of-another"]
