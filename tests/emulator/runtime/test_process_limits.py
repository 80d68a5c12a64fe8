"""The limit of open files is raised as far as allowed; below a low limit, connections wait."""

import json
import socket
import subprocess
import sys
from contextlib import ExitStack, contextmanager
from pathlib import Path

from support.child_processes import LIMIT_S, running

SERVE = f"{sys.executable} -m docker_credential_gcr.emulator.cli.main serve --port 0"
COMPLAINT = (
    "gcr-emulator: at most 600 files can be open at once, so few connections: "
    "raise the hard limit, ulimit -Hn\n"
)


@contextmanager
def serving(limits):
    """Runs a server under the limits that a shell command sets; yields its port and process."""
    command = ["sh", "-c", f"{limits} && exec {SERVE}"]
    with running(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        ready = json.loads(process.stdout.readline())
        yield int(ready["url"].rpartition(":")[2]), process
        process.terminate()
        process.rest = process.communicate(timeout=LIMIT_S)


def limit_of(pid):
    lines = Path(f"/proc/{pid}/limits").read_text().splitlines()
    return next(line.split()[3:5] for line in lines if line.startswith("Max open files"))


def ask(connection):
    connection.sendall(b"GET /_emulator/health HTTP/1.1\r\nHost: localhost\r\n\r\n")


def test_soft_limit_is_raised_to_the_hard_one_in_silence():
    with serving("ulimit -Sn 300 && ulimit -Hn 5000") as (_, process):
        assert limit_of(process.pid) == ["5000", "5000"]
    assert process.rest == ("", "")


def test_low_hard_limit_is_said_once_and_connections_wait():
    with serving("ulimit -n 600") as (port, process), ExitStack() as stack:
        silent = [socket.create_connection(("127.0.0.1", port), timeout=60) for _ in range(400)]
        for connection in silent:
            stack.enter_context(connection)
        late = stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=60))
        ask(late)
        # The first connections are served nevertheless.
        ask(silent[0])
        assert silent[0].recv(100).startswith(b"HTTP/1.1 200")
        for connection in silent:
            connection.close()
        assert late.recv(100).startswith(b"HTTP/1.1 200")
    assert process.rest == ("", COMPLAINT)
