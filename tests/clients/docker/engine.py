"""A separate Docker Engine, which leaves nothing behind.

It runs in its own PID and mount namespaces: the kernel ends them, with all their processes and mounts, when
their first process ends; and that one ends with the program that started it, also by SIGKILL.
All its files are in the given directory:

    directory/
      engine.sock   the socket for DOCKER_HOST
      engine.log    its output
      data  exec    images and containers, sockets and state
"""

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from clients.command import CannotStart

SOCKET = "engine.sock"
START_S = 60
_READY = b"API listen on"
_POLL_S = 0.05

_SETTINGS = Path("/etc/docker")
_ENDS_WITH_US = ("setpriv", "--pdeathsig", "KILL")
_APART = (
    *("unshare", "--fork", "--kill-child", "--pid", "--mount-proc"),
    *("--mount", "--propagation", "private"),
)
# A tmpfs hides this machine's settings from this engine, and this engine's files from the machine.
_FIRST_PROCESS = f'mount -t tmpfs tmpfs {_SETTINGS} && exec "$0" "$@"'

# No network is created, and none of the machine's is changed: the tests run nothing in a container.
_OPTIONS = (
    "--bridge=none",
    "--iptables=false",
    "--ip6tables=false",
    "--ip-masq=false",
    "--ip-forward=false",
)
# Not every machine has overlay2; every machine has vfs, which copies every layer.
_DRIVERS = ("overlay2", "vfs")


@contextmanager
def engine(directory: Path) -> Iterator[str]:
    """Runs an engine; yields its address. Raises CannotStart with its output when it does not start."""
    made = not _SETTINGS.exists()
    _SETTINGS.mkdir(parents=True, exist_ok=True)
    try:
        yield from _run(directory)
    finally:
        if made:
            with suppress(OSError):  # another process began to use it
                _SETTINGS.rmdir()


def _run(directory: Path) -> Iterator[str]:
    for driver in _DRIVERS:
        attempt = _Engine(directory, driver)
        try:
            if attempt.answers():
                yield f"unix://{directory / SOCKET}"
                return
        finally:
            attempt.stop()
    said = (directory / "engine.log").read_text(errors="replace").splitlines()[-10:]
    raise CannotStart("\n".join(["dockerd does not start:", *said]))


class _Engine:
    """One attempt at an engine, with one storage driver."""

    def __init__(self, directory: Path, driver: str) -> None:
        self._log = directory / "engine.log"
        command = [*_ENDS_WITH_US, *_APART, "sh", "-c", _FIRST_PROCESS, "dockerd", *_OPTIONS]
        command += ["--storage-driver", driver, "--host", f"unix://{directory / SOCKET}"]
        command += ["--data-root", str(directory / "data"), "--exec-root", str(directory / "exec")]
        command += ["--pidfile", str(directory / "engine.pid")]
        with self._log.open("wb") as log:
            # A separate session: ^C in the terminal reaches only the script, which then stops the engine.
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )

    def answers(self) -> bool:
        """Returns whether the engine becomes ready; _READY is the last line of its start."""
        for _ in range(int(START_S / _POLL_S)):
            try:
                self._process.wait(_POLL_S)
            except subprocess.TimeoutExpired:
                if _READY in self._log.read_bytes():
                    return True
            else:
                return False
        return False

    def stop(self) -> None:
        """Ends all processes of the engine, and waits until they have ended."""
        if self._process.poll() is None:
            # unshare ends after its child, and the child after all processes in its namespace.
            os.kill(_find_child(self._process.pid) or self._process.pid, signal.SIGKILL)
        self._process.wait()


def _find_child(parent: int) -> int | None:
    for process in Path("/proc").glob("[0-9]*"):
        try:
            # PID (NAME) STATE PARENT …: a name may have any characters
            fields = (process / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == parent:
            return int(process.name)
    return None
