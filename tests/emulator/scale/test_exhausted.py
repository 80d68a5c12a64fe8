"""Servers run out of what they share: the lock, connections, the database's disk, the room of the store."""

import os
import pwd
import signal
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, closing, suppress
from pathlib import Path
from typing import Any

import psycopg
import pytest
from _image import digest_of
from _registry_client import Answer, Refused
from support.child_processes import LIMIT_S
from support.servers.emulators import running_replicas
from support.servers.loopback import LoopbackHandler, LoopbackServer, serving
from support.servers.postgresql import USER, Cluster, execute, running_cluster
from support.servers.seaweedfs import SeaweedFs

from .deployment import NEEDS, PROJECT, SERVERS, Balanced, Deployment, running_deployment
from .test_contention import make_manifest

pytestmark = [NEEDS, pytest.mark.in_turn]

REPOSITORY = f"{PROJECT}/app"
KIB = 1024


@pytest.fixture
def deployment(tmp_path: Path, postgresql: Cluster, seaweedfs: SeaweedFs) -> Iterator[Deployment]:
    with running_deployment(tmp_path, cluster=postgresql, seaweedfs=seaweedfs) as deployment:
        yield deployment


@pytest.fixture
def client(deployment: Deployment) -> Balanced:
    return Balanced(deployment, deployment.make_key("editor"))


def prepare_tag(client: Balanced, tag: str) -> tuple[str, dict[str, str]]:
    """Pushes a blob, and returns the path and the headers of a push of the tag."""
    client.push_blob(REPOSITORY, b"{}")
    scope = f"repository:{REPOSITORY}:pull,push"
    return f"/v2/{REPOSITORY}/manifests/{tag}", {"Authorization": f"Bearer {client.tokens[scope]}"}


def ask(
    deployment: Deployment, number: int, method: str, path: str, body: object = None, **headers: str
) -> Answer:
    """Returns the answer of one of the servers."""
    with closing(deployment.connect(number)) as server:
        return server.ask(method, path, body, **headers)


def await_sleep(deployment: Deployment) -> None:
    """Waits until a session sleeps within a statement."""
    query = (
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'"
    )
    with psycopg.connect(deployment.database, autocommit=True) as connection:
        for _ in range(LIMIT_S * 100):
            row = connection.execute(query).fetchone()
            if row and row[0]:
                return
            threading.Event().wait(0.01)
    raise AssertionError("no session sleeps")


def test_a_server_that_stops_with_the_lock_delays_others_until_postgresql_ends_its_transaction(
    deployment: Deployment, client: Balanced
) -> None:
    """Others wait five seconds for the lock. The server that stopped does its work again when it goes on."""
    path, headers = prepare_tag(client, "slow")
    manifest = make_manifest(b"{}", text="slow")
    headers["Content_Type"] = "application/vnd.oci.image.manifest.v1+json"
    # The server is stopped while its transaction sleeps: it holds the lock, and sends no further statement.
    execute(
        deployment.database,
        "CREATE FUNCTION sleep() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN PERFORM pg_sleep(3); RETURN NEW; END $$",
        "CREATE TRIGGER slow BEFORE INSERT ON manifests FOR EACH ROW EXECUTE FUNCTION sleep()",
    )
    stopped = deployment.replicas.programs[0].pid
    policy = f"/v1/projects/{PROJECT}:setIamPolicy"
    read = deployment.connect(1).get_once("POST", f"/v1/projects/{PROJECT}:getIamPolicy", {})
    bindings = {"policy": {"bindings": read["bindings"]}}
    with ThreadPoolExecutor(1) as threads:
        pushed: Future[Answer] = threads.submit(ask, deployment, 0, "PUT", path, manifest, **headers)
        try:
            await_sleep(deployment)
            os.kill(stopped, signal.SIGSTOP)
            first = ask(deployment, 1, "POST", policy, bindings)
            # At most two more: its transaction sleeps for three seconds, and is ended five seconds later.
            later = [ask(deployment, number, "POST", policy, bindings).status for number in (1, 2, 1)]
            is_there = ask(deployment, 2, "GET", path, **headers).status
        finally:
            os.kill(stopped, signal.SIGCONT)
        acknowledged = pushed.result(LIMIT_S)
    assert (first.status, first.headers["retry-after"], later[-1], is_there) == (503, "1", 200, 404)
    assert (acknowledged.status, ask(deployment, 1, "GET", path, **headers).body) == (201, manifest)


def test_too_many_connections_are_503_until_there_are_fewer(tmp_path: Path, seaweedfs: SeaweedFs) -> None:
    end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'gcr-emulator'"
    with (
        running_cluster(settings=["max_connections=40"]) as cluster,
        running_deployment(tmp_path, cluster=cluster, seaweedfs=seaweedfs) as deployment,
    ):
        client = Balanced(deployment, deployment.make_key("editor"))
        client.push_blob(REPOSITORY, b"before")
        execute(cluster.url(), end)
        with ExitStack() as taken:
            with suppress(psycopg.OperationalError):
                while True:
                    taken.enter_context(psycopg.connect(cluster.url()))
            refused = [ask(deployment, number, "GET", "/v2/") for number in range(SERVERS)]
        assert [(answer.status, answer.headers.get("retry-after")) for answer in refused] == [
            (503, "1")
        ] * SERVERS
        assert client.pull_blob(REPOSITORY, digest_of(b"before")) == b"before"
        assert "too many clients" in cluster.log.read_text()


class SmallDisk:
    """A tmpfs in a namespace of its own, which PostgreSQL's user reaches through a process that it owns."""

    def __init__(self, folder: Path, size: str) -> None:
        script = (
            'mount -t tmpfs -o "size=$2,uid=$3,mode=0700" gcr-emulator-test "$1" && echo mounted && '
            f"exec setpriv --reuid {USER} --regid {USER} --clear-groups cat"
        )
        command = ["unshare", "--mount", "--propagation", "private", "sh", "-c", script, "sh"]
        arguments = [str(folder), size, str(pwd.getpwnam(USER).pw_uid)]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        self._keeper = subprocess.Popen([*command, *arguments], **pipes)  # type: ignore[call-overload]
        assert self._keeper.stdout is not None
        self.is_mounted = self._keeper.stdout.readline() == b"mounted\n"
        self.path = Path(f"/proc/{self._keeper.pid}/root{folder}")

    def fill(self) -> None:
        """Fills the disk."""
        with (self.path / "filler").open("ab", buffering=0) as file, suppress(OSError):
            while True:
                file.write(bytes(4 * KIB))

    def free(self) -> None:
        """Frees the space that `fill` has used."""
        (self.path / "filler").unlink()

    def close(self) -> str:
        """Unmounts the disk with its last process; returns the output of mount."""
        _, said = self._keeper.communicate(timeout=LIMIT_S)
        return str(said.decode())


@pytest.fixture
def disk() -> Iterator[SmallDisk]:
    # Not in pytest's directory, which PostgreSQL's user may not enter.
    folder = Path(tempfile.mkdtemp(prefix="gcr-", dir="/tmp"))
    folder.chmod(0o755)
    disk = SmallDisk(folder, "40m")
    try:
        if not disk.is_mounted:
            pytest.skip(f"a small disk cannot be mounted here: {disk.close()}")
        yield disk
    finally:
        disk.close()
        folder.rmdir()


@pytest.mark.needs("unshare")
@pytest.mark.needs_root("mount a small disk")
def test_a_full_disk_of_the_database_is_507_for_pushes_while_pulls_go_on(
    tmp_path: Path, seaweedfs: SeaweedFs, disk: SmallDisk
) -> None:
    with running_cluster() as cluster:
        execute(cluster.url(), f"CREATE TABLESPACE small LOCATION '{disk.path}'")
        with running_deployment(tmp_path, cluster=cluster, seaweedfs=seaweedfs) as deployment:
            name = deployment.database_name
            for program in deployment.replicas.programs:
                program.kill()
            execute(cluster.url(), f'ALTER DATABASE "{name}" SET TABLESPACE small')
            deployment.replicas.start_all()
            client = Balanced(deployment, deployment.make_key("editor"))
            before = client.push_blob(REPOSITORY, os.urandom(60 * KIB))
            disk.fill()
            statuses = {push_until_refused(client) for _ in range(SERVERS)}
            pulled = [client.find_blob_size(REPOSITORY, before) for _ in range(SERVERS)]
            ready = [ask(deployment, number, "GET", "/readyz").status for number in range(SERVERS)]
            disk.free()
            after = client.push_blob(REPOSITORY, os.urandom(60 * KIB))
            assert (statuses, pulled, ready) == ({507}, [60 * KIB] * SERVERS, [200] * SERVERS)
            assert client.find_blob_size(REPOSITORY, after) == 60 * KIB


def push_until_refused(client: Balanced) -> int:
    """Pushes blobs that are rows until one is refused; returns the status of that."""
    for _ in range(1000):
        try:
            client.push_at_once(REPOSITORY, os.urandom(60 * KIB))
        except Refused as refusal:
            return refusal.status
    raise AssertionError("nothing was refused")


class NoRoom(LoopbackHandler):
    """An object store that is empty, and has no room for objects while `is_full`."""

    server: "NoRoomServer"

    def do_GET(self) -> None:
        self.end(200, b"<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>")

    def do_PUT(self) -> None:
        self.read_body()
        self.end(507 if self.server.is_full else 200, ETag='"0"')

    def do_DELETE(self) -> None:
        self.end(204)


class NoRoomServer(LoopbackServer):
    is_full = True

    def __init__(self) -> None:
        super().__init__(NoRoom)


def test_a_full_store_is_507_for_large_blobs_and_small_ones_go_on(
    tmp_path: Path, database_url: str, seaweedfs: SeaweedFs, editor_of: Callable[..., Any]
) -> None:
    with serving(NoRoomServer()) as store:
        options = ("--database", database_url, "--storage", "s3://images", "--storage-endpoint", store.url)
        with running_replicas(1, tmp_path, *options, environ=seaweedfs.environ) as replicas:
            editor = editor_of(replicas.programs[0].ready["url"])
            token = editor.token("repository:my-project/app:pull,push")

            def push(size: int) -> int:
                data = bytes(size)
                path = f"/v2/my-project/app/blobs/uploads/?digest={digest_of(data)}"
                return int(editor.call("POST", path, token=token, data=data).status_code)

            assert [push(size) for size in (100 * KIB, 60 * KIB)] == [507, 201]
            store.is_full = False
            assert push(100 * KIB) == 201
