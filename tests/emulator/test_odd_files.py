"""Odd files in the data directory: each is named in one line, or skipped, and nothing is lost (Z27, Z72)."""

import os
import shutil
import socket

import pytest
from support.images import digest_of

from docker_credential_gcr.emulator.data_layout import find_misplaced
from docker_credential_gcr.emulator.server.in_thread import InThread
from docker_credential_gcr.emulator.settings import Settings

REPOSITORY = "my-project/app"
LARGE = b"large layer " * 10_000
COMMANDS = [("serve", "--port", "0"), ("gc", "--older-than", "0"), ("fsck",), ("rebuild",)]


def make_socket(path):
    # The path of a socket may have a hundred bytes only.
    folder = os.open(path.parent, os.O_RDONLY)
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(f"/proc/self/fd/{folder}/{path.name}")
    os.close(folder)


KINDS = {
    "a directory": lambda path: path.mkdir(),
    "a FIFO": os.mkfifo,
    "a socket": make_socket,
    "a device": lambda path: path.symlink_to("/dev/null"),
    "a link that leads nowhere": lambda path: path.symlink_to("nowhere"),
}
FILES = [
    *(
        "moved-to",
        "lock",
        "database-id",
        "turns.lock",
        "uploads.lock",
        "uploads.slots",
        ".emulator.db.snapshot.part",
    ),
    *("emulator.db", "emulator.db-wal", "emulator.db-shm", "emulator.db.snapshot", "emulator.db.rebuilt"),
    *("keys/signing-key.pem", "keys/issuer-key.pem", "keys/id-token-key.pem", "keys/operator-token"),
    *("keys/ca.pem", "keys/ca-key.pem", "keys/server.pem"),
]


@pytest.fixture(scope="module")
def served(tmp_path_factory, editor_of):
    """Returns the data directory of a stopped server, with an image."""
    data = tmp_path_factory.mktemp("served") / "data"
    with InThread(Settings(port=0, data=data, gc_interval_s=0)) as ready:
        editor_of(ready.url).push_image(REPOSITORY, "v1", LARGE)
    return data


@pytest.fixture
def data(served, tmp_path):
    copy = shutil.copytree(served, tmp_path / "data")
    # A server with several workers leaves this file.
    (copy / "turns.lock").touch()
    return copy


def list_all(data):
    """Returns every path below the data directory, with the bytes of files."""
    return {path: path.read_bytes() if path.is_file() else None for path in data.rglob("*")}


def put(path, make):
    """Replaces the path with what `make` creates."""
    if path.is_dir():
        path.rename(path.with_name(f"{path.name}.away"))
    path.unlink(missing_ok=True)
    make(path)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: f"B-Z72-{kind.replace(' ', '-')}")
@pytest.mark.parametrize("name", FILES)
def test_each_entry_of_the_directory_that_is_not_a_file_is_named(tmp_path, name, kind):
    (tmp_path / "keys").mkdir()
    put(tmp_path / name, KINDS[kind])
    told = find_misplaced(tmp_path)
    assert told is not None
    assert told.startswith(f"{tmp_path / name} is {kind}")
    assert told.endswith(": move it away")


@pytest.mark.parametrize("name", ["keys", "pieces", "buckets", "uploads"])
def test_b_z72_each_directory_that_is_a_file_is_named(tmp_path, name):
    (tmp_path / name).write_bytes(b"")
    assert find_misplaced(tmp_path) == f"{tmp_path / name} is a file, not a directory: move it away"


@pytest.mark.parametrize("name", ["keys", "pieces", "emulator.db", "turns.lock", "keys/operator-token"])
def test_b_z72_each_path_that_this_user_may_not_use_is_named(data, name):
    told = find_misplaced(data, may_access=lambda path, _: path != data / name)
    what = "read" if name == "keys/operator-token" else "read and written"
    assert told == f"{data / name} cannot be {what} by this user: change its owner or its mode"


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: f"B-Z72-{command[0]}")
@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("emulator.db", "a directory"),
        ("emulator.db", "a FIFO"),
        ("emulator.db", "a link that leads nowhere"),
        ("emulator.db-wal", "a directory"),
        ("emulator.db.snapshot", "a device"),
        ("uploads.slots", "a FIFO"),
        ("keys/operator-token", "a directory"),
        ("lock", "a socket"),
        ("buckets", "a FIFO"),
        ("pieces", "a device"),
    ],
)
def test_command_names_the_path_in_one_line_and_changes_nothing(data, run, command, name, kind):
    put(data / name, KINDS[kind])
    before = list_all(data)
    code, out, err = run(*command, "--data", data)
    assert (code, out, err.count("\n")) == (1, "", 1), err
    assert err.startswith(f"gcr-emulator: {data / name} is {kind}")
    assert list_all(data) == before


IMAGES = "buckets/artifacts.my-project.appspot.com/containers/images"
BLOB = f"{IMAGES}/sha256/ab/{'ab' * 32}"


def make_file(path, content=b"odd"):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    os.utime(path, (0, 0))


PIECE = f"pieces/0f/{'0f' * 16}-1-{'ab' * 8}"
# Odd files below buckets/ and pieces/: the path, how it is created, and whether fsck names it.
ODD = {
    "blob-that-is-a-directory": (BLOB, KINDS["a directory"], False),
    "blob-that-is-a-FIFO": (BLOB, KINDS["a FIFO"], True),
    "blob-that-is-a-socket": (BLOB, KINDS["a socket"], True),
    "blob-that-is-a-device": (BLOB, KINDS["a device"], True),
    "blob-that-is-a-link": (BLOB, KINDS["a link that leads nowhere"], True),
    "name-that-is-not-UTF-8": (f"{IMAGES}/sha256/ab/ab\udcff", make_file, True),
    "short-name": (f"{IMAGES}/sha256/ab/ab", make_file, True),
    "empty-file-of-a-foreign-name": (f"{IMAGES}/sha256/ab/README", lambda path: make_file(path, b""), True),
    "name-in-another-folder": (f"{IMAGES}/sha256/cd/{'ab' * 32}", make_file, True),
    "unknown-algorithm": (f"{IMAGES}/md5/ab/{'ab' * 16}", make_file, True),
    "folder-that-is-a-file": (f"{IMAGES}/sha256x", make_file, True),
    "bucket-that-is-not-UTF-8": (f"buckets/b\udcff/containers/images/sha256/ab/{'ab' * 32}", make_file, True),
    "file-next-to-the-buckets": ("buckets/notes", make_file, True),
    "piece-that-is-a-directory": (PIECE, KINDS["a directory"], False),
    "piece-that-is-a-FIFO": (PIECE, KINDS["a FIFO"], True),
    "piece-that-is-a-socket": (PIECE, KINDS["a socket"], True),
    "piece-that-is-a-link": (PIECE, KINDS["a link that leads nowhere"], True),
    "piece-in-another-folder": (PIECE.replace("/0f/", "/0e/"), make_file, True),
    "piece-of-a-name-that-is-not-UTF-8": ("pieces/0f/d\udcff", make_file, True),
}


@pytest.mark.parametrize("what", ODD, ids="B-Z27-{}".format)
def test_what_is_neither_a_blob_nor_an_upload_is_skipped_by_all_and_named_by_fsck(data, run, editor_of, what):
    place, make, is_named = ODD[what]
    path = data / place
    path.parent.mkdir(parents=True, exist_ok=True)
    make(path)

    code, out, err = run("fsck", "--data", data)
    kinds = [line.split(maxsplit=1)[0] for line in out.splitlines()]
    assert (code, kinds) == ((1, ["stray-file"]) if is_named else (0, [])), err
    for command in (("gc", "--older-than", "0", "--untagged"), ("gc", "--dry-run"), ("rebuild",)):
        code, _, err = run(*command, "--data", data)
        assert (code, "lost" in err, "Traceback" in err) == (0, False, False), err
        assert os.path.lexists(path), command
    with InThread(Settings(port=0, data=data, gc_interval_s=0)) as ready:
        editor = editor_of(ready.url)
        for name in ("manifests/v1", f"blobs/{digest_of(LARGE)}"):
            assert editor.get(f"/v2/{REPOSITORY}/{name}").status_code == 200
    assert os.path.lexists(path)


def test_b_z27_blob_with_a_directory_in_its_place_is_kept_and_named(data, run):
    (path,) = data.glob("pieces/*/*")
    digest = digest_of(LARGE)
    path.unlink()
    path.mkdir()
    assert run("gc", "--data", data, "--older-than", "0")[0] == 0
    code, out, _ = run("fsck", "--data", data)
    place = path.relative_to(data)
    subject = f"artifacts.my-project.appspot.com {digest}"
    assert (code, out) == (1, f"missing-bytes {subject}: {place}: it is not a regular file\n")


def test_what_an_earlier_version_kept_of_uploads_goes_at_the_start(data):
    for name in ("uploads.slots", "uploads.slots.unreadable", "uploads.lock", "uploads/0f0f"):
        make_file(data / name)
    with InThread(Settings(port=0, data=data, gc_interval_s=0)):
        assert [path.name for path in data.iterdir() if path.name.startswith("uploads")] == []
