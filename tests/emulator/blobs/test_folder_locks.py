"""Locks on folders: shared by those who hold them, until the last of them lets go, however that comes."""

import subprocess
import sys

import pytest
from child_processes import LIMIT_S, running

from docker_credential_gcr.emulator.blobs.folder_locks import Hold, alone_in

ANOTHER = (
    "import pathlib, sys; from docker_credential_gcr.emulator.blobs.folder_locks import Hold; "
    "hold = Hold(pathlib.Path(sys.argv[1])); print('held', flush=True); sys.stdin.read()"
)


def is_alone(folder):
    with alone_in(folder) as alone:
        return alone


def test_who_is_alone_is_so_until_somebody_holds_the_folder(tmp_path):
    assert is_alone(tmp_path)
    with Hold(tmp_path), Hold(tmp_path):
        assert not is_alone(tmp_path)
    assert is_alone(tmp_path)


def test_two_are_not_alone(tmp_path):
    with alone_in(tmp_path) as first, alone_in(tmp_path) as second:
        assert (first, second) == (True, False)
    assert is_alone(tmp_path)


def test_one_hold_is_for_many_folders(tmp_path):
    folders = [tmp_path / name for name in ("one", "two")]
    for folder in folders:
        folder.mkdir()
    with Hold(*folders):
        assert [is_alone(folder) for folder in folders] == [False, False]
    assert [is_alone(folder) for folder in folders] == [True, True]


def test_hold_ends_with_its_last_reference(tmp_path):
    hold = Hold(tmp_path)
    assert not is_alone(tmp_path)
    del hold
    assert is_alone(tmp_path)


@pytest.mark.parametrize("end", [subprocess.Popen.terminate, subprocess.Popen.kill])
def test_hold_of_another_process_ends_with_it(tmp_path, end):
    command = [sys.executable, "-c", ANOTHER, str(tmp_path)]
    with running(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"held\n"
        assert not is_alone(tmp_path)
        end(process)
        process.wait(LIMIT_S)
    assert is_alone(tmp_path)
