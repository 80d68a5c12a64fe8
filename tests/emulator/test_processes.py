"""A guard runs a command as if it were the command, and leaves no process behind."""

import os
import pty
import signal
import subprocess
import sys

import pytest

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="its ways to guard are Linux's")

LIMIT_S = 60
# No process has the number 0: the command's end is the only one.
SCRIPT = """
import os, sys
from docker_credential_gcr.emulator.processes import CannotRun, Guard
with Guard() as guard:
    try:
        status = guard.run(sys.argv[1:], {**os.environ, "GUARDED": "yes"}, 0)
    except CannotRun as error:
        print(error)
        status = error.status
sys.exit(status)
"""
PROGRAM = [sys.executable, "-c", SCRIPT]


def start(*command: str) -> "subprocess.Popen[str]":
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen([*PROGRAM, *command], text=True, **pipes)


def outcome(process: "subprocess.Popen[str]", given: str = "") -> tuple[int, str, str]:
    out, err = process.communicate(given, timeout=LIMIT_S)
    return process.returncode, out, err


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        (["true"], (0, "", "")),
        (["sh", "-c", "exit 7"], (7, "", "")),
        (["sh", "-c", "kill -KILL $$"], (137, "", "")),
        (["cat"], (0, "given", "")),
        (["sh", "-c", "echo $GUARDED $0; echo said >&2", "--x"], (0, "yes --x\n", "said\n")),
        (["no-such-program"], (127, "no-such-program: no such command\n", "")),
        (["/dev/null/program"], (127, "/dev/null/program: no such command\n", "")),
        (["/"], (126, "/: Permission denied\n", "")),
    ],
)
def test_command_has_the_streams_and_its_status_is_returned(command, expected) -> None:
    assert outcome(start(*command), "given") == expected


@pytest.mark.parametrize(
    "number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2]
)
def test_signals_reach_the_command(number: signal.Signals) -> None:
    script = f"trap 'echo got; exit 9' {number.name[3:]}; echo ready; while read line; do :; done"
    process = start("sh", "-c", script)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"

    process.send_signal(number)

    # Until then its stdin stays open: an end of that would end the shell's wait too.
    assert process.stdout.readline() == "got\n"
    assert outcome(process) == (9, "", "")


def test_command_blocks_no_signal() -> None:
    _, out, _ = outcome(start("grep", "SigBlk", "/proc/self/status"))

    assert out == f"SigBlk:\t{0:016x}\n"


def test_terminal_is_the_commands_and_its_interrupt_comes_once() -> None:
    script = "trap 'echo got' INT; tty -s && echo ready; read line; read line; exit 5"
    pid, terminal = pty.fork()
    if pid == 0:
        os.execv(sys.executable, [*PROGRAM, "sh", "-c", script])  # noqa: S606 - the test's own
    said = b""
    try:
        while b"ready" not in said:
            said += os.read(terminal, 1024)
        os.write(terminal, b"\x03")
        while b"got" not in said:
            said += os.read(terminal, 1024)
        os.write(terminal, b"x\ny\n")
        _, status = os.waitpid(pid, 0)
        said += os.read(terminal, 1024)
    finally:
        os.close(terminal)

    assert os.waitstatus_to_exitcode(status) == 5
    assert said.count(b"got") == 1, said


def test_what_the_command_leaves_is_ended() -> None:
    # The substitution ends when the daemon has let go of its pipe, and lives on.
    daemon = "echo $(setsid sh -c 'echo $$; exec sleep 4711 >/dev/null 2>&1' &)"
    status, out, err = outcome(start("sh", "-c", f"{daemon}; {daemon}; exit 3"))

    assert (status, [has_ended(pid) for pid in out.split()], err) == (3, [True, True], "")


def test_what_does_not_end_is_killed() -> None:
    loop = "trap : TERM; echo $$; exec >/dev/null 2>&1; while :; do sleep 1; done"
    process = start("sh", "-c", f"setsid sh -c '{loop}' & read line; exit $line")
    assert process.stdout is not None
    pid = process.stdout.readline().strip()
    status, out, err = outcome(process, "4\n")

    assert (status, out, err, has_ended(pid)) == (4, "", "", True)


def has_ended(pid: str) -> bool:
    return not os.path.exists(f"/proc/{pid}")
