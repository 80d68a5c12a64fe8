"""The object store goes down under load, is full, or loses an object: what clients see, and the recovery.

It is down for two seconds in an ordinary run, and for GCR_TEST_DOWN_S seconds if that is set. What is in the
database goes on: manifests, tags, small blobs, Google's APIs. No load balancer takes a server out of service.
"""

import http.client
import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import NamedTuple

import obstore
import pytest
from _image import digest_of
from _registry_client import Refused
from support.servers.postgresql import Cluster
from support.servers.seaweedfs import SeaweedFs

from .deployment import HOST, NEEDS, PROJECT, SERVERS, Balanced, Deployment, running_deployment
from .load import collect
from .pieces import list_objects, open_bucket, read_rows
from .probes import Probing, make_probes

pytestmark = [NEEDS, pytest.mark.in_turn(__name__)]

DOWN_S = float(os.environ.get("GCR_TEST_DOWN_S", "2"))
# A request is refused within ten seconds on a machine with nothing else to do.
LIMIT_S = 100
NEED_THE_STORE = ["pull a large blob", "push a large blob"]
REPOSITORY = f"{PROJECT}/stored"
MIB = 1024 * 1024


class Outage(NamedTuple):
    """How the store goes down, and comes back."""

    begin: Callable[[SeaweedFs], None]
    end: Callable[[SeaweedFs], None]


OUTAGES = {
    "stops": Outage(SeaweedFs.stop, SeaweedFs.start),
    "hangs": Outage(SeaweedFs.pause, SeaweedFs.resume),
}


@pytest.fixture(scope="module")
def deployment(tmp_path_factory: pytest.TempPathFactory, postgresql: Cluster) -> Iterator[Deployment]:
    folder = tmp_path_factory.mktemp("deployment")
    account = ("--metadata-account", f"instance@{PROJECT}.iam.gserviceaccount.com")
    with running_deployment(folder, *account, cluster=postgresql) as deployment:
        yield deployment


@pytest.fixture(scope="module")
def key(deployment: Deployment) -> str:
    return deployment.make_key("editor")


def ask_health(deployment: Deployment) -> list[int]:
    """Returns the statuses of /healthz and /readyz of all servers."""
    statuses = []
    for number in range(SERVERS):
        with closing(deployment.connect(number)) as server:
            statuses += [server.ask("GET", path).status for path in ("/healthz", "/readyz")]
    return statuses


@pytest.mark.parametrize("name", OUTAGES)
def test_s1_store_down_is_503_in_time_and_what_is_in_the_database_goes_on(
    deployment: Deployment, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    probing = Probing(deployment, make_probes(deployment), limit_s=LIMIT_S)
    pids = [program.pid for program in deployment.replicas.programs]
    with probing.running():
        OUTAGES[name].begin(deployment.seaweedfs)
        try:
            health = ask_health(deployment)
            threading.Event().wait(DOWN_S)
            if name == "stops":
                probing.await_refusals(NEED_THE_STORE)
        finally:
            OUTAGES[name].end(deployment.seaweedfs)
        recovery_s = probing.await_successes()
    with capsys.disabled():
        print(f"\nthe store {name}: recovery {recovery_s:.2f} s\n{probing.describe()}")  # noqa: T201
    refused = {name for name, seen in probing.seen.items() if any(each.status == 503 for each in seen)}
    assert (probing.faults, health) == ([], [200] * 2 * SERVERS)
    assert refused <= set(NEED_THE_STORE)
    assert [program.pid for program in deployment.replicas.programs] == pids


def await_nothing_left(deployment: Deployment, objects: set[str]) -> None:
    """Waits until the store has these objects alone, and no key is doomed."""
    for _ in range(LIMIT_S * 10):
        if (list_objects(deployment), read_rows(deployment).doomed) == (objects, set()):
            return
        threading.Event().wait(0.1)
    assert (list_objects(deployment), read_rows(deployment).doomed) == (objects, set())


@pytest.mark.parametrize("size", [MIB, 12 * MIB], ids=["one request", "several parts"])
def test_a_client_that_goes_away_within_a_body_leaves_nothing_in_the_store(
    deployment: Deployment, key: str, size: int
) -> None:
    client = Balanced(deployment, key)
    scope = f"repository:{REPOSITORY}:pull,push"
    collect(client)  # what could not be deleted while the store was down
    started = client.ask("POST", f"/v2/{REPOSITORY}/blobs/uploads/", scope, 202)
    before = list_objects(deployment)
    head = (
        f"PATCH {started.headers['location']} HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: {size}\r\n"
        f"Authorization: Bearer {client.tokens[scope]}\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", deployment.port(0)), timeout=LIMIT_S) as connection:
        connection.sendall(head.encode() + bytes(size - 100_000))
        await_doomed(deployment)
    await_nothing_left(deployment, before)
    client.push_blob(REPOSITORY, os.urandom(100_000))


def await_doomed(deployment: Deployment) -> None:
    """Waits until a key is doomed, because its bytes are on the way."""
    for _ in range(LIMIT_S * 10):
        if read_rows(deployment).doomed:
            return
        threading.Event().wait(0.1)
    raise AssertionError(f"nothing was written in {LIMIT_S} s")


def find_piece(deployment: Deployment, before: set[str]) -> str:
    """Returns the key of the only object that is new."""
    (key,) = list_objects(deployment) - before
    return key


def test_a_blob_whose_object_the_store_has_lost_is_500_and_a_push_of_it_mends_it(
    deployment: Deployment, key: str
) -> None:
    client, data, before = Balanced(deployment, key), os.urandom(300_000), list_objects(deployment)
    digest = client.push_blob(REPOSITORY, data)
    obstore.delete(open_bucket(deployment), find_piece(deployment, before))
    for _ in range(SERVERS):
        with pytest.raises(Refused) as refusal:
            client.pull_blob(REPOSITORY, digest)
        assert refusal.value.status == 500
    client.push_at_once(REPOSITORY, data)
    assert [client.pull_blob(REPOSITORY, digest) for _ in range(SERVERS)] == [data] * SERVERS


def test_a_blob_whose_second_piece_is_lost_breaks_off_and_is_never_complete(
    deployment: Deployment, key: str
) -> None:
    client, data = Balanced(deployment, key), os.urandom(600_000)
    before = list_objects(deployment)
    digest = client.push_blob(REPOSITORY, data, chunk_size=300_000)
    second = next(name for name in list_objects(deployment) - before if "-2-" in name)
    obstore.delete(open_bucket(deployment), second)
    path, scope = f"/v2/{REPOSITORY}/blobs/{digest}", f"repository:{REPOSITORY}:pull"
    client.ask("HEAD", path, scope, 200)
    for number in range(SERVERS):
        with closing(deployment.connect(number)) as server, pytest.raises(http.client.IncompleteRead) as cut:
            server.ask("GET", path, Authorization=f"Bearer {client.tokens[scope]}")
        assert data.startswith(cut.value.partial)
    answer = client.ask("GET", path, scope, 206, headers={"Range": "bytes=0-299999"})
    assert digest_of(answer.body) == digest_of(data[:300_000])
