"""gcr-emulator move: a data directory, served from PostgreSQL and an object store afterwards."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import requests
from support.servers.postgresql import NEEDS as NEEDS_POSTGRESQL
from support.servers.seaweedfs import NEEDS as NEEDS_SEAWEEDFS
from support.shared_places import SharedPlace
from support.sqlite_files import ask, make_older, opened

from docker_credential_gcr.emulator.database import schema
from docker_credential_gcr.emulator.server.in_thread import InThread
from docker_credential_gcr.emulator.settings import Settings

pytestmark = [NEEDS_POSTGRESQL, NEEDS_SEAWEEDFS, pytest.mark.in_turn]
REPOSITORY = "my-project/app"
LARGE = b"large layer " * 10_000
KILLED = -9
# What a start deletes, and key files.
NOT_COPIED = {"alembic_version", "revisions", "control", "keys"}


def list_rows(data: Path) -> dict[str, list[Any]]:
    """Returns the rows of all tables that are copied."""
    return {
        table.name: sorted(ask(data / "emulator.db", f"SELECT * FROM {table.name}"), key=repr)  # noqa: S608
        for table in schema.metadata.sorted_tables
        if table.name not in NOT_COPIED
    }


def list_pieces(data: Path, *tables: str) -> dict[str, int]:
    """Returns the keys that rows of the tables name, with their sizes."""
    columns = " UNION ALL ".join(f"SELECT pieces FROM {table}" for table in tables or ("blobs", "uploads"))  # noqa: S608
    texts = [text for (text,) in ask(data / "emulator.db", columns) if text]
    return {key: size for text in texts for key, size in json.loads(text)}


def check_same(place: SharedPlace, data: Path) -> None:
    """Asserts that the database and the store have all that the data directory has."""
    for name, rows in list_rows(data).items():
        assert sorted(place.ask(f"SELECT * FROM {name}"), key=repr) == rows, name  # noqa: S608
    assert place.list_objects() == list_pieces(data)
    keys = {path.name: path.read_bytes() for path in (data / "keys").iterdir()}
    assert dict(place.ask("SELECT name, content FROM keys")) == keys
    identity = "SELECT number FROM revisions WHERE subject = 'identity'"
    assert place.ask(identity) == ask(data / "emulator.db", identity)


def pull_all(url: str, token: str) -> dict[str, bytes]:
    """Returns each manifest of the repository, and each blob that they name, by digest."""
    found: dict[str, bytes] = {}
    waiting = [("manifests", tag) for tag in ("v1", "all", "signature")]
    while waiting:
        kind, reference = waiting.pop()
        headers = {"Authorization": f"Bearer {token}", "Accept": "*/*"}
        answer = requests.get(f"{url}/v2/{REPOSITORY}/{kind}/{reference}", headers=headers, timeout=30)
        assert answer.status_code == 200, (kind, reference)
        found[reference] = answer.content
        if kind == "manifests":
            document = answer.json()
            waiting += [("manifests", each["digest"]) for each in document.get("manifests", ())]
            blobs = [document.get("config"), *document.get("layers", ())]
            waiting += [("blobs", each["digest"]) for each in blobs if each]
    return found


@pytest.mark.parametrize("is_older", [False, True], ids=["this-version", "blobs-of-an-earlier-version"])
def test_moved_registry_serves_all_that_it_had_with_tokens_from_before(
    run: Any, stopped: Path, place: SharedPlace, is_older: bool, editor_of: Any
) -> None:
    with InThread(Settings(port=0, data=stopped, gc_interval_s=0)) as ready:
        editor = editor_of(ready.url)
        token = editor.token(f"repository:{REPOSITORY}:pull,push")
        before = pull_all(ready.url, token)
    if is_older:
        make_older(stopped)

    code, out, err = run("move", "--data", stopped, *place.options)

    assert (code, err) == (0, f"moved {stopped}: serve the database and the store from now on\n")
    pieces = list_pieces(stopped)
    count = sum(map(len, list_rows(stopped).values()))
    assert out == f"rows {count}\nobjects {len(pieces)}\nbytes {sum(pieces.values())}\n"
    assert any(key.startswith("buckets/") for key in pieces) == is_older
    check_same(place, stopped)
    with InThread(place.settings()) as ready:
        assert pull_all(ready.url, token) == before
        editor.url = ready.url
        # The key of the account and its roles are there, and new rows get new numbers.
        editor.push_image(REPOSITORY, "later", LARGE + b"later")
    assert run("fsck", *place.options) == (0, "", "the registry is sound\n")


def test_moved_directory_is_refused_and_a_second_move_does_nothing(
    run: Any, stopped: Path, place: SharedPlace
) -> None:
    assert run("move", "--data", stopped, *place.options)[0] == 0
    where = f"postgresql:///{place.database.split('/')[3].split('?')[0]} and {place.storage}"
    refusal = f"gcr-emulator: {stopped} was moved to {where}: serve that, or delete {stopped}/moved-to to"
    for command in ("gc", "fsck", "rebuild"):
        code, out, err = run(command, "--data", stopped)
        assert (code, out, err) == (1, "", f"{refusal} serve this copy again\n")
    assert run("move", "--data", stopped, *place.options) == (0, "", "it was moved before: nothing to do\n")
    check_same(place, stopped)


def test_directory_that_was_served_again_after_a_move_is_not_taken_for_moved(
    run: Any, stopped: Path, place: SharedPlace
) -> None:
    assert run("move", "--data", stopped, *place.options)[0] == 0
    (stopped / "moved-to").unlink()
    code, out, err = run("move", "--data", stopped, *place.options)
    assert (code, out) == (1, "")
    assert f"has the rows of an earlier move of {stopped}" in err
    assert "drop that database and create it again" in err
    assert not (stopped / "moved-to").exists()


def test_database_with_rows_of_its_own_is_refused(run: Any, stopped: Path, place: SharedPlace) -> None:
    with InThread(place.settings()):
        pass
    code, out, err = run("move", "--data", stopped, *place.options)
    assert (code, out) == (1, "")
    assert "has rows already, in the table keys: name an empty database" in err
    assert place.list_objects() == {}
    assert not (stopped / "moved-to").exists()


def test_text_with_nul_is_found_before_anything_is_sent(run: Any, stopped: Path, place: SharedPlace) -> None:
    with opened(stopped / "emulator.db") as connection:
        connection.execute("UPDATE projects SET name = 'a' || char(0) || 'b'")
    message = (
        "projects.name 'a\\x00b' has a NUL character, which PostgreSQL cannot store: change or delete it"
    )
    assert run("move", "--data", stopped, *place.options) == (1, "", f"gcr-emulator: {message}\n")
    assert place.list_objects() == {}


def test_directory_with_a_fault_is_refused_with_the_way_to_mend_it(
    run: Any, stopped: Path, place: SharedPlace
) -> None:
    key = next(iter(list_pieces(stopped)))
    (stopped / key).write_bytes(b"short")
    code, out, err = run("move", "--data", stopped, *place.options)
    assert (code, out) == (1, "")
    assert f"mend what gcr-emulator fsck --data {stopped} finds, and move it then" in err
    assert place.ask("SELECT count(*) FROM projects") == [(0,)]


def test_object_that_is_there_with_its_size_is_not_sent_again(
    run: Any, stopped: Path, place: SharedPlace
) -> None:
    short, *whole = sorted(list_pieces(stopped))
    for key in whole:
        # Not the bytes of the file: to send it again would be seen.
        place.put(key, b"-" * (stopped / key).stat().st_size)
    place.put(short, b"short")
    code, out, _ = run("move", "--data", stopped, *place.options)
    assert code == 0
    assert "\nobjects 1\n" in out
    check_same(place, stopped)
    assert len(run("fsck", *place.options)[1].splitlines()) == len(
        [key for key in whole if key in list_pieces(stopped, "blobs")]
    )


@pytest.mark.parametrize("point", ["move-object-sent", "move-rows-copied", "move-marked", "move-committed"])
def test_move_that_was_killed_is_repeated(stopped: Path, place: SharedPlace, point: str, run: Any) -> None:
    program = Path(sys.executable).with_name("gcr-emulator")
    done = subprocess.run(
        [program, "move", "--data", stopped, *place.options],
        env={**os.environ, "GCR_EMULATOR_CRASH_AT": point},
        capture_output=True,
        timeout=60,
    )
    assert done.returncode == KILLED
    # No server can use the directory once the rows may be in PostgreSQL.
    is_marked = point in ("move-marked", "move-committed")
    assert (run("fsck", "--data", stopped)[0] == 1) == is_marked

    assert run("move", "--data", stopped, *place.options)[0] == 0
    check_same(place, stopped)
    assert run("fsck", *place.options) == (0, "", "the registry is sound\n")
