"""After a restore nothing is deleted before fsck has run: a database that is older than its bucket."""

import time
from typing import Any

from support.servers.postgresql import NEEDS as NEEDS_POSTGRESQL
from support.servers.postgresql import execute
from support.servers.seaweedfs import NEEDS as NEEDS_SEAWEEDFS
from support.shared_places import SharedPlace

from docker_credential_gcr.emulator.server.in_thread import InThread

pytestmark = [NEEDS_POSTGRESQL, NEEDS_SEAWEEDFS]
REPOSITORY = "my-project/app"
LARGE = b"pushed after the back-up " * 10_000


def test_s16_objects_that_a_restored_database_does_not_know_outlive_every_collection(
    run: Any, moved: SharedPlace, editor_of: Any
) -> None:
    with InThread(moved.settings()) as ready:
        before = moved.list_objects()
        editor_of(ready.url).push_image(REPOSITORY, "later", LARGE)
    (later,) = moved.list_objects().keys() - before.keys()
    # The database of the back-up: it has none of the rows, and no key that is doomed.
    digest = f"(SELECT digest FROM blobs WHERE pieces LIKE '%{later}%')"  # noqa: S608
    execute(
        moved.database,
        "DELETE FROM tags WHERE tag = 'later'",
        f"DELETE FROM manifests WHERE id IN (SELECT manifest FROM manifest_blobs WHERE digest = {digest})",  # noqa: S608
        f"DELETE FROM blobs WHERE pieces LIKE '%{later}%'",  # noqa: S608
        "DELETE FROM doomed",
    )
    with InThread(moved.settings()):
        assert run("gc", *moved.options, "--older-than", "0")[0] == 0
        assert later in moved.list_objects()
    # Until it is an hour old, a request may be about to name it.
    assert run("fsck", *moved.options) == (0, "", "the registry is sound\n")


def test_s16_server_that_collects_nothing_deletes_nothing_at_its_start(run: Any, moved: SharedPlace) -> None:
    key = f"pieces/0f/{'0f' * 11}{int(time.time()):010x}-1-{'ab' * 8}"
    moved.put(key, LARGE)
    execute(moved.database, f"INSERT INTO doomed VALUES ('{key}', 1)")  # noqa: S608
    with InThread(moved.settings()):
        assert key in moved.list_objects()
        assert run("gc", *moved.options)[0] == 0
    assert key not in moved.list_objects()
