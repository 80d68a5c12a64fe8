"""Objects of a bucket are the registry's blobs."""

import base64
import hashlib
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, update
from support.database_reads import reading
from support.images import digest_of

from docker_credential_gcr.emulator.database import schema
from docker_credential_gcr.emulator.google.storage import objects as storage_objects

Apis = Any
BUCKET = "artifacts.my-project.appspot.com"
OBJECTS = f"/storage/v1/b/{BUCKET}/o"
IMAGES = "containers/images/"
# As `gsutil hash` prints them.
CRC32C = {b"one": "KpSy6Q==", b"two": "Utizow==", b"three": "HERRvA=="}


def name_of(data: bytes) -> str:
    return f"{IMAGES}{digest_of(data)}"


def path_of(data: bytes) -> str:
    return f"{OBJECTS}/{name_of(data).replace('/', '%2F').replace(':', '%3A')}"


def describe(data: bytes) -> dict[str, object]:
    quoted = name_of(data).replace("/", "%2F").replace(":", "%3A")
    return {
        "kind": "storage#object",
        "id": f"{BUCKET}/{name_of(data)}/1700000000000000",
        "selfLink": f"http://localhost:5000/storage/v1/b/{BUCKET}/o/{quoted}",
        "mediaLink": f"http://localhost:5000/download/storage/v1/b/{BUCKET}/o/{quoted}?alt=media",
        "name": name_of(data),
        "bucket": BUCKET,
        "generation": "1700000000000000",
        "metageneration": "1",
        "contentType": "application/octet-stream",
        "storageClass": "STANDARD",
        "size": str(len(data)),
        "crc32c": CRC32C[data],
        "md5Hash": base64.b64encode(hashlib.md5(data, usedforsecurity=False).digest()).decode(),
        "etag": base64.b64encode(digest_of(data).encode()).decode(),
        "timeCreated": "2023-11-14T22:13:20.000Z",
        "updated": "2023-11-14T22:13:20.000Z",
        "timeStorageClassUpdated": "2023-11-14T22:13:20.000Z",
    }


def hash_header(data: bytes) -> str:
    described = describe(data)
    return f"crc32c={described['crc32c']},md5={described['md5Hash']}"


@pytest.fixture
def blobs(apis: Apis) -> list[bytes]:
    """Pushes two images with three blobs, and returns the blobs in the order of their names."""
    apis.call("POST", "/v1/projects", {"projectId": "my-project"})
    apis.call("POST", "/storage/v1/b?project=my-project", {"name": BUCKET})
    apis.push(BUCKET, "my-project/app", b"one", b"two")
    apis.push(BUCKET, "my-project/other", b"two", b"three")
    return sorted([b"one", b"two", b"three"], key=name_of)


def test_each_blob_is_listed_once(apis: Apis, blobs: list[bytes]) -> None:
    assert apis.call("GET", OBJECTS).body == {
        "kind": "storage#objects",
        "items": [describe(data) for data in blobs],
    }


def test_objects_are_listed_page_by_page(apis: Apis, blobs: list[bytes]) -> None:
    first = apis.call("GET", f"{OBJECTS}?maxResults=2").body
    second = apis.call("GET", f"{OBJECTS}?maxResults=2&pageToken={first.pop('nextPageToken')}").body

    assert [item["name"] for item in first["items"] + second["items"]] == [name_of(data) for data in blobs]
    assert "nextPageToken" not in second


@pytest.mark.parametrize(
    ("query", "prefixes", "count"),
    [
        ("delimiter=/", ["containers/"], 0),
        ("delimiter=/&prefix=cont", ["containers/"], 0),
        ("delimiter=/&prefix=containers/", ["containers/images/"], 0),
        ("delimiter=/&prefix=containers/images/", None, 3),
        ("prefix=containers/images/sha256:", None, 3),
        ("prefix=containers/images/sha512:", None, 0),
        ("prefix=other/&delimiter=/", None, 0),
    ],
)
@pytest.mark.usefixtures("blobs")
def test_folders_are_told_from_objects(
    apis: Apis, query: str, prefixes: list[str] | None, count: int
) -> None:
    body = apis.call("GET", f"{OBJECTS}?{query}").body

    assert (body.get("prefixes"), len(body.get("items", []))) == (prefixes, count)


@pytest.mark.usefixtures("blobs")
def test_a_prefix_finds_what_begins_with_it(apis: Apis) -> None:
    name = name_of(b"three")

    body = apis.call("GET", f"{OBJECTS}?prefix={name[:-50]}").body

    assert body["items"] == [describe(b"three")]


@pytest.mark.usefixtures("blobs")
def test_an_object_is_described_and_downloaded(apis: Apis) -> None:
    assert apis.call("GET", path_of(b"three")).body == describe(b"three")
    for path in (f"{path_of(b'three')}?alt=media", f"/download{path_of(b'three')}?alt=media"):
        reply = apis.call("GET", path)
        assert (reply.status, reply.body, reply.headers) == (
            200,
            b"three",
            {
                "accept-ranges": "bytes",
                "cache-control": "public, max-age=3600",
                "content-length": "5",
                "content-type": "application/octet-stream",
                "x-goog-generation": "1700000000000000",
                "x-goog-hash": hash_header(b"three"),
                "x-goog-metageneration": "1",
                "x-goog-storage-class": "STANDARD",
                "x-goog-stored-content-encoding": "identity",
                "x-goog-stored-content-length": "5",
            },
        )


@pytest.mark.parametrize(
    ("wanted", "status", "content", "sent"),
    [
        ("bytes=1-2", 206, b"hr", "bytes 1-2/5"),
        ("bytes=3-", 206, b"ee", "bytes 3-4/5"),
        ("bytes=-1", 206, b"e", "bytes 4-4/5"),
        ("bytes=9-", 416, b"", "bytes */5"),
    ],
)
@pytest.mark.usefixtures("blobs")
def test_a_range_of_an_object_is_downloaded(
    apis: Apis, wanted: str, status: int, content: bytes, sent: str
) -> None:
    reply = apis.send("GET", f"{path_of(b'three')}?alt=media", headers={"range": wanted})

    assert (reply.status, reply.body, reply.headers["content-range"]) == (status, content, sent)
    assert reply.headers.get("x-goog-hash") == (hash_header(b"three") if status == 206 else None)


@pytest.mark.usefixtures("blobs")
def test_a_deleted_object_is_gone(apis: Apis) -> None:
    assert apis.call("DELETE", path_of(b"two")).status == 204

    reply = apis.call("GET", path_of(b"two"))
    message = f"No such object: {BUCKET}/{name_of(b'two')}"
    assert (reply.status, reply.body["error"]["message"]) == (404, message)
    assert len(apis.call("GET", OBJECTS).body["items"]) == 2


@pytest.mark.parametrize("name", ["x", "containers%2Fimages%2F", "containers%2Fimages%2Fsha256:0"])
@pytest.mark.usefixtures("blobs")
def test_nothing_else_is_an_object(apis: Apis, name: str) -> None:
    assert apis.call("GET", f"{OBJECTS}/{name}").status == 404


def test_another_delimiter_is_refused(apis: Apis, blobs: list[bytes]) -> None:
    reply = apis.call("GET", f"{OBJECTS}?delimiter=:")

    assert blobs
    assert (reply.status, reply.body["error"]["message"]) == (
        400,
        "gcr-emulator has the delimiter / only.",
    )


def store_file(apis: Apis, data: bytes) -> Path:
    """Moves a blob's bytes to a file, as the registry stores large ones; returns its path."""
    path = apis.services.store.path("pieces/ab/one")
    assert path is not None
    path.parent.mkdir(parents=True)
    path.write_bytes(data)

    def work(connection: Connection) -> None:
        changed = update(schema.blobs).where(schema.blobs.c.digest == digest_of(data))
        connection.execute(changed.values(data=None, pieces=f'[["pieces/ab/one",{len(data)}]]'))

    apis.services.database.write_now(work)
    return path


@pytest.mark.usefixtures("blobs")
def test_g_z42_hashes_of_a_file_are_computed_once_and_kept(apis: Apis) -> None:
    path = store_file(apis, b"three")
    first = apis.call("GET", path_of(b"three")).body
    path.write_bytes(b"other")

    assert first == describe(b"three")
    assert apis.call("GET", path_of(b"three")).body == first
    reply = apis.call("GET", f"{path_of(b'three')}?alt=media")
    assert (reply.body, reply.headers["x-goog-hash"]) == (b"other", hash_header(b"three"))


@pytest.mark.usefixtures("blobs")
def test_g_z42_an_object_without_its_file_is_described_without_hashes(apis: Apis) -> None:
    store_file(apis, b"three").unlink()

    described = describe(b"three")
    del described["crc32c"], described["md5Hash"]
    assert apis.call("GET", path_of(b"three")).body == described


def test_g_z42_a_listing_reads_no_more_than_its_limit(
    apis: Apis, blobs: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(storage_objects, "MAX_LISTED", len(blobs[0]) + len(blobs[1]))

    counts = [sum("crc32c" in item for item in apis.call("GET", OBJECTS).body["items"]) for _ in range(2)]

    assert counts == [2, 3]


@pytest.mark.usefixtures("blobs")
def test_g_z42_hashes_go_with_their_blob(apis: Apis) -> None:
    assert len(apis.call("GET", OBJECTS).body["items"]) == 3
    apis.call("DELETE", path_of(b"three"))

    with reading(apis.services.database) as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM blob_hashes").scalar_one() == 2


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("generation=1700000000000000", 200),
        ("generation=1", 404),
        ("ifGenerationMatch=1700000000000000&ifMetagenerationMatch=1", 200),
        ("ifGenerationMatch=0", 412),
        ("ifGenerationNotMatch=0", 200),
        ("ifGenerationNotMatch=1700000000000000", 412),
        ("ifMetagenerationMatch=2", 412),
        ("ifMetagenerationNotMatch=1", 412),
    ],
    ids=lambda value: f"G-Z38-{value}",
)
@pytest.mark.parametrize("method", ["GET", "DELETE"])
@pytest.mark.usefixtures("blobs")
def test_conditions_on_the_generation_of_an_object_hold(
    apis: Apis, method: str, query: str, status: int
) -> None:
    reply = apis.call(method, f"{path_of(b'three')}?{query}")

    assert reply.status == (204 if (method, status) == ("DELETE", 200) else status)
    assert apis.call("GET", path_of(b"three")).status == (404 if reply.status == 204 else 200)


@pytest.mark.parametrize("name", ["startOffset", "endOffset", "matchGlob", "softDeleted"])
@pytest.mark.usefixtures("blobs")
def test_g_z38_a_parameter_that_is_not_understood_is_refused(apis: Apis, name: str) -> None:
    assert apis.call("GET", f"{OBJECTS}?{name}=false").status == 200
    reply = apis.call("GET", f"{OBJECTS}?{name}=true")

    text = f"gcr-emulator has no {name}: leave it out."
    assert (reply.status, reply.body["error"]["message"]) == (400, text)


@pytest.mark.parametrize(
    "call",
    [
        "GET /storage/v1/b?project=my-project&softDeleted=true",
        "POST /storage/v1/b?project=my-project&predefinedAcl=publicRead",
        f"PATCH /storage/v1/b/{BUCKET}?predefinedDefaultObjectAcl=private",
        f"PUT /storage/v1/b/{BUCKET}?predefinedAcl=private",
    ],
    ids=lambda call: f"G-Z38-{call}",
)
@pytest.mark.usefixtures("blobs")
def test_a_parameter_of_buckets_that_is_not_kept_is_refused(apis: Apis, call: str) -> None:
    method, path = call.split(" ")

    assert apis.call(method, path, {"name": "another-bucket"} if method == "POST" else {}).status == 400
