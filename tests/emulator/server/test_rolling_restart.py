"""Rolling restart: three servers on one database are replaced in turn under load, and no request fails."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests
from support.images import OCI_CONFIG, OCI_MANIFEST, describe
from support.servers.emulators import Replicas, running_replicas
from support.servers.postgresql import NEEDS, running_cluster

pytestmark = NEEDS
CLIENTS = 3
CONFIG = b"{}"
DESCRIBED = describe(CONFIG, OCI_CONFIG)
MANIFEST = {"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": DESCRIBED, "layers": [DESCRIBED]}


@pytest.fixture
def replicas(tmp_path: Path) -> Iterator[Replicas]:
    with running_cluster() as cluster:
        options = ("--database", cluster.create_database(), "--drain", "3s")
        load_balanced = ("--project", "my-project", "--open-remote", "--trusted-proxy", "127.0.0.0/8")
        with running_replicas(
            3, tmp_path, *options, *load_balanced, check_s=0.1, trusts_checks=True
        ) as replicas:
            yield replicas


def push_and_pull(url: str, number: int) -> list[tuple[str, str, int]]:
    """Pushes an image and pulls it, each request by a new connection; returns those that failed."""
    name = f"{url}/v2/my-project/app{number}"
    blob = f"{name}/blobs/{DESCRIBED['digest']}"
    calls = [
        ("POST", f"{name}/blobs/uploads/?digest={DESCRIBED['digest']}", {"data": CONFIG}),
        ("PUT", f"{name}/manifests/v1", {"json": MANIFEST, "headers": {"Content-Type": OCI_MANIFEST}}),
        ("GET", f"{name}/manifests/v1", {}),
        ("GET", blob, {}),
        ("HEAD", blob, {}),
    ]
    with requests.Session() as session:
        answers = [session.request(method, url, timeout=60, **options) for method, url, options in calls]
    return [
        (answer.request.method or "", answer.url, answer.status_code)
        for answer in answers
        if answer.status_code >= 300
    ]


def repeat(work: Callable[[], list[tuple[str, str, int]]], stop: threading.Event) -> tuple[int, list[object]]:
    """Returns how often the work was done until `stop`, and every failure."""
    done, failures = 0, list[object]()
    while not stop.is_set():
        try:
            failures += work()
        except requests.RequestException as error:
            failures.append(repr(error))
        done += 1
    return done, failures


def test_s2_no_request_fails_while_three_servers_are_replaced_in_turn(replicas: Replicas) -> None:
    before = [program.pid for program in replicas.programs]
    stop = threading.Event()
    with ThreadPoolExecutor(CLIENTS) as threads:
        clients = [
            threads.submit(repeat, lambda number=number: push_and_pull(replicas.front.url, number), stop)
            for number in range(CLIENTS)
        ]
        try:
            ended = [replicas.restart(number) for number in range(3)]
        finally:
            stop.set()
    results = [client.result() for client in clients]

    assert [status for status, _ in ended] == [0, 0, 0]
    assert [failure for _, failures in results for failure in failures] == []
    # Each client pushed and pulled all the time; three drains last longer than a few rounds.
    assert all(done > 3 for done, _ in results)
    assert not set(before) & {program.pid for program in replicas.programs}
