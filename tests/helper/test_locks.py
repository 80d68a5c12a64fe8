"""Locks of a file and of a directory: one holder at a time, until the end of its block."""

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from support.child_processes import LIMIT_S

from docker_credential_gcr import files

LOCKS: dict[str, Callable[[Path, float], AbstractContextManager[bool | None]]] = {
    "a file's": lambda folder, timeout_s: files.lock_file(str(folder / "lock"), timeout_s),
    "a directory's": lambda folder, timeout_s: files.lock_directory(str(folder), timeout_s),
}
Lock = Callable[[float], AbstractContextManager[bool | None]]


@pytest.fixture(params=LOCKS)
def lock(request: pytest.FixtureRequest, tmp_path: Path) -> Lock:
    return lambda timeout_s: LOCKS[request.param](tmp_path, timeout_s)


def is_free(lock: Lock) -> bool:
    try:
        with lock(0) as is_ours:
            return is_ours is not False
    except TimeoutError:
        return False


def test_a_lock_has_one_holder_until_its_block_ends(lock: Lock) -> None:
    with lock(0):
        assert not is_free(lock)

    assert is_free(lock)


def test_a_lock_is_waited_for(lock: Lock) -> None:
    is_held = threading.Event()
    found = []

    def wait() -> None:
        is_held.set()
        with lock(LIMIT_S) as is_ours:
            found.append(is_ours is not False)

    with lock(0):
        waiter = threading.Thread(target=wait)
        waiter.start()
        assert is_held.wait(LIMIT_S)
        assert found == []
    waiter.join(LIMIT_S)

    assert found == [True]


def test_the_file_of_a_lock_is_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "new" / "lock"

    with files.lock_file(str(path), 0) as is_ours:
        modes = [place.stat().st_mode & 0o777 for place in (path, path.parent)]

    assert (is_ours, modes, path.exists()) == (True, [0o600, 0o700], True)


def test_a_link_is_not_followed_to_a_lock(tmp_path: Path) -> None:
    (tmp_path / "other").write_text("kept")
    (tmp_path / "lock").symlink_to("other")

    with files.lock_file(str(tmp_path / "lock"), 0) as is_ours:
        assert is_ours is False

    assert (tmp_path / "other").read_text() == "kept"
