"""The same blob, tag and manifest, pushed by many at once to two workers."""

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import requests
from support.sqlite_files import ask

REPOSITORY = "my-project/app"
CLIENTS, ROUNDS = 8, 6
LAYERS = [b"small", b"x" * 300_000]


class Client:
    """One client with a connection of its own for each request, so that every worker takes some."""

    def __init__(self, url, token):
        self._url = url
        self._headers = {"Authorization": f"Bearer {token}", "Connection": "close"}

    def call(self, method, path, *, headers=None, **options):
        headers = {**self._headers, **(headers or {})}
        return requests.request(method, self._url + path, headers=headers, timeout=60, **options)

    def push_blob(self, data, digest):
        started = self.call("POST", f"/v2/{REPOSITORY}/blobs/uploads/")
        sent = self.call("PATCH", started.headers["Location"], data=data)
        ended = self.call("PUT", f"{sent.headers['Location']}?digest={digest}")
        return started.status_code, sent.status_code, ended.status_code

    def push_manifest(self, reference, manifest):
        media_type = {"Content-Type": json.loads(manifest)["mediaType"]}
        return self.call("PUT", f"/v2/{REPOSITORY}/manifests/{reference}", data=manifest, headers=media_type)


def make_manifest(number, blobs):
    config, *layers = [
        {"mediaType": "application/vnd.oci.image.layer.v1.tar", "digest": digest, "size": len(data)}
        for digest, data in blobs.items()
    ]
    config["mediaType"] = "application/vnd.oci.image.config.v1+json"
    media_type = "application/vnd.oci.image.manifest.v1+json"
    document = {"schemaVersion": 2, "mediaType": media_type, "config": config, "layers": layers}
    return json.dumps({**document, "annotations": {"number": str(number)}}).encode()


def rows_of(data, table):
    ((count,),) = ask(Path(data, "emulator.db"), f"select count(*) from {table}")  # noqa: S608 - our own name
    return count


def test_all_are_acknowledged_and_each_is_there_once(workers, emulator, editor):
    client = Client(emulator.url, editor.token(f"repository:{REPOSITORY}:pull,push"))
    blobs = {editor.digest_of(data): data for data in LAYERS}
    manifests = [make_manifest(number, blobs) for number in range(ROUNDS)]

    def push(_):
        statuses = [client.push_blob(data, digest) for digest, data in blobs.items()]
        # Everybody moves one tag, to the same manifests in the same order.
        return statuses, [client.push_manifest("shared", manifest).status_code for manifest in manifests]

    with ThreadPoolExecutor(CLIENTS) as pool:
        outcomes = list(pool.map(push, range(CLIENTS)))

    assert outcomes == [([(202, 202, 201)] * len(blobs), [201] * ROUNDS)] * CLIENTS
    for digest, data in blobs.items():
        assert client.call("GET", f"/v2/{REPOSITORY}/blobs/{digest}").content == data
    for manifest in manifests:
        pulled = client.call("GET", f"/v2/{REPOSITORY}/manifests/{editor.digest_of(manifest)}")
        assert pulled.content == manifest
    # Whoever came last had pushed all the others before.
    assert client.call("GET", f"/v2/{REPOSITORY}/manifests/shared").content == manifests[-1]
    tables = ("blobs", "blob_links", "manifests", "tags", "uploads", "doomed", "repositories", "buckets")
    assert {table: rows_of(workers.ready["data"], table) for table in tables} == {
        "blobs": len(blobs),
        "blob_links": len(blobs),
        "manifests": ROUNDS,
        "tags": 1,
        "uploads": 0,
        "doomed": 0,
        "repositories": 1,
        "buckets": 1,
    }
    # A piece for each blob that is no row: those of the pushes that came later are deleted.
    large = [data for data in LAYERS if len(data) > 65_536]
    assert len(list(Path(workers.ready["data"]).glob("pieces/*/*"))) == len(large)


def test_first_push_of_all_makes_one_repository_and_bucket(workers, emulator, editor):
    token = editor.token(f"repository:{REPOSITORY}:pull,push")
    client = Client(emulator.url, token)
    with ThreadPoolExecutor(CLIENTS) as pool:
        started = list(
            pool.map(lambda _: client.call("POST", f"/v2/{REPOSITORY}/blobs/uploads/").status_code, range(40))
        )
    assert started == [202] * 40
    assert [rows_of(workers.ready["data"], table) for table in ("repositories", "uploads")] == [1, 0]
