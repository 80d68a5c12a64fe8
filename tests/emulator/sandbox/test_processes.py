"""ChildProcesses runs a command as a shell would, also at a terminal, and leaves no process behind."""

import os
import pty
import select
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress

import pytest
from support.child_processes import end as kill
from support.child_processes import list_children

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="namespaces are Linux's")

LIMIT_S = 60
# The server's PID is 0, which no process has: only the end of the command ends the run.
SCRIPT = """
import os, sys
from docker_credential_gcr.emulator.sandbox.namespaces import NoNamespaces, enter
from docker_credential_gcr.emulator.sandbox.processes import CannotRun, ChildProcesses
try:
    enter()
except NoNamespaces as error:
    sys.exit(f"{error}")
with ChildProcesses() as children:
    try:
        status = children.run(sys.argv[1:], {**os.environ, "GUARDED": "yes"}, 0)
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


class Terminal:
    """A terminal of one process, with input and output."""

    def __init__(self) -> None:
        self.said = ""
        self.pid = 0

    def start(self, *command: str) -> None:
        self.pid, self.end = pty.fork()
        if self.pid == 0:
            os.execvpe(command[0], command, {**os.environ, "PS1": "", "TERM": "dumb"})  # noqa: S606 - the test's own

    def type(self, text: str) -> None:
        os.write(self.end, text.encode())

    def expect(self, text: str) -> None:
        """Waits for the text in the output, after the text that was expected before."""
        while (found := self.said.find(text, self.past)) < 0:
            assert select.select([self.end], [], [], LIMIT_S)[0], self.said
            self.said += os.read(self.end, 1024).decode()
        self.past = found + len(text)

    past = 0

    def wait(self) -> int:
        """Waits for the end of the process, and returns its exit status."""
        with suppress(OSError):  # EIO: on Linux, the other side is closed
            while select.select([self.end], [], [], LIMIT_S)[0] and (block := os.read(self.end, 1024)):
                self.said += block.decode()
        _, status = os.waitpid(self.pid, 0)
        self.pid = 0
        return os.waitstatus_to_exitcode(status)


@pytest.fixture
def terminal() -> Iterator[Terminal]:
    terminal = Terminal()
    yield terminal
    if terminal.pid:
        kill([terminal.pid])
        os.waitpid(terminal.pid, 0)
    os.close(terminal.end)


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

    # stdin stays open until then: at its end, the shell's `read` would return too.
    assert process.stdout.readline() == "got\n"
    assert outcome(process) == (9, "", "")


def test_command_blocks_no_signal() -> None:
    _, out, _ = outcome(start("grep", "SigBlk", "/proc/self/status"))

    assert out == f"SigBlk:\t{0:016x}\n"


def test_terminal_is_the_commands_and_its_interrupt_comes_once(terminal: Terminal) -> None:
    script = "trap 'echo got' INT; tty -s && echo ready; read line; read line; exit 5"
    terminal.start(*PROGRAM, "sh", "-c", script)
    terminal.expect("ready")
    terminal.type("\x03")
    terminal.expect("got")
    terminal.type("x\ny\n")

    assert (terminal.wait(), terminal.said.count("got")) == (5, 1), terminal.said


# A shell with job control, which prints the state of its job.
SHELL = ("sh", "-imc", """
    "$@"
    echo it is stopped: $(($? - 128))
    fg >/dev/null
    echo status $?
    read line
    echo the terminal is back: $line
""", "sh")  # fmt: skip


def test_a_command_that_is_stopped_at_the_terminal_goes_back_to_the_shell(terminal: Terminal) -> None:
    script = "echo ready; read line; echo read $line; exit 7"
    terminal.start(*SHELL, *PROGRAM, "sh", "-c", script)
    terminal.expect("ready")
    terminal.type("\x1a")
    terminal.expect(f"it is stopped: {signal.SIGTSTP:d}")
    terminal.type("first\n")
    terminal.expect("read first")
    terminal.expect("status 7")
    terminal.type("second\n")

    terminal.expect("the terminal is back: second")
    assert terminal.wait() == 0


def test_a_stop_is_ignored_where_no_shell_could_continue_the_command(terminal: Terminal) -> None:
    terminal.start(*PROGRAM, "sh", "-c", "echo ready; read line; echo read $line")
    terminal.expect("ready")
    terminal.type("\x1a")
    terminal.type("first\n")

    terminal.expect("read first")
    assert terminal.wait() == 0


@pytest.mark.parametrize("shell", ["sh", "bash"])
def test_an_interactive_shell_controls_jobs_and_exits_with_its_own_status(
    terminal: Terminal, shell: str
) -> None:
    script = f"{' '.join(map(shlex.quote, PROGRAM))} {shell} -i; echo status $?; read line; echo read $line"
    terminal.start("sh", "-c", script)
    terminal.type("sh -c true; exit $((3 + 4))\n")
    terminal.expect("status 7")
    terminal.type("first\n")

    terminal.expect("read first")
    assert terminal.wait() == 0


def test_what_ignores_signals_is_ended() -> None:
    loop = "trap : TERM; echo $$; exec >/dev/null 2>&1; while :; do sleep 1; done"
    process = start("sh", "-c", f"setsid sh -c '{loop}' & read line; exit $line")
    assert process.stdout is not None
    assert process.stdout.readline().strip().isdigit()
    left = find_descendants(process.pid)

    assert (outcome(process, "4\n"), [has_ended(pid) for pid in left]) == ((4, "", ""), [True] * len(left))
    assert len(left) >= 3  # init, the command and the loop


def find_descendants(pid: int) -> list[int]:
    children = list(list_children(pid))
    return children + [found for child in children for found in find_descendants(child)]


def has_ended(pid: int) -> bool:
    return not os.path.exists(f"/proc/{pid}")
