"""Emulators as programs: one on a data directory, or several on one database behind a load balancer.

with running_replicas(3, folder, "--database", url, "--storage", "s3://images/x", ...) as replicas:
    replicas.front.url            # each request goes to the next replica that accepts connections
    replicas.programs[0].ready    # {"url": ..., "pid": ...} of one of them
    replicas.kill(0)              # SIGKILL of all its processes
    replicas.start(0)             # on a new port, which the front then knows
    replicas.restart(1)           # SIGTERM, its end, and a start
"""

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from support.child_processes import OF_THE_SESSION
from support.servers.round_robin import RoundRobin

WAIT_S = 60


class ServerProgram:
    """The emulator as a program on one data directory; every start is on a new port."""

    def __init__(self, data: Path, *arguments: object, environ: Mapping[str, str] | None = None) -> None:
        program = Path(sys.executable).with_name("gcr-emulator")
        self.data = data
        self._command = [program, "serve", "--port", "0", "--data", data, *arguments]
        self._environ = environ or {}
        self._log = data.with_name(f"{data.name}.stderr")
        self._process: subprocess.Popen[bytes] | None = None
        self.ready: dict[str, Any] = {}

    @property
    def pid(self) -> int:
        """Returns the PID of its first process."""
        assert self._process is not None, "the server does not run"
        return self._process.pid

    def start(self, **environ: str) -> bool:
        """Starts the server; returns whether it became ready, False for a crash of GCR_EMULATOR_CRASH_AT."""
        # A separate session, so that one signal reaches all its processes at once.
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [*map(str, self._command)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                env={**os.environ, **self._environ, **environ},
                start_new_session=True,
            )
        assert self._process.stdout is not None
        readable, _, _ = select.select([self._process.stdout], [], [], WAIT_S)
        assert readable, f"the server says nothing for {WAIT_S} s"
        line = self._process.stdout.readline()
        self.ready = json.loads(line) if line else {}
        return bool(line)

    def kill(self) -> None:
        """Kills all its processes at once."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self.await_end()

    def terminate(self) -> None:
        """Sends SIGTERM, as a service manager does."""
        os.kill(self.pid, signal.SIGTERM)

    def await_end(self) -> tuple[int, str]:
        """Waits until the server has ended; returns its exit status and stderr."""
        process, self._process = self._process, None
        assert process is not None, "the server does not run"
        process.communicate(timeout=WAIT_S)
        return process.returncode, self._log.read_text()


class Replicas:
    """Several emulators, with the same arguments, behind a load balancer without affinity."""

    def __init__(
        self,
        count: int,
        folder: Path,
        *arguments: object,
        front: RoundRobin,
        environ: Mapping[str, str] | None = None,
    ) -> None:
        places = [folder / f"replica-{number}" for number in range(count)]
        self.front = front
        self.programs = [ServerProgram(place, *arguments, environ=environ) for place in places]
        self._ports: dict[int, int] = {}

    def start(self, number: int) -> None:
        """Starts one that does not run. Raises AssertionError with its stderr if it does not become ready."""
        program = self.programs[number]
        if not program.start():
            raise AssertionError(f"replica {number} does not start: {program.await_end()}")
        OF_THE_SESSION.add(program.pid)
        self._set_port(number, urlsplit(program.ready["url"]).port)

    def start_all(self) -> None:
        """Starts all at once, as an orchestrator does."""
        with ThreadPoolExecutor(len(self.programs)) as threads:
            list(threads.map(self.start, range(len(self.programs))))

    def kill(self, number: int) -> None:
        """Kills one of them by SIGKILL; the front has no news of it, and finds out."""
        self.programs[number].kill()

    def restart(self, number: int) -> tuple[int, str]:
        """Replaces one as a rolling update does, SIGTERM first; returns exit status and stderr."""
        program = self.programs[number]
        program.terminate()
        ended = program.await_end()
        self.start(number)
        return ended

    def _set_port(self, number: int, port: int | None) -> None:
        assert port is not None
        self._ports[number] = port
        self.front.set_ports([self._ports[each] for each in sorted(self._ports)])


@contextmanager
def running_replicas(
    count: int,
    folder: Path,
    *arguments: object,
    environ: Mapping[str, str] | None = None,
    forwards_for: bool = True,
    check_s: float | None = None,
    trusts_checks: bool = False,
) -> Iterator[Replicas]:
    """Runs emulators with these arguments of `serve` for the block; the last three are RoundRobin's."""
    with RoundRobin(forwards_for=forwards_for, check_s=check_s, trusts_checks=trusts_checks) as front:
        replicas = Replicas(count, folder, *arguments, front=front, environ=environ)
        try:
            replicas.start_all()
            yield replicas
        finally:
            for program in replicas.programs:
                program.kill()
