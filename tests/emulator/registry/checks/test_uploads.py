"""Checks 39 and 41 to 45 of Container Registry: blobs, as clients upload, mount and download them.

Checks 39 and 40 with redirects are in test_blob_redirects.py.
"""

import json
import random

import pytest
from support.images import DOCKER_MANIFEST, digest_of

APP, SOURCE = "my-project/app", "my-project/source"
PUSH = f"repository:{APP}:push,pull"
UPLOADS = f"/v2/{APP}/blobs/uploads/"
DATA = b"the bytes of a layer " * 5000
OCTETS = {"Content-Type": "application/octet-stream"}


def refusal(answer):
    (error,) = answer.json()["errors"]
    return answer.status_code, error["code"], error["message"]


BLOB = f"/v2/{APP}/blobs/{digest_of(DATA)}"
GONE = (
    404,
    "BLOB_UPLOAD_UNKNOWN",
    "unknown upload: use the Location of the last response, or start a new upload",
)


@pytest.fixture
def call(registry, account):
    """Sends a request with a token for two repositories."""
    token = registry.token(PUSH, f"repository:{SOURCE}:push,pull", auth=account.basic)
    return lambda method, path, **options: registry.call(method, path, token=token, **options)


def test_check_39_without_redirects_a_blob_is_given_at_once(call, editor):
    editor.push_blob(APP, DATA)
    head, whole = call("HEAD", BLOB), call("GET", BLOB)
    part = call("GET", BLOB, headers={"Range": "bytes=4-8"})
    size = str(len(DATA))
    assert (head.status_code, head.content, head.headers["Content-Length"]) == (200, b"", size)
    assert (whole.status_code, whole.content) == (200, DATA)
    assert (part.status_code, part.content) == (206, DATA[4:9])
    unknown = digest_of(b"unknown")
    message = f"blob unknown to this repository: {unknown}"
    assert refusal(call("GET", f"/v2/{APP}/blobs/{unknown}")) == (404, "BLOB_UNKNOWN", message)


def test_check_41_each_location_of_an_upload_is_good_once(call):
    started = call("POST", UPLOADS)
    first = started.headers["Location"]
    assert (started.status_code, started.headers["Range"], first.startswith(UPLOADS)) == (202, "0-0", True)
    sent = call("PATCH", first, data=DATA, headers=OCTETS)
    second = sent.headers["Location"]
    assert (sent.status_code, sent.headers["Range"]) == (202, f"0-{len(DATA) - 1}")
    assert (second.startswith(UPLOADS), second != first) == (True, True)
    for method in ("PATCH", "PUT", "DELETE", "GET"):
        assert refusal(call(method, f"{first}?digest={digest_of(DATA)}", data=b"x")) == GONE
    ended = call("PUT", f"{second}?digest={digest_of(DATA)}")
    named = {"Docker-Content-Digest": digest_of(DATA), "Location": BLOB}
    assert (ended.status_code, {name: ended.headers[name] for name in named}) == (201, named)
    head = call("HEAD", BLOB)
    assert (head.status_code, head.headers["Content-Length"]) == (200, str(len(DATA)))


def test_check_41_a_wrong_digest_is_refused_and_nothing_is_there(call):
    location = call("POST", UPLOADS).headers["Location"]
    location = call("PATCH", location, data=b"other bytes").headers["Location"]
    message = f"digest {digest_of(DATA)} was announced, the bytes are {digest_of(b'other bytes')}"
    refused = call("PUT", f"{location}?digest={digest_of(DATA)}")
    assert refusal(refused) == (400, "DIGEST_INVALID", message)
    for digest in (digest_of(DATA), digest_of(b"other bytes")):
        assert call("HEAD", f"/v2/{APP}/blobs/{digest}").status_code == 404


def chunked(data):
    """Yields a body as dockerd does: in chunks, without a length."""
    cuts = random.Random(1)
    while data:
        size = cuts.randint(1, 30_000)
        yield data[:size]
        data = data[size:]


# How each client starts and sends an upload; all end with PUT ?digest= without a body.
CLIENTS = {
    "dockerd": ({}, lambda: {"data": chunked(DATA)}),
    "podman": ({}, lambda: {"data": chunked(DATA), "headers": OCTETS}),
    "skopeo": ({}, lambda: {"data": chunked(DATA), "headers": OCTETS}),
    "crane": (
        {"headers": {"Content-Type": "application/json"}},
        lambda: {"data": DATA, "headers": OCTETS},
    ),
    "gcloud": ({}, lambda: {"data": DATA, "headers": OCTETS}),
}


@pytest.mark.parametrize("client", CLIENTS)
def test_check_42_every_client_s_push_succeeds(call, client):
    begin, send = CLIENTS[client]
    # crane checks whether the blob was mounted meanwhile.
    query = f"?mount={digest_of(DATA)}" if client == "crane" else ""
    for path in (BLOB, f"/v2/{APP}/manifests/v1"):
        assert call("HEAD", path).status_code == 404
    location = call("POST", f"{UPLOADS}{query}", **begin).headers["Location"]
    sent = call("PATCH", location, **send())
    assert (sent.status_code, sent.headers["Range"]) == (202, f"0-{len(DATA) - 1}")
    # gcloud parses and formats the query again; without a query it can lose nothing.
    assert "?" not in sent.headers["Location"]
    assert call("PUT", f"{sent.headers['Location']}?digest={digest_of(DATA)}").status_code == 201
    assert (call("HEAD", BLOB).status_code, call("GET", BLOB).content) == (200, DATA)

    config = {"mediaType": "application/x", "digest": digest_of(DATA), "size": len(DATA)}
    media_type = DOCKER_MANIFEST
    document = {"schemaVersion": 2, "mediaType": media_type, "config": config, "layers": []}
    body, headers = json.dumps(document), {"Content-Type": media_type}
    assert call("PUT", f"/v2/{APP}/manifests/v1", data=body, headers=headers).status_code == 201
    assert call("GET", f"/v2/{APP}/manifests/v1", headers={"Accept": media_type}).text == body


def test_check_42_gcloud_add_tag_copies_to_another_repository(call, editor):
    image = editor.push_image(SOURCE, "v1", DATA)
    oci, docker = "application/vnd.oci.image", "application/vnd.docker.distribution"
    lists = f"{oci}.index.v1+json,{docker}.manifest.list.v2+json"
    images = f"{oci}.manifest.v1+json,{docker}.manifest.v2+json"
    source, to = f"/v2/{SOURCE}/manifests", f"/v2/{APP}/manifests"
    assert call("GET", f"{source}/v1", headers={"Accept": lists}).status_code == 404
    found = call("GET", f"{source}/v1", headers={"Accept": images})
    assert (found.status_code, digest_of(found.content)) == (200, image)
    # gcloud's requests to the new repository before it pushes.
    for reference in (image, "v2"):
        assert call("GET", f"{to}/{reference}", headers={"Accept": images}).status_code == 404
    document = found.json()
    for blob in (document["config"], *document["layers"]):
        there = f"/v2/{APP}/blobs/{blob['digest']}"
        assert call("HEAD", there).status_code == 404
        mounted = call("POST", f"{UPLOADS}?mount={blob['digest']}&from={SOURCE}")
        assert (mounted.status_code, mounted.headers["Location"]) == (201, there)
    headers = {"Content-Type": found.headers["Content-Type"]}
    pushed = call("PUT", f"{to}/v2", data=found.content, headers=headers)
    assert (pushed.status_code, pushed.headers["Docker-Content-Digest"]) == (201, image)


def test_check_43_a_readable_blob_is_mounted_and_any_other_is_uploaded(call, editor, connect):
    editor.push_blob(SOURCE, DATA)
    secret = connect(project="other-project", account="other").push_blob("other-project/app", b"secret")
    digest = digest_of(DATA)
    mounted = call("POST", f"{UPLOADS}?mount={digest}&from={SOURCE}")
    named = {"Location": BLOB, "Docker-Content-Digest": digest}
    assert (mounted.status_code, {name: mounted.headers[name] for name in named}) == (201, named)
    assert call("GET", BLOB).content == DATA
    for wanted, source in (
        (digest_of(b"nowhere"), SOURCE),
        (digest, "my-project/none"),
        (secret["digest"], "other-project/app"),
        (digest, "Not/A/Name"),
    ):
        refused = call("POST", f"{UPLOADS}?mount={wanted}&from={source}")
        assert (refused.status_code, refused.headers["Location"].startswith(UPLOADS)) == (202, True)


def test_check_44_a_blob_of_the_bucket_is_mounted_without_a_source(call, editor):
    editor.push_blob(APP, DATA)
    mounted = call("POST", f"{UPLOADS}?mount={digest_of(DATA)}")
    assert (mounted.status_code, mounted.headers["Location"]) == (201, BLOB)


def test_check_45_a_cancelled_upload_is_gone(call):
    location = call("POST", UPLOADS).headers["Location"]
    assert call("DELETE", location).status_code == 204
    for method in ("PATCH", "DELETE", "GET"):
        assert refusal(call(method, location, data=b"x")) == GONE
