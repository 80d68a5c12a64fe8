"""Runs against what is installed, side by side; a signal to the script reaches all of them."""

import os
import re
import shutil
import signal
import subprocess
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from _environment import CHECKOUT, Environment, Failed, isolated_environ, run

_WHERE = (
    "import docker_credential_gcr, sys; print(docker_credential_gcr.__file__.startswith(sys.prefix + '/'))"
)

# pytest's dots; of what comes in a piece nobody has waited for them.
_PROGRESS = re.compile(r"^=+ test session starts =+$.*?(?=^=+ .+ =+$)", re.DOTALL | re.MULTILINE)


@dataclass(frozen=True)
class Run:
    """Where the package is or will be installed, the variables and the command of a run.

    `python` in the command is that environment's, `{place}` a directory of the run's own.
    """

    environment: Future[Environment]
    handed: Mapping[str, str]
    command: Sequence[str]


def pytest_run(environment: Future[Environment], handed: Mapping[str, str], arguments: Sequence[str]) -> Run:
    """A run of pytest."""
    command = ["python", "-B", "-m", "pytest", "-c", str(CHECKOUT / "setup.cfg"), "--rootdir", str(CHECKOUT)]
    command += ["-o", "cache_dir={place}/cache", "--basetemp", "{place}/pytest"]
    return Run(environment, handed, [*command, *map(find_path, arguments)])


def run_side_by_side(work: Path, runs: Mapping[str, Run]) -> list[str]:
    """The names of the runs that failed.

    As many run at a time as there are processors. The first one's output is seen as it comes,
    that of each other one in a piece, in order, once those before it have ended, and without progress.
    """
    failed = []
    processes = _Processes()
    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool, processes.interrupted_together(pool):
        outputs = {name: None if not place else work / f"{name}.log" for place, name in enumerate(runs)}
        ends = {name: pool.submit(_passes, work, run, processes, outputs[name]) for name, run in runs.items()}
        for name, end in ends.items():
            output = outputs[name]
            passed = end.result()
            if output is not None:
                said = _PROGRESS.sub("", output.read_text(errors="replace"), count=1)
                print(f"{name}\n{said}", flush=True)
            if not passed:
                failed.append(name)
    return failed


class _Processes:
    """The pytests that run now."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: set[subprocess.Popen[bytes]] = set()
        self._stopped = False

    def run(
        self, command: Sequence[str], *, cwd: Path, environ: Mapping[str, str], output: IO[bytes] | None
    ) -> int:
        """The exit status; -SIGINT for what was never started, because a signal came first."""
        with self._lock:
            if self._stopped:
                return -signal.SIGINT
            process = subprocess.Popen(
                command, cwd=cwd, env=environ, stdin=subprocess.DEVNULL, stdout=output, stderr=output
            )
            self._running.add(process)
        try:
            return process.wait()
        finally:
            with self._lock:
                self._running.discard(process)

    @contextmanager
    def interrupted_together(self, pool: ThreadPoolExecutor) -> Iterator[None]:
        """When a signal ends the script, every pytest tears its fixtures down first."""
        try:
            yield
        except (KeyboardInterrupt, SystemExit) as end:
            with self._lock:
                self._stopped = True
                # The terminal has told them itself.
                for process in () if isinstance(end, KeyboardInterrupt) else self._running:
                    process.send_signal(signal.SIGINT)
            pool.shutdown(cancel_futures=True)
            raise


def _passes(work: Path, run_: Run, processes: _Processes, output: Path | None) -> bool:
    # Not in the checkout: `python -m` in a test would import it instead of what is installed.
    place = Path(tempfile.mkdtemp(prefix="tests-", dir=work))
    environment = run_.environment.result()
    environ = {**isolated_environ(place / "home", environment.programs), **run_.handed}
    python = environment.program("python")
    if run([python, "-c", _WHERE], cwd=place, environ=environ).strip() != "True":
        raise Failed(
            "docker_credential_gcr is not imported from the environment that the wheel was installed into"
        )
    words = (python if word == "python" else word for word in run_.command)
    command = [word.replace("{place}", str(place)) for word in words]
    if output is None:
        status = processes.run(command, cwd=place, environ=environ, output=None)
    else:
        with output.open("wb") as stream:
            status = processes.run(command, cwd=place, environ=environ, output=stream)
    shutil.rmtree(place, ignore_errors=True)
    return status == 0


def find_path(argument: str) -> str:
    """The argument with its path absolute, where it names one here or in the checkout."""
    path, separator, test = argument.partition("::")
    for base in (Path.cwd(), CHECKOUT):
        if path and not path.startswith("-") and (base / path).exists():
            return f"{base / path}{separator}{test}"
    return argument
