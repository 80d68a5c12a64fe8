"""A server on PostgreSQL and an object store: what clients get of blobs when the store fails."""

import os
import time

import pytest
import requests
from support.child_processes import LIMIT_S
from support.images import describe
from support.registry_client import RegistryClient
from support.servers.emulators import ServerProgram
from support.servers.loopback import serving
from support.servers.postgresql import NEEDS
from support.servers.s3_stub import S3Stub

pytestmark = [NEEDS, pytest.mark.in_turn]

REPOSITORY = "my-project/app"
SMALL = os.urandom(1000)
# Two parts of a multipart upload.
LARGE = os.urandom(6 * 1024 * 1024)


@pytest.fixture
def store():
    with serving(S3Stub()) as store:
        yield store


@pytest.fixture
def start(store, database_url, tmp_path):
    """Starts a server; returns a client of it."""
    environ = {"AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "secret"}
    arguments = ["--database", database_url, "--storage", "s3://bucket/images", "--open"]
    programs = []

    def start(*further):
        options = [*arguments, "--project", "my-project", "--storage-endpoint", store.url, *further]
        program = ServerProgram(tmp_path / "data", *options, environ=environ)
        programs.append(program)
        assert program.start(), program.await_end()
        return RegistryClient(program.ready["url"])

    yield start
    for program in programs:
        program.kill()


def get(client, descriptor, method="GET", **headers):
    return client.call(method, f"/v2/{REPOSITORY}/blobs/{descriptor['digest']}", headers=headers)


def push(client, data):
    return client.push_blob(REPOSITORY, data)


def upload_in_two(client, data):
    """Pushes a blob by two requests, so that it has two pieces."""
    started = client.call("POST", f"/v2/{REPOSITORY}/blobs/uploads/")
    middle = len(data) // 2
    sent = client.call("PATCH", started.headers["Location"], data=data[:middle])
    sent = client.call("PATCH", sent.headers["Location"], data=data[middle:])
    descriptor = describe(data, "application/octet-stream")
    ended = client.call("PUT", f"{sent.headers['Location']}?digest={descriptor['digest']}")
    assert ended.status_code == 201
    return descriptor


def test_bytes_over_64_kib_are_objects_and_others_rows(start, store):
    client = start()
    assert get(client, push(client, SMALL)).content == SMALL
    assert store.objects == {}
    large = push(client, LARGE)
    [key] = store.objects
    assert key.startswith("images/pieces/")
    assert store.objects[key] == LARGE
    assert get(client, large).content == LARGE
    assert get(client, large, Range="bytes=5242870-5242889").content == LARGE[5242870:5242890]


def test_a_blob_that_the_store_has_lost_is_an_error_before_its_first_byte_and_a_push_mends_it(start, store):
    client = start()
    large = push(client, LARGE)
    store.objects.clear()
    assert get(client, large).status_code == 500
    assert push(client, LARGE) == large
    assert get(client, large).content == LARGE
    # What the blob had before is no object: nothing is left over.
    assert list(store.objects.values()) == [LARGE]


def test_a_blob_that_is_pushed_again_keeps_its_object(start, store):
    client = start()
    push(client, LARGE)
    [key] = store.objects
    push(client, LARGE)
    assert list(store.objects) == [key]


def test_while_the_store_fails_rows_are_served_and_it_recovers_without_a_restart(start, store):
    client = start()
    small, large = push(client, SMALL), push(client, LARGE)
    digest = client.push_image(REPOSITORY, "v1", SMALL)
    store.intercept = lambda handler: handler.refuse(503, "SlowDown")

    refused = get(client, large)
    started = client.call("POST", f"/v2/{REPOSITORY}/blobs/uploads/")
    unwritten = client.call("PATCH", started.headers["Location"], data=LARGE)
    served = [get(client, small), client.call("GET", f"/v2/{REPOSITORY}/manifests/{digest}")]
    ready = client.call("GET", "/readyz")

    assert [answer.status_code for answer in (refused, unwritten, *served, ready)] == [
        503,
        503,
        200,
        200,
        200,
    ]
    for answer in (refused, unwritten):
        assert answer.headers["Retry-After"] == "1"
        assert answer.json()["errors"][0]["code"] == "UNAVAILABLE"
    store.intercept = lambda _: False
    give_up_at = time.monotonic() + LIMIT_S
    while get(client, large, method="GET", Range="bytes=0-9").status_code == 503:
        assert time.monotonic() < give_up_at
    # The upload goes on at the Location of its last response.
    assert client.call("PATCH", started.headers["Location"], data=LARGE).status_code == 202


def test_a_refused_deletion_is_a_metric_and_keeps_no_push_from_its_success(start, store):
    client = start()
    push(client, LARGE)
    store.intercept = lambda handler: handler.command == "DELETE" and handler.refuse(403, "AccessDenied")
    push(client, LARGE)
    assert len(store.objects) == 2
    metrics = client.call("GET", "/metrics").text
    assert "gcr_emulator_object_store_failed_deletions_total 1.0" in metrics


def test_s8_with_redirects_the_get_of_one_object_leads_to_the_store_and_head_never(start, store, tmp_path):
    client = start("--redirect-blobs")
    assert "with --storage-public-endpoint" in (tmp_path / "data.stderr").read_text()
    large, two, small = push(client, LARGE), upload_in_two(client, LARGE[1:]), push(client, SMALL)
    link = get(client, large)
    location = link.headers["Location"]
    assert (link.status_code, location.startswith(f"{store.url}/bucket/images/pieces/")) == (302, True)
    assert "X-Amz-Expires=300&" in location
    assert requests.get(location, timeout=LIMIT_S).content == LARGE
    assert get(client, large, method="HEAD").status_code == 200
    for descriptor, data in ((two, LARGE[1:]), (small, SMALL)):
        location = get(client, descriptor).headers["Location"]
        assert location.startswith(f"/artifacts-downloads/{REPOSITORY}/blobs/")
        assert client.call("GET", location).content == data


def test_a_store_that_fails_within_a_download_ends_the_connection_before_the_last_byte(start, store):
    client = start()
    large = push(client, LARGE)

    def intercept(handler):
        if handler.command != "GET":
            return False
        status, first, stop = handler.find_range(len(LARGE))
        handler.send_head(status, first, stop, len(LARGE))
        handler.wfile.write(LARGE[first : first + 1_000_000])
        handler.close_connection = True
        store.intercept = lambda handler: handler.refuse(500, "InternalError")
        return True

    store.intercept = intercept
    with pytest.raises(requests.exceptions.ChunkedEncodingError, match="IncompleteRead"):
        get(client, large)
    store.intercept = lambda _: False
    assert get(client, large, Range="bytes=0-9").content == LARGE[:10]
