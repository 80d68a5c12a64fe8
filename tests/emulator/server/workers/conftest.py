"""Server with two workers, each of which can be made the one that answers."""

import json
import os
import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest

from docker_credential_gcr.pytest_plugin import GcrEmulator

WAIT_S = 60


class Workers:
    """The program and its processes, with the first as `first`."""

    def __init__(self, *arguments, environ=None):
        command = [sys.executable, "-m", "docker_credential_gcr.emulator.cli.main", "serve", "--port", "0"]
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(
            [*command, *map(str, arguments)], stdout=pipe, stderr=pipe, text=True, env=environ
        )
        line = self.process.stdout.readline()
        assert line, self.process.communicate(timeout=WAIT_S)
        self.ready = json.loads(line)
        self.first = self.process.pid

    @property
    def others(self):
        """Returns the processes other than the first."""
        children = Path(f"/proc/{self.first}/task/{self.first}/children")
        return [int(child) for child in children.read_text().split()]

    @contextmanager
    def only(self, pid):
        """Stops all other processes, so that this one accepts every new connection."""
        halted = {self.first, *self.others} - {pid}
        for other in halted:
            os.kill(other, signal.SIGSTOP)
        try:
            for other in halted:
                while state_of(other) != "T":
                    os.sched_yield()
            yield
        finally:
            for other in halted:
                os.kill(other, signal.SIGCONT)

    def stop(self, number=signal.SIGTERM):
        """Sends a signal; returns the rest of the output, and the exit status."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.process.communicate(timeout=WAIT_S), self.process.returncode


def state_of(pid):
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


@pytest.fixture(scope="session")
def start_workers():
    """Returns the class that starts the program with options; the test stops it."""
    return Workers


@pytest.fixture
def start(tmp_path):
    """Starts a server with workers, on a data directory that it may name."""
    started = []

    def make(*arguments, count=2, **options):
        data = ["--data", tmp_path / "data"]
        server = Workers("--workers", count, *data, *arguments, **options)
        started.append(server)
        return server

    yield make
    for server in started:
        server.stop(signal.SIGKILL)


@pytest.fixture
def workers(start):
    return start("--project", "my-project")


@pytest.fixture
def pair(workers):
    """Returns the two processes of the server: the first, the other."""
    (other,) = workers.others
    return workers.first, other


@pytest.fixture
def emulator_of(tmp_path):
    """Returns a function that creates the plugin's emulator of a server; each call uses a new connection."""
    import requests

    class Session(requests.Session):
        def request(self, *arguments, **options):
            options["headers"] = {**(options.get("headers") or {}), "Connection": "close"}
            return super().request(*arguments, **options)

    with Session() as session:
        session.trust_env = False

        def make(workers):
            made = GcrEmulator(session, workers.ready["url"], workers.ready["registry"], tmp_path)
            made.session = session
            return made

        yield make


@pytest.fixture
def emulator(emulator_of, workers):
    return emulator_of(workers)


@pytest.fixture
def editor(workers, editor_of, emulator):
    client = editor_of(workers.ready["url"])
    client.session = emulator.session
    return client
