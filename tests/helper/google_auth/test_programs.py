"""Programs are run until a deadline, with a limit for their output, and killed with their children."""

import os
import select
import signal
import subprocess
import sys
import time
import tracemalloc
from pathlib import Path

import pytest
from support.child_processes import LIMIT_S, running

from docker_credential_gcr.helper.google_auth import programs

ENVIRON = {"PATH": os.defpath}


def run(script: str, patience_s: float = LIMIT_S) -> programs.Run:
    return programs.run(["/bin/sh", "-c", script], ENVIRON, time.monotonic() + patience_s)


@pytest.fixture
def held(tmp_path: Path) -> int:
    """Creates a FIFO at `held`; its reader sees the end of its last writer."""
    os.mkfifo(tmp_path / "held")
    return os.open(tmp_path / "held", os.O_RDONLY | os.O_NONBLOCK)


def is_released(pipe: int) -> bool:
    """Returns whether the last writer has ended; a killed one may take a moment on a busy machine."""
    return select.select([pipe], [], [], LIMIT_S)[0] == [pipe] and os.read(pipe, 1) == b""


def test_the_status_and_both_outputs_are_given() -> None:
    assert run("echo out; echo err >&2; exit 3") == (3, "out\n", "err\n")


def test_a_program_that_reads_its_stdin_finds_it_empty() -> None:
    assert run("cat; echo out") == (0, "out\n", "")


@pytest.mark.parametrize("stream", ["1", "2"], ids=["B-Z10-stdout", "B-Z10-stderr"])
def test_z10_a_program_that_writes_without_end_is_ended_at_1_mib(
    stream: str, tmp_path: Path, held: int
) -> None:
    tracemalloc.start()

    with pytest.raises(programs.Unanswered, match=r"^answered more than 1 MiB$") as raised:
        run(f"exec 9>{tmp_path}/held; cat /dev/zero >&{stream} & wait")

    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (raised.value.is_late, is_released(held)) == (False, True)
    assert peak < 8 * 1024 * 1024


def test_z10_an_output_of_1_mib_is_not_too_much() -> None:
    assert len(run("head -c 1048576 /dev/zero").stdout) == 1024 * 1024


def test_z12_a_program_that_does_not_end_is_ended_at_the_deadline_with_its_children(
    tmp_path: Path, held: int
) -> None:
    with pytest.raises(programs.Unanswered, match=r"^did not answer in time$") as raised:
        run(f"exec 9>{tmp_path}/held; sleep 300 & wait", patience_s=0.3)

    assert (raised.value.is_late, is_released(held)) == (True, True)


def test_z12_a_child_in_the_background_neither_delays_the_answer_nor_outlives_it(
    tmp_path: Path, held: int
) -> None:
    assert run(f"exec 9>{tmp_path}/held; sleep 300 & echo out") == (0, "out\n", "")
    assert is_released(held)


def test_z12_a_daemon_that_holds_the_output_does_not_keep_the_caller(tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    script = (
        f"setsid sh -c 'echo $$ > {pid_file}.new; mv {pid_file}.new {pid_file}; exec sleep 300' & echo out"
    )

    answer = run(f"{script}; until [ -e {pid_file} ]; do :; done")

    os.kill(int(pid_file.read_text()), signal.SIGKILL)
    assert answer == (0, "out\n", "")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP], ids=lambda number: f"B-Z12-{number.name}")
def test_z12_a_program_does_not_outlive_a_caller_that_is_terminated(
    tmp_path: Path, held: int, number: signal.Signals
) -> None:
    caller = (
        "import os, sys, time\nfrom docker_credential_gcr.helper.google_auth import programs\n"
        "programs.run(['/bin/sh', '-c', sys.argv[1]], os.environ, time.monotonic() + 300)"
    )
    script = f"exec 9>{tmp_path}/held; echo >&9; sleep 300 & wait"

    with running([sys.executable, "-c", caller, script], stderr=subprocess.DEVNULL) as process:
        assert select.select([held], [], [], LIMIT_S)[0] == [held]
        assert os.read(held, 1) == b"\n"
        process.send_signal(number)
        process.wait(LIMIT_S)

    assert (process.returncode, is_released(held)) == (-number, True)


def test_a_program_that_cannot_be_started_is_an_error_of_the_system() -> None:
    with pytest.raises(FileNotFoundError):
        programs.run(["/absent"], ENVIRON, time.monotonic() + LIMIT_S)
