"""Concurrent pushes of the same blob, tag and manifest to two workers."""

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from support.images import OCI_CONFIG, OCI_LAYER, OCI_MANIFEST, describe, digest_of
from support.sqlite_files import ask

REPOSITORY = "my-project/app"
PATH = f"/v2/{REPOSITORY}"
CLIENTS, ROUNDS = 8, 6
LAYERS = [b"small", b"x" * 300_000]


@pytest.fixture
def call(editor):
    """Calls the registry with one token, each time on a new connection, so that both workers get some."""
    token = editor.token(f"repository:{REPOSITORY}:pull,push")
    return lambda method, path, **options: editor.call(method, path, token=token, timeout=60, **options)


def push_blob(call, data):
    started = call("POST", f"{PATH}/blobs/uploads/")
    sent = call("PATCH", started.headers["Location"], data=data)
    ended = call("PUT", f"{sent.headers['Location']}?digest={digest_of(data)}")
    return started.status_code, sent.status_code, ended.status_code


def push_manifest(call, reference, manifest):
    headers = {"Content-Type": OCI_MANIFEST}
    return call("PUT", f"{PATH}/manifests/{reference}", data=manifest, headers=headers).status_code


def make_manifest(number):
    config, layer = LAYERS
    document = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": describe(config, OCI_CONFIG),
        "layers": [describe(layer, OCI_LAYER)],
    }
    return json.dumps({**document, "annotations": {"number": str(number)}}).encode()


def rows_of(data, table):
    ((count,),) = ask(Path(data, "emulator.db"), f"select count(*) from {table}")  # noqa: S608 - our own name
    return count


def test_all_are_acknowledged_and_each_is_there_once(workers, call):
    manifests = [make_manifest(number) for number in range(ROUNDS)]

    def push(_):
        statuses = [push_blob(call, data) for data in LAYERS]
        # All clients move one tag to the same manifests, in the same order.
        return statuses, [push_manifest(call, "shared", manifest) for manifest in manifests]

    with ThreadPoolExecutor(CLIENTS) as pool:
        outcomes = list(pool.map(push, range(CLIENTS)))

    assert outcomes == [([(202, 202, 201)] * len(LAYERS), [201] * ROUNDS)] * CLIENTS
    for data in LAYERS:
        assert call("GET", f"{PATH}/blobs/{digest_of(data)}").content == data
    for manifest in manifests:
        assert call("GET", f"{PATH}/manifests/{digest_of(manifest)}").content == manifest
    # The last push of each client is the last manifest.
    assert call("GET", f"{PATH}/manifests/shared").content == manifests[-1]
    tables = ("blobs", "blob_links", "manifests", "tags", "uploads", "doomed", "repositories", "buckets")
    assert {table: rows_of(workers.ready["data"], table) for table in tables} == {
        "blobs": len(LAYERS),
        "blob_links": len(LAYERS),
        "manifests": ROUNDS,
        "tags": 1,
        "uploads": 0,
        "doomed": 0,
        "repositories": 1,
        "buckets": 1,
    }
    # One piece for each blob that is not stored in a row: the pieces of later pushes are deleted.
    large = [data for data in LAYERS if len(data) > 65_536]
    assert len(list(Path(workers.ready["data"]).glob("pieces/*/*"))) == len(large)


def test_first_push_of_all_makes_one_repository_and_bucket(workers, call):
    with ThreadPoolExecutor(CLIENTS) as pool:
        started = list(pool.map(lambda _: call("POST", f"{PATH}/blobs/uploads/").status_code, range(40)))
    assert started == [202] * 40
    assert [rows_of(workers.ready["data"], table) for table in ("repositories", "uploads")] == [1, 0]
