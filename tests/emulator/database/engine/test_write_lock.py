"""Write lock between processes: one holds it at a time, and the end of a process releases it."""

import signal
import subprocess
import sys
from contextlib import ExitStack

import pytest
from support.child_processes import LIMIT_S, running

from docker_credential_gcr.emulator.database.engine.write_lock import WriteLock

ROUNDS = 200
# Increments a number in a file: without the lock increments are lost.
COUNT = f"""
import sys
from pathlib import Path
from docker_credential_gcr.emulator.database.engine.write_lock import WriteLock
lock, count = WriteLock(Path(sys.argv[1], "lock")), Path(sys.argv[1], "count")
for _ in range({ROUNDS}):
    with lock.acquire():
        count.write_text(str(int(count.read_text()) + 1))
lock.close()
"""
TAKE_AND_WAIT = """
import sys
from pathlib import Path
from docker_credential_gcr.emulator.database.engine.write_lock import WriteLock
with WriteLock(Path(sys.argv[1], "lock")).acquire():
    print("has it", flush=True)
    input()
"""


def run(program, path):
    command = [sys.executable, "-c", program, path]
    return running(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def test_processes_take_turns(tmp_path):
    (tmp_path / "count").write_text("0")
    with ExitStack() as stack:
        workers = [stack.enter_context(run(COUNT, tmp_path)) for _ in range(3)]
        assert [worker.wait(LIMIT_S) for worker in workers] == [0, 0, 0]
    assert (tmp_path / "count").read_text() == str(3 * ROUNDS)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_lock_ends_with_its_process(tmp_path, number):
    with run(TAKE_AND_WAIT, tmp_path) as worker:
        assert worker.stdout.readline() == "has it\n"
        worker.send_signal(number)
        with WriteLock(tmp_path / "lock").acquire():
            pass
        assert worker.wait(LIMIT_S) == -number
