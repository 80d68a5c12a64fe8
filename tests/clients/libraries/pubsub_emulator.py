"""Google's Pub/Sub emulator of the Cloud SDK, a Java program whose topics are in memory alone.

with running_pubsub_emulator(folder) as pubsub:
    pubsub.address               # 127.0.0.1:PORT, for PUBSUB_EMULATOR_HOST and --pubsub
    pubsub.stop(); pubsub.start()    # on the same port, without what it had

https://cloud.google.com/pubsub/docs/emulator
"""

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from support.child_processes import LIMIT_S, OF_THE_SESSION
from support.servers.ports import choose_ports

_INSTALL = (
    "Google's Pub/Sub emulator is not installed: gcloud components install pubsub-emulator, "
    "or apt-get install google-cloud-cli-pubsub-emulator"
)
_NO_JAVA = "Google's Pub/Sub emulator needs java: apt-get install default-jre-headless"
# A small heap, and compilers that begin at once: it handles a dozen messages.
_JAVA_OPTIONS = "-Xmx128m -XX:+UseSerialGC -XX:TieredStopAtLevel=1"
_POLL_S = 0.05


def find_program() -> Path:
    """Returns the emulator's program in the Cloud SDK of `gcloud`; skips the test if there is none."""
    gcloud = shutil.which("gcloud")
    if gcloud is None:
        pytest.skip("gcloud is not installed: https://cloud.google.com/sdk/docs/install")
    sdk = Path(gcloud).resolve().parent.parent
    program = sdk / "platform" / "pubsub-emulator" / "bin" / "cloud-pubsub-emulator"
    if not program.is_file():
        pytest.skip(_INSTALL)
    if shutil.which("java") is None:
        pytest.skip(_NO_JAVA)
    return program


class PubSubEmulator:
    """One emulator: all its runs are on one port, and each begins without topics."""

    def __init__(self, program: Path, log: Path) -> None:
        self._program, self._log = program, log
        (self._port,) = choose_ports(1)
        self.address = f"127.0.0.1:{self._port}"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Starts the emulator; returns once it accepts connections."""
        command = ["sh", str(self._program), "--host=127.0.0.1", f"--port={self._port}"]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                command,
                env={**os.environ, "JAVA_OPTS": _JAVA_OPTIONS},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        OF_THE_SESSION.add(self._process.pid)
        give_up_at = time.monotonic() + LIMIT_S
        while not self._accepts():
            # Waits for the end of the process, which is no use to wait for longer.
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(_POLL_S)
            if self._process.poll() is not None or time.monotonic() > give_up_at:
                raise AssertionError(f"the Pub/Sub emulator does not start:\n{self._log.read_text()[-4000:]}")

    def _accepts(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self._port), LIMIT_S).close()
        except ConnectionError:
            return False
        return True

    def stop(self) -> None:
        """Kills the emulator, with the processes of its group."""
        if self._process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait(LIMIT_S)
            OF_THE_SESSION.discard(self._process.pid)
            self._process = None


@contextmanager
def running_pubsub_emulator(folder: Path) -> Iterator[PubSubEmulator]:
    """Runs an emulator for the block; skips the test where the Cloud SDK has none."""
    emulator = PubSubEmulator(find_program(), folder / "pubsub-emulator.log")
    try:
        emulator.start()
        yield emulator
    finally:
        emulator.stop()
