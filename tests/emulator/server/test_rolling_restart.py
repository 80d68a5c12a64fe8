"""Rolling restart: three servers on one database are replaced in turn under load, and no request fails."""

import json
import os
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests
from support.registry_client import RegistryClient
from support.servers.emulators import Replicas, running_replicas
from support.servers.postgresql import NEEDS, running_cluster

pytestmark = [NEEDS, pytest.mark.in_turn]
CLIENTS = 3
NAME = "my-project/app"


@pytest.fixture
def replicas(tmp_path: Path) -> Iterator[Replicas]:
    with running_cluster() as cluster:
        options = ("--database", cluster.create_database(), "--trusted-proxy", "127.0.0.0/8", "--drain", "3s")
        with running_replicas(3, tmp_path, *options, check_s=0.1, trusts_checks=True) as replicas:
            yield replicas


def push_and_pull(client: RegistryClient, number: int) -> None:
    """Pushes an image as docker does, and pulls it; each request may go to another server."""
    name, layer = f"{NAME}{number}", os.urandom(1000)
    digest = client.push_image(name, "v1", layer)
    token = client.token(f"repository:{name}:pull")
    pulled = client.call("GET", f"/v2/{name}/manifests/v1", token=token)
    assert (pulled.status_code, pulled.headers["Docker-Content-Digest"]) == (200, digest)
    (described,) = json.loads(pulled.content)["layers"]
    blob = client.call("GET", f"/v2/{name}/blobs/{described['digest']}", token=token)
    assert (blob.status_code, blob.content) == (200, layer)


def repeat(url: str, key: str, number: int, stop: threading.Event) -> tuple[int, list[str]]:
    """Returns how many images were pushed and pulled until `stop`, and what failed."""
    done, failures = 0, list[str]()
    with requests.Session() as session:
        client = RegistryClient(url, ("_json_key", key))
        client.session = session
        while not stop.is_set():
            try:
                push_and_pull(client, number)
            except (AssertionError, requests.RequestException) as error:
                failures.append(repr(error))
            done += 1
    return done, failures


def test_s2_no_request_fails_while_three_servers_are_replaced_in_turn(replicas: Replicas, key: str) -> None:
    before = {program.pid for program in replicas.programs}
    stop = threading.Event()
    with ThreadPoolExecutor(CLIENTS) as threads:
        clients = [threads.submit(repeat, replicas.front.url, key, number, stop) for number in range(CLIENTS)]
        try:
            ended = [replicas.restart(number) for number in range(3)]
        finally:
            stop.set()
    results = [client.result() for client in clients]

    assert [status for status, _ in ended] == [0, 0, 0]
    assert [failure for _, failures in results for failure in failures] == []
    assert all(done > 0 for done, _ in results)
    assert not before & {program.pid for program in replicas.programs}
