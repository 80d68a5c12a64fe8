"""Moto, a fake of Amazon's services in memory: a second opinion on S3. `pip install 'moto[server]'`."""

import http.client
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from support.child_processes import LIMIT_S, OF_THE_SESSION
from support.servers.ports import choose_ports

NEEDS = pytest.mark.needs("moto_server", "setpriv")
_POLL_S = 0.05


class Moto:
    """One server; it takes any credentials."""

    def __init__(self, port: int) -> None:
        self._port = port
        self.url = f"http://127.0.0.1:{port}"
        self.environ = {
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_REGION": "us-east-1",
        }

    def create_bucket(self, name: str) -> None:
        """Creates a bucket. Raises OSError while the server does not listen."""
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=LIMIT_S)
        try:
            # An unsigned request needs a host that tells the service.
            connection.request("PUT", f"/{name}", headers={"Host": "s3.us-east-1.amazonaws.com"})
            assert connection.getresponse().status == 200
        finally:
            connection.close()


@contextmanager
def running_moto(folder: Path) -> Iterator[Moto]:
    """Runs a server for the block; a test that needs one is marked with NEEDS."""
    [port] = choose_ports(1)
    server = Moto(port)
    log = folder / "moto.log"
    command = ["setpriv", "--pdeathsig", "KILL", "moto_server", "-H", "127.0.0.1", "-p", str(port)]
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
    OF_THE_SESSION.add(process.pid)
    try:
        _await_start(server, process, log)
        yield server
    finally:
        process.kill()
        process.wait(LIMIT_S)
        OF_THE_SESSION.discard(process.pid)


def _await_start(server: Moto, process: "subprocess.Popen[bytes]", log: Path) -> None:
    give_up_at = time.monotonic() + LIMIT_S
    while True:
        try:
            server.create_bucket("started")
        except OSError as error:
            with suppress(subprocess.TimeoutExpired):
                process.wait(_POLL_S)
            if process.poll() is not None or time.monotonic() > give_up_at:
                raise AssertionError(f"moto does not start: {log.read_text(errors='replace')}") from error
        else:
            return


@pytest.fixture(scope="session")
def moto(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Moto]:
    """Yields the server of all tests; each takes a bucket or folder of its own."""
    with running_moto(tmp_path_factory.mktemp("moto")) as server:
        yield server
