"""A separate containerd for its client ctr: it runs no container, and stores all in the given directory."""

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from clients.command import CannotStart

START_S = 60
_POLL_S = 0.05
# The CRI plugin would look for the machine's networks.
_CONFIGURATION = """version = 2
root = "{0}/root"
state = "{0}/state"
disabled_plugins = ["io.containerd.grpc.v1.cri"]
[grpc]
address = "{0}/containerd.sock"
"""


@contextmanager
def containerd(directory: Path) -> Iterator[Path]:
    """Runs a containerd; yields its socket. Raises CannotStart with its output when it does not start."""
    directory.mkdir()
    socket, log = directory / "containerd.sock", directory / "log"
    (directory / "config.toml").write_text(_CONFIGURATION.format(directory))
    command = ["setpriv", "--pdeathsig", "KILL", "containerd", "--config", directory / "config.toml"]
    with log.open("wb") as said, subprocess.Popen(command, stdout=said, stderr=said) as process:
        try:
            _wait(process, log)
            yield socket
        finally:
            process.terminate()


def _wait(process: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + START_S
    while b"successfully booted" not in log.read_bytes():
        if process.poll() is not None or time.monotonic() > deadline:
            raise CannotStart(log.read_text(errors="replace")[-2000:])
        time.sleep(_POLL_S)
