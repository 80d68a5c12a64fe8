"""Claims of uploads, in one process and among several."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
from child_processes import LIMIT_S, running

from docker_credential_gcr.emulator.blobs.claims import Claims

FIRST, SECOND = "0f" * 16, "f0" * 16
# Another process says for each line whether it could claim the upload, and holds what it got.
ANOTHER = """
import sys
from pathlib import Path
from docker_credential_gcr.emulator.blobs.claims import Claims
claims = Claims(Path(sys.argv[1]))
for line in sys.stdin:
    word, upload = line.split()
    print(getattr(claims, word)(upload), flush=True)
"""


class Another:
    def __init__(self, process):
        self.process = process

    def ask(self, word, upload):
        self.process.stdin.write(f"{word} {upload}\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().strip()


@pytest.fixture
def another(tmp_path):
    command = [sys.executable, "-c", ANOTHER, tmp_path / "lock"]
    with running(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield Another(process)


@pytest.mark.parametrize("shared", [False, True])
def test_upload_is_claimed_once_until_it_is_released(tmp_path, shared):
    claims = Claims(tmp_path / "lock" if shared else None)
    assert [claims.claim(FIRST), claims.claim(FIRST), claims.claim(SECOND)] == [True, False, True]
    claims.release(FIRST)
    assert [claims.claim(FIRST), claims.is_shared] == [True, shared]


def test_of_many_threads_one_gets_it(tmp_path):
    claims = Claims(tmp_path / "lock")
    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(claims.claim, [FIRST] * 8)) == [False] * 7 + [True]


def test_what_another_process_holds_is_taken(tmp_path, another):
    claims = Claims(tmp_path / "lock")
    assert another.ask("claim", FIRST) == "True"
    assert [claims.claim(FIRST), claims.claim(SECOND)] == [False, True]
    assert another.ask("claim", SECOND) == "False"
    assert another.ask("release", FIRST) == "None"
    assert claims.claim(FIRST)


def test_what_another_process_held_is_free_when_it_was_killed(tmp_path, another):
    claims = Claims(tmp_path / "lock")
    assert another.ask("claim", FIRST) == "True"
    another.process.kill()
    another.process.wait(LIMIT_S)
    assert claims.claim(FIRST)
