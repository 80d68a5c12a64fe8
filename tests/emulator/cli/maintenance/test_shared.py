"""gc, migrate and rebuild with --database: next to running servers, and what each refuses."""

from collections.abc import Callable
from typing import Any

import pytest
from support.servers.postgresql import NEEDS as NEEDS_POSTGRESQL
from support.servers.postgresql import execute
from support.servers.seaweedfs import NEEDS as NEEDS_SEAWEEDFS
from support.servers.seaweedfs import SeaweedFs
from support.shared_places import SharedPlace

from docker_credential_gcr.emulator.database import schema
from docker_credential_gcr.emulator.server.in_thread import InThread

pytestmark = [NEEDS_POSTGRESQL, NEEDS_SEAWEEDFS]
Run = Callable[..., tuple[int, str, str]]
REPOSITORY = "my-project/app"
LARGE = b"x" * 100_000
KINDS = ("manifests", "links", "blobs", "uploads", "files", "bytes")


def format_counts(**counts: int) -> str:
    return "".join(f"{kind} {counts.get(kind, 0)}\n" for kind in KINDS)


@pytest.fixture
def place(database_url: str, seaweedfs: SeaweedFs, monkeypatch: pytest.MonkeyPatch) -> SharedPlace:
    for name, value in seaweedfs.environ.items():
        monkeypatch.setenv(name, value)
    return SharedPlace(database_url, seaweedfs)


def test_gc_removes_what_its_dry_run_says_next_to_a_running_server(
    run: Run, place: SharedPlace, editor_of: Any
) -> None:
    asked = ("gc", *place.options, "--untagged", "--older-than", "0")
    with InThread(place.settings()) as ready:
        editor = editor_of(ready.url)
        editor.push_image(REPOSITORY, "v1", LARGE)
        kept = editor.push_image(REPOSITORY, "v2", LARGE + b"kept")
        assert editor.delete(f"/v2/{REPOSITORY}/manifests/v1").status_code == 202

        counts = format_counts(manifests=1, links=1, blobs=1, bytes=len(LARGE))
        said = "would free 97.7 KiB; nothing was removed: leave out --dry-run to remove it\n"
        assert run(*asked, "--dry-run") == (0, counts, said)
        assert len(place.list_objects()) == 2
        assert run(*asked) == (0, counts, "freed 97.7 KiB\n")
        assert run(*asked) == (0, format_counts(), "freed 0 B\n")
        assert list(place.list_objects().values()) == [len(LARGE) + len(b"kept")]
        token = editor.token(f"repository:{REPOSITORY}:pull")
        assert editor.call("GET", f"/v2/{REPOSITORY}/manifests/{kept}", token=token).status_code == 200


def test_gc_takes_the_database_from_the_environment_unless_a_server_is_named(
    run: Run, place: SharedPlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    for option, value in zip(place.options[::2], place.options[1::2], strict=True):
        monkeypatch.setenv(f"GCR_EMULATOR_{option[2:].upper().replace('-', '_')}", value)
    with InThread(place.settings()) as ready:
        assert run("gc") == (0, format_counts(), "freed 0 B\n")
        execute(place.database, "DROP TABLE alembic_version")
        assert run("gc")[0] == 1
        assert run("gc", "--server", ready.url) == (0, format_counts(), "freed 0 B\n")


def test_gc_of_a_server_and_of_a_database_at_once_is_a_misuse(run: Run, place: SharedPlace) -> None:
    code, out, err = run("gc", *place.options, "--server", "http://localhost:1")
    assert (code, out) == (2, "")
    assert "--server and --database exclude each other: give one of them" in err


def test_migrate_says_what_it_did(run: Run, database_url: str) -> None:
    asked = ("migrate", "--database", database_url)
    assert run(*asked) == (0, "", f"created the tables, of revision {schema.REVISION}\n")
    assert run(*asked) == (0, "", f"nothing to do: the schema is of revision {schema.REVISION}\n")
    execute(database_url, "UPDATE alembic_version SET version_num = 'theirs'")
    code, out, err = run(*asked)
    assert (code, out) == (1, "")
    assert err.startswith("gcr-emulator: the database's schema is of revision 'theirs'")


def test_password_of_a_database_that_does_not_answer_is_in_no_message(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GCR_EMULATOR_DATABASE", "postgresql://user:secret@127.0.0.1:1/registry")
    code, out, err = run("migrate")
    assert (code, out) == (1, "")
    assert "cannot use the database registry on 127.0.0.1" in err
    assert "secret" not in err


def test_rebuild_names_what_restores_a_postgresql_database(run: Run, database_url: str) -> None:
    code, out, err = run("rebuild", "--database", database_url, "--data", ".")
    assert (code, out) == (2, "")
    assert "restore PostgreSQL from a back-up, with pg_restore or by point-in-time recovery" in err
