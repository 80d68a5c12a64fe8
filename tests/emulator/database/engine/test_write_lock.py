"""Turns of several processes: one at a time, and none that its process did not live to end."""

import signal
import subprocess
import sys
from contextlib import ExitStack

import pytest
from support.child_processes import LIMIT_S, running

from docker_credential_gcr.emulator.database.engine.write_lock import Turns

ROUNDS = 200
# Reads, adds and writes what only one at a time can do without a loss.
COUNT = f"""
import sys
from pathlib import Path
from docker_credential_gcr.emulator.database.engine.write_lock import Turns
turns, count = Turns(Path(sys.argv[1], "lock")), Path(sys.argv[1], "count")
for _ in range({ROUNDS}):
    with turns.take():
        count.write_text(str(int(count.read_text()) + 1))
turns.close()
"""
TAKE_AND_WAIT = """
import sys
from pathlib import Path
from docker_credential_gcr.emulator.database.engine.write_lock import Turns
with Turns(Path(sys.argv[1], "lock")).take():
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
def test_turn_ends_with_its_process(tmp_path, number):
    with run(TAKE_AND_WAIT, tmp_path) as worker:
        assert worker.stdout.readline() == "has it\n"
        worker.send_signal(number)
        with Turns(tmp_path / "lock").take():
            pass
        assert worker.wait(LIMIT_S) == -number
