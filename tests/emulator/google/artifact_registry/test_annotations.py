"""Annotations of packages and versions, and what a manifest says about itself in the API."""

import json
from typing import Any

import pytest
from sqlalchemy import Connection
from support.images import OCI_CONFIG, OCI_INDEX, OCI_MANIFEST, digest_of

from docker_credential_gcr.emulator.database.images import manifests, repositories
from docker_credential_gcr.emulator.database.images.manifests import Summary
from docker_credential_gcr.emulator.oci.image_config import UNKNOWN_CREATED_MS

Apis = Any
NAME = "projects/my-project/locations/us/repositories/images"
PLACE = ("us~my-project~images", "my-project/images/app")
PACKAGE = f"/v1/{NAME}/packages/app"
NOW_MS = 1_700_000_000_000
PUSHED, LATER = "2023-11-14T22:13:20.000000Z", "2023-11-14T22:14:20.000000Z"


@pytest.fixture(autouse=True)
def _repository(apis: Apis) -> None:
    apis.call("POST", "/v1/projects", {"projectId": "my-project"})
    path = "/v1/projects/my-project/locations/us/repositories?repositoryId=images"
    assert apis.call("POST", path, {"format": "DOCKER"}).status == 200


@pytest.fixture
def digest(apis: Apis) -> str:
    """Pushes app:v1, then lets a minute pass."""
    pushed: str = apis.push(*PLACE, b"one")
    apis.clock.set(1_700_000_060)
    return pushed


def list_resources(digest: str) -> list[str]:
    return [PACKAGE, f"{PACKAGE}/versions/{digest}"]


def refusal(reply: Any) -> tuple[int, str]:
    return reply.status, reply.body["error"]["message"]


MASKS = {
    "?updateMask=annotations": {"b": "2"},
    "?updateMask=*": {"b": "2"},
    "": {"b": "2"},
    "?updateMask=annotations.b": {"a": "1", "b": "2"},
    "?updateMask=annotations.a": {},
    "?updateMask=annotations.a,annotations.b": {"b": "2"},
    "?updateMask=annotations.`some.key`": {"a": "1"},
    "?updateMask=name,createTime": {"a": "1"},
}


@pytest.mark.parametrize("query", MASKS, ids=[query or "none" for query in MASKS])
def test_a_patch_changes_the_annotations_that_its_mask_names(apis: Apis, digest: str, query: str) -> None:
    for path in list_resources(digest):
        before = apis.call("GET", path).body
        apis.call("PATCH", path, {"annotations": {"a": "1"}})
        sent = {**before, "displayName": "ignored", "description": "ignored"}
        sent = {name: value for name, value in sent.items() if path == PACKAGE or name != "displayName"}
        sent = {name: value for name, value in sent.items() if path != PACKAGE or name != "description"}

        reply = apis.call("PATCH", f"{path}{query}", {**sent, "annotations": {"b": "2"}})

        annotations = {"annotations": MASKS[query]} if MASKS[query] else {}
        expected = {**before, "updateTime": LATER, **annotations}
        assert (reply.status, reply.body) == (200, expected)
        assert apis.call("GET", path).body == expected
        name = path.rpartition("/")[2]
        listed = apis.call("GET", path.removesuffix(f"/{name}")).body
        assert expected in [item for items in listed.values() for item in items]


def test_a_patch_that_changes_nothing_does_not_touch_the_time(apis: Apis, digest: str) -> None:
    for path in list_resources(digest):
        before = apis.call("GET", path).body

        for query, body in (("", {}), ("", {"annotations": {}}), ("?updateMask=annotations", {})):
            assert apis.call("PATCH", f"{path}{query}", body).body == before
        assert before["updateTime"] == PUSHED


def test_annotations_are_cleared_by_an_empty_object(apis: Apis, digest: str) -> None:
    for path in list_resources(digest):
        before = apis.call("GET", path).body
        apis.call("PATCH", path, {"annotations": {"a": "1"}})

        assert apis.call("PATCH", path, {"annotations": {}}).body == {**before, "updateTime": LATER}


def test_the_image_of_a_version_has_the_time_of_its_annotations(apis: Apis, digest: str) -> None:
    apis.call("PATCH", f"{PACKAGE}/versions/{digest}", {"annotations": {"a": "1"}})

    shown = apis.call("GET", f"/v1/{NAME}/dockerImages/app@{digest}").body

    assert (shown["uploadTime"], shown["updateTime"], "annotations" in shown) == (PUSHED, LATER, False)


def test_a_second_push_keeps_the_annotations(apis: Apis, digest: str) -> None:
    for path in list_resources(digest):
        apis.call("PATCH", path, {"annotations": {"a": "1"}})

    assert apis.push(*PLACE, b"one", tag="v2") == digest

    for path in list_resources(digest):
        assert apis.call("GET", path).body["annotations"] == {"a": "1"}


BAD: dict[str, tuple[str, Any, str]] = {
    "a number": ("", {"a": 1}, "Invalid value at 'annotations.a': it must be a string."),
    "null": ("", {"a": None}, "Invalid value at 'annotations.a': it must be a string."),
    "a list": ("", [], "Invalid value at 'annotations': it must be an object."),
    "too much": ("", {"a": "é" * 131072}, "annotations may have at most 262144 bytes"),
    "mask": ("?updateMask=tags", {}, "Invalid update mask: the field 'tags' is unknown."),
}


@pytest.mark.parametrize("case", BAD)
def test_annotations_that_cannot_be_are_refused(apis: Apis, digest: str, case: str) -> None:
    query, annotations, text = BAD[case]

    for path in list_resources(digest):
        assert refusal(apis.call("PATCH", f"{path}{query}", {"annotations": annotations})) == (400, text)


def test_the_largest_annotations_are_taken(apis: Apis, digest: str) -> None:
    annotations = {"a": "b" * (256 * 1024 - 1)}

    for path in list_resources(digest):
        assert apis.call("PATCH", path, {"annotations": annotations}).body["annotations"] == annotations


def test_a_package_or_version_that_does_not_exist_has_no_annotations(apis: Apis, digest: str) -> None:
    for path in (f"/v1/{NAME}/packages/none", f"{PACKAGE}/versions/{digest[:-1]}"):
        reply = apis.call("PATCH", path, {"annotations": {"a": "1"}})
        assert refusal(reply) == (404, "Requested entity was not found.")


def push_document(apis: Apis, document: object, media_type: str) -> str:
    """Adds a manifest of those members to the database; returns its digest."""
    data = json.dumps(document).encode()
    digest = digest_of(data)
    summary = Summary(0, digest, media_type, 7, UNKNOWN_CREATED_MS, NOW_MS)

    def work(connection: Connection) -> None:
        stored = repositories.create(connection, *PLACE)
        assert stored is not None
        manifests.add(connection, stored, summary, data, children=set(), blobs=set())

    apis.services.database.write_now(work)
    return digest


CONFIG = {"mediaType": OCI_CONFIG, "digest": digest_of(b"{}"), "size": 2}
SUBJECT = {"mediaType": OCI_MANIFEST, "digest": digest_of(b"subject"), "size": 7}
ONE, TWO = digest_of(b"1"), digest_of(b"2")
PLATFORM = {
    "architecture": "arm",
    "os": "linux",
    "os.version": "10.0",
    "os.features": ["win32k"],
    "variant": "v7",
}
# case: (media type, document, members of the image and of the version's metadata, members of the image alone)
DOCUMENTS: dict[str, tuple[str, Any, dict[str, Any], dict[str, Any]]] = {
    "an image": (OCI_MANIFEST, {"config": CONFIG, "layers": []}, {}, {}),
    "an artifact": (
        OCI_MANIFEST,
        {"config": CONFIG, "layers": [], "artifactType": "application/vnd.example"},
        {"artifactType": "application/vnd.example"},
        {},
    ),
    "an artifact with a subject": (
        OCI_MANIFEST,
        {"config": CONFIG, "layers": [], "artifactType": "application/vnd.example", "subject": SUBJECT},
        {"artifactType": "application/vnd.example", "subjectDigest": SUBJECT["digest"]},
        {},
    ),
    "an image with a subject": (
        OCI_MANIFEST,
        {"config": CONFIG, "layers": [], "subject": SUBJECT},
        {"artifactType": OCI_MANIFEST, "subjectDigest": SUBJECT["digest"]},
        {},
    ),
    "an index": (
        OCI_INDEX,
        {
            "manifests": [
                {"mediaType": OCI_MANIFEST, "digest": ONE, "size": 1, "platform": PLATFORM},
                {"mediaType": OCI_MANIFEST, "digest": TWO, "size": 1},
            ]
        },
        {},
        {
            "imageManifests": [
                {
                    "architecture": "arm",
                    "os": "linux",
                    "digest": ONE,
                    "mediaType": OCI_MANIFEST,
                    "osVersion": "10.0",
                    "osFeatures": ["win32k"],
                    "variant": "v7",
                },
                {"digest": TWO, "mediaType": OCI_MANIFEST},
            ]
        },
    ),
    "an empty index": (OCI_INDEX, {"manifests": []}, {}, {}),
    "an index with an odd platform": (
        OCI_INDEX,
        {
            "manifests": [
                {"digest": ONE, "platform": {"architecture": 1, "os": "", "os.features": [1, "a"]}},
                {"digest": TWO, "platform": "linux"},
                1,
            ]
        },
        {},
        {"imageManifests": [{"digest": ONE, "osFeatures": ["a"]}, {"digest": TWO}]},
    ),
    "an odd document": (OCI_MANIFEST, {"artifactType": 1, "subject": "x"}, {}, {}),
    "an index without a list": (OCI_INDEX, {"manifests": 1}, {}, {}),
    "another document": (OCI_INDEX, [1], {}, {}),
}  # fmt: skip


@pytest.mark.parametrize("case", DOCUMENTS)
def test_an_image_shows_what_its_manifest_says(apis: Apis, case: str) -> None:
    media_type, document, both, alone = DOCUMENTS[case]
    digest = push_document(apis, document, media_type)
    name = f"{NAME}/dockerImages/app@{digest}"
    contents = {"imageSizeBytes": "7", "mediaType": media_type, **both}
    image = {
        "name": name,
        "uri": f"us-docker.pkg.dev/my-project/images/app@{digest}",
        "tags": [],
        "uploadTime": PUSHED,
        "updateTime": PUSHED,
        **contents,
        **alone,
    }
    version = {
        "name": f"{NAME}/packages/app/versions/{digest}",
        "createTime": PUSHED,
        "updateTime": PUSHED,
        "metadata": {"name": name, **contents},
    }

    assert apis.call("GET", f"/v1/{name}").body == image
    assert apis.call("GET", f"/v1/{NAME}/dockerImages").body == {"dockerImages": [image]}
    assert apis.call("GET", f"{PACKAGE}/versions/{digest}").body == version
    assert apis.call("GET", f"{PACKAGE}/versions").body == {"versions": [version]}
