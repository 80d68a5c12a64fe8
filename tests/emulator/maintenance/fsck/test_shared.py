"""fsck of a database and a store that servers share: every kind of damage, none while servers write."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests
from support.servers.postgresql import NEEDS as NEEDS_POSTGRESQL
from support.servers.postgresql import execute
from support.servers.seaweedfs import NEEDS as NEEDS_SEAWEEDFS
from support.shared_places import SharedPlace

from docker_credential_gcr.emulator.database.engine.postgresql.single_session import open_session
from docker_credential_gcr.emulator.maintenance.fsck.findings import KINDS, SHARED_REMEDIES
from docker_credential_gcr.emulator.maintenance.fsck.shared import check_shared
from docker_credential_gcr.emulator.maintenance.fsck.stored_bytes import Objects
from docker_credential_gcr.emulator.maintenance.progress import Progress
from docker_credential_gcr.emulator.server.in_thread import InThread
from docker_credential_gcr.emulator.settings import Settings

pytestmark = [NEEDS_POSTGRESQL, NEEDS_SEAWEEDFS]
Run = Callable[..., tuple[int, str, str]]
REPOSITORY = "my-project/app"
SOUND = (0, "", "the registry is sound\n")
OLD, NONCE = "0f" * 11 + f"{1_000_000_000:010x}", "ab" * 8
OLD_KEY = f"pieces/{OLD[:2]}/{OLD}-1-{NONCE}"
# What PostgreSQL itself keeps, and what another command reports.
IMAGE_TABLES = (
    *("buckets", "repositories", "manifests", "manifest_children", "manifest_blobs", "referrers", "tags"),
    *("blobs", "blob_links", "uploads", "doomed"),
)
NEVER = {"damaged-database", "other-revision", "dangling-row"}


def find_key(place: SharedPlace, table: str = "blobs") -> str:
    """Returns the only key of the only large blob, or of the upload in progress."""
    ((text,),) = place.ask(f"SELECT pieces FROM {table} WHERE pieces IS NOT NULL")  # noqa: S608
    ((key, _),) = json.loads(text)
    return str(key)


def change_bytes(place: SharedPlace) -> None:
    ((size,),) = place.ask("SELECT size FROM blobs WHERE pieces IS NOT NULL")
    place.put(find_key(place), b"-" * size)


def change(*statements: str) -> Callable[[SharedPlace], None]:
    return lambda place: execute(place.database, *statements)


DAMAGES: list[tuple[str, str, Callable[[SharedPlace], None]]] = [
    (
        "astray-row",
        "a tag",
        change("UPDATE tags SET manifest = (SELECT max(id) FROM manifests) WHERE repository = 2"),
    ),
    ("missing-bytes", "an object", lambda place: place.delete(find_key(place))),
    ("missing-bytes", "the list", lambda place: lose_list(place)),
    ("wrong-size", "an object", lambda place: place.put(find_key(place), b"short")),
    ("wrong-digest", "an object", change_bytes),
    ("wrong-digest", "a row", change("UPDATE manifests SET data = data || '\\x20'::bytea WHERE id = 1")),
    ("rowless-bytes", "a piece", lambda place: place.put(OLD_KEY, b"x")),
    (
        "rowless-bytes",
        "a blob of an earlier version",
        lambda place: place.put(f"buckets/my-bucket/containers/images/sha256/ab/{'ab' * 32}", b"x"),
    ),
    (
        "doomed-bytes",
        "a blob",
        lambda place: execute(place.database, f"INSERT INTO doomed VALUES ('{find_key(place)}', 1)"),  # noqa: S608
    ),
    ("lost-upload", "an upload", lambda place: place.delete(find_key(place, "uploads"))),
    ("stray-file", "a name", lambda place: place.put("pieces/ab/notes.txt", b"x")),
    (
        "unreadable-manifest",
        "its type",
        change("UPDATE manifests SET media_type = 'text/plain' WHERE id = 1"),
    ),
    ("wrong-references", "children", change("DELETE FROM manifest_children")),
    ("incomplete-manifest", "a link", change("DELETE FROM blob_links WHERE blob = 2")),
]


def lose_list(place: SharedPlace) -> None:
    """Loses the list of a blob's pieces, and its object."""
    place.delete(find_key(place))
    execute(place.database, "UPDATE blobs SET pieces = 'none' WHERE pieces IS NOT NULL")


@pytest.mark.parametrize(
    ("kind", "damage"),
    [(kind, damage) for kind, _, damage in DAMAGES],
    ids=[f"{kind}: {what}" for kind, what, _ in DAMAGES],
)
def test_damage_is_found_by_its_kind_next_to_a_running_server(
    run: Run, moved: SharedPlace, kind: str, damage: Callable[[SharedPlace], None]
) -> None:
    with InThread(moved.settings()):
        assert run("fsck", *moved.options) == SOUND
        damage(moved)
        code, out, err = run("fsck", *moved.options)
        assert (code, {line.split()[0] for line in out.splitlines()}) == (1, {kind})
        assert err == f"for {kind}: {SHARED_REMEDIES[kind]}\n"
        code, out, err = run("fsck", *moved.options, "--json")
        assert (code, {found["kind"] for found in json.loads(out)["findings"]}, err) == (1, {kind}, "")


def test_every_kind_has_a_damage_and_a_remedy() -> None:
    assert {kind for kind, _, _ in DAMAGES} == set(SHARED_REMEDIES) == set(KINDS) - NEVER


def test_quick_check_trusts_the_bytes_and_still_sees_what_is_missing(run: Run, moved: SharedPlace) -> None:
    change_bytes(moved)
    assert run("fsck", *moved.options, "--quick") == SOUND
    moved.delete(find_key(moved))
    assert run("fsck", *moved.options, "--quick")[0] == 1


def test_bytes_without_a_row_are_no_finding_while_their_request_may_be_in_progress(
    run: Run, moved: SharedPlace
) -> None:
    young = "0f" * 11 + f"{int(time.time()):010x}"
    moved.put(f"pieces/{young[:2]}/{young}-1-{NONCE}", b"x")
    assert run("fsck", *moved.options) == SOUND


class Vanishing:
    """Stored bytes of which all are swept, with their rows, while they are checked."""

    def __init__(self, place: SharedPlace) -> None:
        self._place = place

    def list_keys(self) -> list[str]:
        return [OLD_KEY]

    def is_regular(self, _key: str) -> bool:
        return True

    def exists(self, _key: str) -> bool:
        return False

    def find_fault(self, key: str, _size: int) -> tuple[str, str]:
        execute(self._place.database, "DELETE FROM blobs", "DELETE FROM uploads")
        return "missing-bytes", f"{key}: the store does not have it"

    def hash(self, *_arguments: object) -> str:
        raise AssertionError("nothing is left to read")


class Told(Progress):
    """Records each step, and the sum of its parts."""

    def __init__(self) -> None:
        self.steps: dict[str, list[int | None]] = {}

    def begin(self, what: str, total: int | None = None, unit: str = "") -> None:  # noqa: ARG002
        self.steps[what], self._last = [total, 0], what

    def advance(self, count: int = 1) -> None:
        self.steps[self._last][1] += count  # type: ignore[operator]


def test_check_counts_every_object_every_row_and_every_byte(moved: SharedPlace) -> None:
    told = Told()
    with open_session(moved.database) as session:
        stored = Objects(moved.open_store(), told)
        assert list(check_shared(session, stored, now=session.find_time(), progress=told)) == []

    ((size,),) = moved.ask("SELECT sum(size)::int FROM blobs")
    objects = len(moved.list_objects())
    copied = told.steps.pop("rows")[1]
    assert copied == sum(moved.ask(f"SELECT count(*) FROM {table}")[0][0] for table in IMAGE_TABLES)  # noqa: S608
    assert list(told.steps) == ["objects", "blobs", "files", "uploads", "manifests"]
    assert [told.steps[name] for name in ("objects", "blobs", "files")] == [
        [objects, objects],
        [size, size],
        [objects, objects],
    ]


def test_what_is_deleted_during_the_check_is_no_finding(moved: SharedPlace) -> None:
    with open_session(moved.database) as session:
        assert list(check_shared(session, Vanishing(moved), now=session.find_time())) == []


class Broken(Objects):
    """The objects of a store that loses one between two requests."""

    def hash(self, *_arguments: object) -> str:
        raise OSError("pieces/ab: the store does not have it")


def test_object_that_cannot_be_read_is_missing(moved: SharedPlace) -> None:
    with open_session(moved.database) as session:
        stored = Broken(moved.open_store(), Progress())
        (found,) = check_shared(session, stored, now=session.find_time())
    assert (found.kind, found.text) == ("missing-bytes", "pieces/ab: the store does not have it")


@contextmanager
def under_load(url: str, editor: Any) -> Iterator[None]:
    """Pushes and deletes images, and collects garbage without a delay, until the block ends."""
    over = threading.Event()

    def push(pusher: int) -> None:
        number = 0
        while not over.is_set():
            number += 1
            layers = [b"%d %d " % (pusher, number) * size for size in (1000, 20_000)]
            name = f"{REPOSITORY}-{pusher}"
            editor.push_image(name, "v1", *layers)
            editor.delete(f"/v2/{name}/manifests/v1", repository=name)

    def collect() -> None:
        while not over.is_set():
            # With a delay: without one a collection takes blobs whose manifest is about to be pushed.
            asked = {"untagged": True, "older_than_s": 5}
            requests.post(f"{url}/_emulator/gc", json=asked, timeout=60).raise_for_status()

    with ThreadPoolExecutor(3) as threads:
        running = [threads.submit(push, 1), threads.submit(push, 2), threads.submit(collect)]
        try:
            yield
        finally:
            over.set()
        for each in running:
            each.result(60)


def test_registry_that_is_written_to_has_no_findings(run: Run, moved: SharedPlace, editor_of: Any) -> None:
    with InThread(moved.settings()) as ready, under_load(ready.url, editor_of(ready.url)):
        for _ in range(6):
            assert run("fsck", *moved.options) == SOUND


def test_images_in_a_data_directory_are_checked_there(
    run: Run, database_url: str, tmp_path: Path, editor_of: Any
) -> None:
    data = tmp_path / "data"
    with InThread(Settings(port=0, data=data, database=database_url)) as ready:
        editor_of(ready.url).push_image(REPOSITORY, "v1", b"large layer " * 10_000)
        options = ("--database", database_url, "--data", data)
        assert run("fsck", *options) == SOUND
        (path,) = data.glob("pieces/*/*")
        path.unlink()
        code, out, _ = run("fsck", *options)
    assert (code, out.split()[0], out.split(": ", 1)[1]) == (
        1,
        "missing-bytes",
        f"{path.relative_to(data)}: No such file or directory\n",
    )


@pytest.mark.parametrize("command", ["fsck", "gc"])
def test_data_directory_on_the_command_line_wins_over_the_variables_of_servers(
    run: Run, stopped: Path, place: SharedPlace, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    for option, value in zip(place.options[::2], place.options[1::2], strict=True):
        monkeypatch.setenv(f"GCR_EMULATOR_{option[2:].upper().replace('-', '_')}", value)
    expected = {"fsck": f"{stopped} is sound\n", "gc": "freed 0 B\n"}[command]
    code, _, err = run(command, "--data", stopped)
    assert (code, err) == (0, expected)


def test_database_without_tables_is_named_and_stays_empty(run: Run, place: SharedPlace) -> None:
    code, out, err = run("fsck", *place.options)
    assert (code, out) == (1, "")
    assert "is empty: name the database of the servers" in err
    assert place.ask("SELECT * FROM pg_tables WHERE schemaname = 'public'") == []


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ((), "name the --data directory, or the --database"),
        (("--data", ".", "--storage", "s3://b"), "--storage needs --database"),
        (
            ("--database", "postgresql://h/d"),
            "--database needs --storage, or --data if a directory has the bytes of images",
        ),
        (
            ("--database", "postgresql://h/d", "--storage", "s3://b", "--data", "."),
            "--data and --storage exclude each other: give one of them",
        ),
        (
            ("--database", "postgresql://u:secret@h/d"),
            "other users of this machine can read a password",
        ),
    ],
)
def test_options_that_do_not_fit_are_a_misuse(run: Run, arguments: tuple[str, ...], complaint: str) -> None:
    code, out, err = run("fsck", *arguments)
    assert (code, out) == (2, "")
    assert complaint in err
    assert "secret" not in err
