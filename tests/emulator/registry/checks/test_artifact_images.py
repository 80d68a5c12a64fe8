"""Checks 34 to 38 and 40 of Artifact Registry: lists, uploads, referrers, deletions, quotas."""

import json

import pytest
import requests
from support.backing_services import serve
from support.images import OCI_CONFIG, OCI_INDEX, OCI_MANIFEST, digest_of

from docker_credential_gcr.emulator.settings import Limits, Settings

APP = "my-project/r/app"
NOW, NOW_MS = 1_800_000_000.25, "1800000000250"
CREATED, CREATED_MS = "2026-01-02T03:04:05.678901234Z", "1767323045678"


def told(answer):
    """Returns the status of a response and, of a refusal, code and message."""
    if answer.status_code < 400:
        return answer.status_code
    (error,) = answer.json()["errors"]
    return answer.status_code, error["code"], error["message"]


@pytest.fixture
def call(artifacts):
    """Sends a request with a token of the editor."""
    return lambda method, path, **options: artifacts.call(method, path, token=artifacts.token(), **options)


@pytest.fixture
def images(gcr_emulator, artifacts):
    """Pushes images; returns digests by tag: a and b are one image, c another; one has no tag."""
    gcr_emulator.clock.set(NOW)
    untagged = artifacts.push_image(APP, "b", b"first", created=CREATED)
    one = [artifacts.push_image(APP, tag, b"second one", created=CREATED) for tag in ("b", "a")]
    other = artifacts.push_image(APP, "c", b"third", created=CREATED)
    artifacts.push_image(f"{APP}/below", "x", b"third", created=CREATED)
    assert one[0] == one[1]
    return {"a": one[0], "c": other, "": untagged}


def entry(size, *tags):
    return {
        "mediaType": OCI_MANIFEST,
        "tag": list(tags),
        "timeUploadedMs": NOW_MS,
        "timeCreatedMs": CREATED_MS,
        "imageSizeBytes": str(len(json.dumps({"created": CREATED})) + size),
    }


def entries(images):
    return {
        images["a"]: entry(len(b"second one"), "a", "b"),
        images["c"]: entry(len(b"third"), "c"),
        images[""]: entry(len(b"first")),
    }


@pytest.mark.parametrize("query", ["", "?n=10000", "?n=20000"])
def test_a34_a_list_has_no_layer_ids_and_its_numbers_are_strings(call, images, query):
    answer = call("GET", f"/v2/{APP}/tags/list{query}")

    whole = {"child": ["below"], "manifest": entries(images), "name": APP, "tags": ["a", "b", "c"]}
    assert (answer.status_code, answer.json(), answer.headers.get("Link")) == (200, whole, None)
    assert list(answer.json()) == ["child", "manifest", "name", "tags"]


def test_a34_the_first_page_has_manifests_and_the_next_only_tags(call, images):
    first = call("GET", f"/v2/{APP}/tags/list?n=2")
    second = call("GET", first.links["next"]["url"])

    listed = first.json()["manifest"]
    assert len(listed) == 2
    assert listed == {digest: each for digest, each in entries(images).items() if digest in listed}
    assert first.json() == {"child": ["below"], "manifest": listed, "name": APP, "tags": ["a", "b"]}
    assert second.json() == {"child": ["below"], "manifest": {}, "name": APP, "tags": ["c"]}
    assert first.headers["Link"] == f'</v2/{APP}/tags/list?n=2&last=b>; rel="next"'
    assert "Link" not in second.headers


def test_a34_a_repository_lists_its_folders_and_images(call, images):
    assert images
    whole = {"child": ["app"], "manifest": {}, "name": "my-project/r", "tags": []}

    assert call("GET", "/v2/my-project/r/tags/list").json() == whole


def test_a34_the_catalog_has_what_the_caller_may_read(artifacts, make_repository, guest, images):
    make_repository("pub", is_public=True)
    artifacts.push_image("my-project/pub/app", "v1", b"layer")

    everything, public = (
        client.call("GET", "/v2/_catalog", token=client.token()) for client in (artifacts, guest)
    )

    assert everything.json() == {"repositories": ["my-project/pub/app", APP, f"{APP}/below"]}
    assert (public.json(), bool(images)) == ({"repositories": ["my-project/pub/app"]}, True)


def test_a35_a_second_chunk_is_taken(call):
    started = call("POST", f"/v2/{APP}/blobs/uploads/")
    first = call("PATCH", started.headers["Location"], data=b"abc")
    second = call("PATCH", first.headers["Location"], data=b"def")
    ended = call("PUT", f"{second.headers['Location']}?digest={digest_of(b'abcdef')}")

    assert [answer.status_code for answer in (started, first, second, ended)] == [202, 202, 202, 201]
    assert started.headers["Location"].startswith(f"/v2/{APP}/blobs/uploads/")
    assert call("GET", f"/v2/{APP}/blobs/{digest_of(b'abcdef')}").content == b"abcdef"


def test_a36_an_attached_artifact_is_a_referrer(artifacts, call, images):
    config = artifacts.push_blob(APP, b"{}", OCI_CONFIG)
    subject = {"mediaType": OCI_MANIFEST, "digest": images["a"], "size": 1}
    document = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "artifactType": "application/x.signature",
        "config": config,
        "layers": [],
        "subject": subject,
        "annotations": {"by": "me"},
    }
    pushed = artifacts.put_manifest(APP, "signature", document)
    attached = {
        "mediaType": OCI_MANIFEST,
        "digest": pushed.headers["Docker-Content-Digest"],
        "size": len(json.dumps(document)),
        "annotations": {"by": "me"},
        "artifactType": "application/x.signature",
    }

    path = f"/v2/{APP}/referrers/{images['a']}"
    listed, filtered, other = (
        call("GET", f"{path}{query}")
        for query in ("", "?artifactType=application/x.signature", "?artifactType=a/b")
    )

    assert (pushed.status_code, pushed.headers["OCI-Subject"]) == (201, images["a"])
    for answer, manifests in ((listed, [attached]), (filtered, [attached]), (other, [])):
        whole = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": manifests}
        assert (answer.status_code, answer.headers["Content-Type"], answer.json()) == (200, OCI_INDEX, whole)
    assert "OCI-Filters-Applied" not in listed.headers
    assert filtered.headers["OCI-Filters-Applied"] == "artifactType"


def test_a37_an_immutable_tag_is_neither_moved_nor_deleted(artifacts, call, make_repository):
    make_repository("fixed", dockerConfig={"immutableTags": True})
    name = "my-project/fixed/app"
    digest = artifacts.push_image(name, "v1", b"layer")
    again = artifacts.push_image(name, "v1", b"layer")
    config = artifacts.push_blob(name, b"{}", OCI_CONFIG)
    document = {"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": config, "layers": []}

    moved = artifacts.put_manifest(name, "v1", document)
    untagged = artifacts.put_manifest(name, digest_of(json.dumps(document).encode()), document)
    deleted = [call("DELETE", f"/v2/{name}/manifests/{each}") for each in ("v1", digest)]
    rest = call("DELETE", untagged.headers["Location"])

    # kaniko's --skip-push-permission-check and others look for the second sentence.
    text = "cannot {} tag v1. The repository has enabled tag immutability"
    assert (again, untagged.status_code, told(rest)) == (digest, 201, 202)
    assert told(moved) == (400, "MANIFEST_INVALID", text.format("update"))
    assert [told(answer) for answer in deleted] == [
        (400, "MANIFEST_INVALID", text.format("delete")),
        (400, "GOOGLE_MANIFEST_DANGLING_TAG", "Manifest is still referenced by one or more tags"),
    ]


def test_a38_what_is_in_use_is_not_deleted(artifacts, call, images):
    child = {"mediaType": OCI_MANIFEST, "digest": images["c"], "size": 1}
    index = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [child]}
    parent = artifacts.put_manifest(APP, "all", index, OCI_INDEX).headers["Docker-Content-Digest"]

    deleted = ["c", images["c"], images["a"], "nope", "all", parent, images["c"]]
    answers = [told(call("DELETE", f"/v2/{APP}/manifests/{reference}")) for reference in deleted]

    under = "Manifest is still referenced by one or more parent images"
    tagged = "Manifest is still referenced by one or more tags"
    assert answers == [
        202,
        (400, "GOOGLE_MANIFEST_DANGLING_PARENT_IMAGE", under),
        (400, "GOOGLE_MANIFEST_DANGLING_TAG", tagged),
        (404, "MANIFEST_UNKNOWN", 'Failed to fetch "nope"'),
        202,
        202,
        202,
    ]


IN_US = "Requests per project in the US multi-region"
IN_REGION = "Requests per project per region"


@pytest.mark.parametrize(
    ("host", "path", "text"),
    [
        ("us-docker.pkg.dev", f"/v2/{APP}/manifests/v1", (IN_US, f"{IN_US} per minute", "my-project")),
        ("us-docker.pkg.dev", "/v2/", (IN_US, f"{IN_US} per minute", None)),
        (
            "europe-west1-docker.pkg.dev",
            "/v2/my-project/r/tags/list",
            (IN_REGION, f"{IN_REGION} per minute per region", "my-project"),
        ),
        (
            None,
            f"/v2/us-docker.pkg.dev/{APP}/blobs/uploads/",
            (IN_US, f"{IN_US} per minute", "my-project"),
        ),
        ("gcr.io", "/v2/my-project/app/manifests/v1", None),
        (None, "/v2/my-project/app/manifests/v1", None),
    ],
)
def test_a40_the_request_beyond_the_quota_is_refused(host, path, text):
    headers = {"Host": host} if host else {}
    with serve(Settings(port=0, limits=Limits(request_rate=3 / 60, request_burst=3))) as ready:
        answers = [requests.get(f"{ready.url}{path}", headers=headers, timeout=30) for _ in range(4)]

    message = "too many requests from this address"
    if text is not None:
        metric, limit, project = text
        message = f"Quota exceeded for quota metric '{metric}' and limit '{limit}' of service "
        message += "'artifactregistry.googleapis.com'"
        message += f" for consumer 'project_number:{project}'." if project else "."
    assert [answer.status_code for answer in answers[:3]].count(429) == 0
    assert told(answers[3]) == (429, "TOOMANYREQUESTS", message)
    assert 10 < int(answers[3].headers["Retry-After"]) <= 20
