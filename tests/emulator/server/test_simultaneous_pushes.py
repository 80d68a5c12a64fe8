"""Simultaneous pushes of one new image through three servers on one database: each client gets 201."""

import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from urllib.parse import urlencode

import pytest
import requests
from support.images import OCI_CONFIG, OCI_MANIFEST
from support.registry_client import RegistryClient
from support.servers.emulators import Replicas, running_replicas
from support.servers.postgresql import NEEDS, Cluster, running_cluster

pytestmark = [NEEDS, pytest.mark.in_turn]
CLIENTS = 50
NAME = "my-project/app"
TAGS = [f"v{number}" for number in range(8)]


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    with running_cluster() as cluster:
        yield cluster


@pytest.fixture
def replicas(cluster: Cluster, tmp_path: Path) -> Iterator[Replicas]:
    options = ("--database", cluster.create_database(), "--trusted-proxy", "127.0.0.0/8")
    with running_replicas(3, tmp_path, *options) as replicas:
        yield replicas


def push(url: str, key: str, number: int, together: Barrier) -> tuple[int, str]:
    """Pushes one of ten images with all tags in an order of its own; returns the answer to the manifest."""
    tags = random.Random(number).sample(TAGS, len(TAGS))
    with requests.Session() as session:
        client = RegistryClient(url, ("_json_key", key))
        client.session = session
        together.wait(60)
        config = client.push_blob(NAME, b"{}", OCI_CONFIG)
        document = {
            "schemaVersion": 2,
            "mediaType": OCI_MANIFEST,
            "config": config,
            "layers": [config],
            "annotations": {"number": str(number % 10)},
        }
        answer = client.put_manifest(NAME, f"{tags[0]}?{urlencode({'tag': tags[1:]}, doseq=True)}", document)
    return answer.status_code, answer.text


def test_s15_many_clients_push_one_new_repository_blob_and_tag_at_once(
    replicas: Replicas, cluster: Cluster, key: str
) -> None:
    began = len(cluster.log.read_text())
    together = Barrier(CLIENTS)
    with ThreadPoolExecutor(CLIENTS) as threads:
        pushes = [
            threads.submit(push, replicas.front.url, key, number, together) for number in range(CLIENTS)
        ]
    answers = {each.result() for each in pushes}

    assert answers == {(201, "")}
    assert [line for line in cluster.log.read_text()[began:].splitlines() if "ERROR:" in line] == []
    client = RegistryClient(replicas.front.url, ("_json_key", key))
    listed = client.get(f"/v2/{NAME}/tags/list", repository=NAME).json()
    assert (listed["tags"], len(listed["manifest"])) == (TAGS, 10)
