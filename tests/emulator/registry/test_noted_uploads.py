"""Uploads of a few bytes have no row, and are otherwise as all others."""

from contextlib import closing

import pytest
import requests
from sqlite_files import ask

from docker_credential_gcr.emulator.blobs.slots import Slots
from docker_credential_gcr.emulator.in_thread import InThread
from docker_credential_gcr.emulator.settings import Limits, Settings

REPOSITORY = "my-project/app"
UPLOADS = f"/v2/{REPOSITORY}/blobs/uploads/"
SCOPE = f"repository:{REPOSITORY}:pull,push"
LIFETIME_S = 200
SMALL, LARGE = b"few bytes", bytes(100_000)


@pytest.fixture
def data(tmp_path):
    return tmp_path / "data"


@pytest.fixture
def url(data):
    limits = Limits(uploads_per_account=4, upload_lifetime_s=LIFETIME_S)
    with InThread(Settings(port=0, data=data, limits=limits)) as ready:
        yield ready.url


@pytest.fixture
def call(url, editor_of, data):
    """Calls the registry; the room for uploads is known, as one that was looked at has one."""
    editor = editor_of(url)
    token = editor.token(SCOPE)

    def make(method, path, **options):
        return editor.call(method, path, token=token, **options)

    begin(make, SMALL)
    assert count(data) == (1, 0)
    return make


def begin(call, data):
    """The answer to an upload's first bytes."""
    return call("PATCH", call("POST", UPLOADS).headers["Location"], data=data)


def count(data):
    """How many uploads have a row, and how many are noted."""
    ((rows,),) = ask(data / "emulator.db", "SELECT count(*) FROM uploads")
    with closing(Slots(data / "uploads.slots")) as slots:
        return rows, len(slots.read())


def test_small_chunks_are_noted_and_a_large_one_makes_a_row(call, data, editor_of, url):
    whole = SMALL + SMALL + LARGE + SMALL
    counts, location = [], call("POST", UPLOADS).headers["Location"]
    for chunk in (SMALL, SMALL, LARGE, SMALL):
        location = call("PATCH", location, data=chunk).headers["Location"]
        counts.append(count(data))
    digest = editor_of(url).digest_of(whole)
    assert call("PUT", f"{location}?digest={digest}").status_code == 201
    assert counts == [(1, 1), (1, 1), (2, 0), (2, 0)]
    assert call("GET", f"/v2/{REPOSITORY}/blobs/{digest}").content == whole
    assert count(data) == (1, 0)


def test_a_chunk_that_does_not_fit_into_a_slot_makes_a_row(call, data):
    location = begin(call, SMALL).headers["Location"]
    answer = call("PATCH", location, data=bytes(5000))
    assert (answer.status_code, answer.headers["Range"]) == (202, f"0-{5000 + len(SMALL) - 1}")
    assert count(data) == (2, 0)
    assert call("GET", location).status_code == 404


@pytest.mark.parametrize("end", ["cancelled", "wrong digest"])
def test_an_upload_that_ends_without_a_blob_is_noted_no_more(call, data, end):
    location = begin(call, SMALL).headers["Location"]
    if end == "cancelled":
        assert call("DELETE", location).status_code == 204
    else:
        assert call("PUT", f"{location}?digest=sha256:{'0' * 64}").status_code == 400
    assert count(data) == (1, 0)
    assert call("GET", location).status_code == 404


def test_t14_what_is_noted_counts_as_what_has_a_row(call, data):
    assert [begin(call, chunk).status_code for chunk in (SMALL, LARGE, SMALL, SMALL)] == [202, 202, 202, 429]
    assert count(data) == (2, 2)


def test_one_whose_time_is_over_is_unknown_and_makes_room(call, data, url):
    locations = [begin(call, SMALL).headers["Location"] for _ in range(3)]
    requests.put(f"{url}/_emulator/clock", json={"offset_s": LIFETIME_S + 2}, timeout=30).raise_for_status()
    assert [call("GET", location).status_code for location in locations] == [404] * 3
    assert begin(call, SMALL).status_code == 202
    assert count(data) == (1, 0)


@pytest.mark.parametrize(("dry_run", "left"), [(True, (1, 2)), (False, (0, 0))])
def test_a_collection_ends_those_whose_time_is_over(call, data, url, dry_run, left):
    for _ in range(2):
        begin(call, SMALL)
    options = {"dry_run": dry_run}
    assert requests.post(f"{url}/_emulator/gc", json=options, timeout=30).json()["uploads"] == 0
    requests.put(f"{url}/_emulator/clock", json={"offset_s": LIFETIME_S + 2}, timeout=30).raise_for_status()
    assert requests.post(f"{url}/_emulator/gc", json=options, timeout=30).json()["uploads"] == 3
    assert count(data) == left


def test_t20_one_goes_on_after_its_server_was_killed(make_server, data, editor_of):
    server = make_server(data)
    server.start()
    editor = editor_of(server.ready["url"])
    token = editor.token(SCOPE)
    begin(lambda *arguments, **options: editor.call(*arguments, token=token, **options), SMALL)
    location = editor.call("POST", UPLOADS, token=token).headers["Location"]
    location = editor.call("PATCH", location, token=token, data=SMALL).headers["Location"]
    assert count(data) == (1, 1)
    server.kill()

    server.start()
    editor.url = server.ready["url"]

    assert count(data) == (2, 0)
    assert editor.call("GET", location, token=token).headers["Range"] == f"0-{len(SMALL) - 1}"
    digest = editor.digest_of(SMALL + b"!")
    assert editor.call("PUT", f"{location}?digest={digest}", token=token, data=b"!").status_code == 201


def test_one_whose_repository_has_gone_makes_no_other(editor_of, url):
    repositories = f"{url}/v1/projects/my-project/locations/us/repositories"
    images = {"repositoryId": "images"}
    editor, host = editor_of(url), {"Host": "us-docker.pkg.dev"}
    requests.post(repositories, params=images, json={"format": "DOCKER"}, timeout=30).raise_for_status()
    answer = editor.ask_token("repository:my-project/images/app:pull,push", host=host["Host"])
    with_token = {"token": answer.json()["token"], "headers": host}
    for _ in range(2):
        begun = editor.call("POST", "/v2/my-project/images/app/blobs/uploads/", **with_token)
        sent = editor.call("PATCH", begun.headers["Location"], **with_token, data=SMALL)
    requests.delete(f"{repositories}/images", timeout=30).raise_for_status()

    refused = editor.call("PUT", f"{sent.headers['Location']}?digest={editor.digest_of(SMALL)}", **with_token)

    assert (refused.status_code, refused.json()["errors"][0]["code"]) == (404, "NAME_UNKNOWN")
    assert requests.get(f"{repositories}/images", timeout=30).status_code == 404
