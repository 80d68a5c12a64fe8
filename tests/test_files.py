"""Files with secrets: complete or absent, readable by their owner alone."""

import os

import pytest

from docker_credential_gcr.files import create_file, replace_file


def test_file_is_replaced_whole_and_private(tmp_path):
    path = tmp_path / "key"
    path.write_bytes(b"old, and longer")
    path.chmod(0o644)
    replace_file(path, b"new")
    assert (path.read_bytes(), path.stat().st_mode & 0o777) == (b"new", 0o600)
    assert list(tmp_path.iterdir()) == [path]


def test_file_that_another_has_made_meanwhile_stays(tmp_path):
    path = tmp_path / "key"
    create_file(path, b"first")
    create_file(path, b"second")
    assert (path.read_bytes(), path.stat().st_mode & 0o777) == (b"first", 0o600)
    assert list(tmp_path.iterdir()) == [path]


def test_file_system_without_hard_links_will_do(tmp_path):
    def link(_source, _target):
        raise PermissionError("Operation not permitted")

    path = tmp_path / "key"
    create_file(path, b"first", link)
    create_file(path, b"second", link)
    assert (path.read_bytes(), path.stat().st_mode & 0o777) == (b"first", 0o600)
    assert list(tmp_path.iterdir()) == [path]


def test_file_that_cannot_be_written_is_not_there(tmp_path):
    path = tmp_path / "missing" / "key"
    with pytest.raises(FileNotFoundError):
        create_file(path, b"first")
    assert list(tmp_path.iterdir()) == []


def test_d16_a_file_of_the_emulators_own_is_replaced_whatever_is_there(tmp_path):
    path = tmp_path / "key"
    os.mkfifo(path)
    replace_file(path, b"new")
    assert (path.is_file(), path.read_bytes(), path.stat().st_mode & 0o777) == (True, b"new", 0o600)
