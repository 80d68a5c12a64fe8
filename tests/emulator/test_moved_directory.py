"""A data directory that was moved to a database and an object store: nothing uses it again."""

from collections.abc import Callable
from pathlib import Path

import pytest

from docker_credential_gcr.emulator.data_directory import DataDirectory, mark_moved

COMMANDS = [("serve", "--port", "0"), ("gc",), ("fsck",), ("rebuild",)]
DATABASE, STORE = "postgresql://db.example.com:5432/registry", "s3://images/registry"


@pytest.fixture
def data(tmp_path: Path) -> Path:
    DataDirectory(tmp_path / "data").close()
    return tmp_path / "data"


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])
def test_moved_directory_is_refused_with_the_place_where_its_content_is(
    data: Path, run: Callable[..., tuple[int, str, str]], command: tuple[str, ...]
) -> None:
    mark_moved(data, f"{DATABASE} and {STORE}")
    before = {path: path.is_file() and path.read_bytes() for path in data.rglob("*")}

    assert run(*command, "--data", data) == (
        1,
        "",
        f"gcr-emulator: {data} was moved to {DATABASE} and {STORE}: "
        f"serve that, or delete {data / 'moved-to'} to serve this copy again\n",
    )
    assert {path: path.is_file() and path.read_bytes() for path in data.rglob("*")} == before


def test_directory_whose_marker_is_deleted_is_used_again(data: Path) -> None:
    mark_moved(data, STORE)
    (data / "moved-to").unlink()
    DataDirectory(data).close()


@pytest.mark.parametrize(
    "database",
    [
        "postgresql://db.example.com:5432/registry",
        "postgresql://registry:hunter2@db.example.com:5432/registry",
        "postgresql://registry:hunter2@x@db.example.com:5432/registry?sslmode=require",
        "postgresql://db.example.com:5432/registry?user=registry&password=hunter2",
    ],
    ids=["none", "of-the-user", "with-an-at-sign", "in-the-query"],
)
def test_marker_holds_no_password(data: Path, database: str) -> None:
    mark_moved(data, f"{database} and {STORE}")
    assert (data / "moved-to").read_text() == f"{DATABASE} and {STORE}\n"
