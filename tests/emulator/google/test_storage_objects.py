"""A registry's blobs are the objects of its bucket."""

import base64
import hashlib
from typing import Any

import pytest

Apis = Any
BUCKET = "artifacts.my-project.appspot.com"
OBJECTS = f"/storage/v1/b/{BUCKET}/o"
IMAGES = "containers/images/"


def digest_of(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


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
        "etag": base64.b64encode(digest_of(data).encode()).decode(),
        "timeCreated": "2023-11-14T22:13:20.000Z",
        "updated": "2023-11-14T22:13:20.000Z",
        "timeStorageClassUpdated": "2023-11-14T22:13:20.000Z",
    }


@pytest.fixture
def blobs(apis: Apis) -> list[bytes]:
    """Three blobs of two images, in the order of their names."""
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
        "gcr-emulator knows no other delimiter than /.",
    )
