"""Many clients want the same at once: a new repository, one blob, one tag. None fails or waits for a row."""

import collections
import itertools
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from _image import CONFIG, LAYER, MANIFEST, digest_of, format_json
from support.servers.postgresql import Cluster
from support.servers.seaweedfs import SeaweedFs

from .deployment import NEEDS, PROJECT, SERVERS, Balanced, Deployment, running_deployment

pytestmark = [NEEDS, pytest.mark.in_turn(__name__)]

CLIENTS = 50
SHARED, LARGE = b"the blob that all clients push", os.urandom(100_000)
PULLS, PUSHES = 1000, 50
# The share of samples in which a session may wait for a row that another session changes.
MOST_WAITS = 0.1


@pytest.fixture(scope="module")
def deployment(
    tmp_path_factory: pytest.TempPathFactory, postgresql: Cluster, seaweedfs: SeaweedFs
) -> Iterator[Deployment]:
    folder = tmp_path_factory.mktemp("deployment")
    with running_deployment(
        folder, "--create-on-push", cluster=postgresql, seaweedfs=seaweedfs
    ) as deployment:
        yield deployment


@pytest.fixture(scope="module")
def key(deployment: Deployment) -> str:
    return deployment.make_key("editor")


def make_manifest(*blobs: bytes, text: str) -> bytes:
    described = [
        {"mediaType": kind, "digest": digest_of(data), "size": len(data)}
        for kind, data in zip((CONFIG, LAYER), blobs, strict=False)
    ]
    document = {"schemaVersion": 2, "mediaType": MANIFEST, "config": described[0], "layers": described[1:]}
    return format_json({**document, "annotations": {"text": text}})


def push(client: Balanced, repository: str, number: int) -> None:
    """Pushes the same blobs and the same tag as all others, and a tag of its own."""
    for data in (SHARED, LARGE):
        client.push_at_once(repository, data)
    own = make_manifest(SHARED, LARGE, text=str(number % 5))
    for tag in ("latest", f"tag-{number}"):
        client.push_manifest(repository, tag, own, MANIFEST)


REPOSITORIES = {
    "container registry": f"{PROJECT}/new",
    "artifact registry, created by the push": f"us-docker.pkg.dev/{PROJECT}/new/image",
}


@pytest.mark.parametrize("kind", REPOSITORIES)
def test_s15_fifty_clients_push_to_one_new_repository_and_none_fails(
    deployment: Deployment, key: str, kind: str
) -> None:
    repository = REPOSITORIES[kind]
    begins = threading.Barrier(CLIENTS)
    before = deployment.cluster.log.stat().st_size

    def run(number: int) -> None:
        client = Balanced(deployment, key, first=number)
        begins.wait(60)
        push(client, repository, number)

    with ThreadPoolExecutor(CLIENTS) as threads:
        list(threads.map(run, range(CLIENTS)))
    assert "deadlock detected" not in deployment.cluster.log.read_text()[before:]
    client = Balanced(deployment, key)
    tags = [f"tag-{number}" for number in range(CLIENTS)]
    pulled = {tag: client.pull_manifest(repository, tag)[0] for tag in ("latest", *tags)}
    expected = {tag: make_manifest(SHARED, LARGE, text=str(number % 5)) for number, tag in enumerate(tags)}
    assert pulled.pop("latest") in set(expected.values())
    assert pulled == expected
    assert client.pull_blob(repository, digest_of(LARGE)) == LARGE


class Sampler:
    """Counts what the sessions of the servers wait for, until the block ends."""

    def __init__(self, database: str) -> None:
        self._database = database
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.samples = 0
        self.waits: collections.Counter[str] = collections.Counter()
        self.sessions = 0

    def __enter__(self) -> "Sampler":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        query = (
            "SELECT wait_event_type || ':' || wait_event, state FROM pg_stat_activity "
            "WHERE datname = current_database() AND application_name = 'gcr-emulator'"
        )
        with psycopg.connect(self._database, autocommit=True) as connection:
            while not self._over.wait(0.005):
                rows = connection.execute(query).fetchall()
                self.samples += 1
                self.sessions = max(self.sessions, len(rows))
                self.waits.update({wait for wait, state in rows if state != "idle" and wait is not None})


def test_s14_a_thousand_pulls_and_fifty_pushes_of_one_image_wait_for_no_common_row(
    deployment: Deployment, key: str, capsys: pytest.CaptureFixture[str]
) -> None:
    repository = f"{PROJECT}/popular"
    push(Balanced(deployment, key), repository, 0)

    def pull(client: Balanced, _number: int) -> None:
        client.pull_manifest(repository, "latest")
        client.pull_blob(repository, digest_of(SHARED))

    def run(count: int, act: Callable[[Balanced, int], object], first: int) -> None:
        client = Balanced(deployment, key, first=first)
        for number in range(count):
            act(client, number)

    work = [(PULLS // 8, pull)] * 8 + [(PUSHES // 5, lambda client, n: push(client, repository, n))] * 5
    with Sampler(deployment.database) as sampler, ThreadPoolExecutor(len(work)) as threads:
        list(threads.map(run, *zip(*work, strict=True), itertools.count()))
    with capsys.disabled():
        shares = {name: round(count / sampler.samples, 3) for name, count in sampler.waits.most_common()}
        print(f"\n{sampler.samples} samples of {sampler.sessions} sessions: {shares}")  # noqa: T201
    assert sampler.samples > 0
    assert sampler.waits["Lock:tuple"] <= MOST_WAITS * sampler.samples
    assert sampler.sessions == 9 * SERVERS
