"""Limits of uploads in number and time, by the emulator's clock, while the server runs."""

import json
import os

import pytest
import requests
from support.backing_services import serve
from support.emulator_state import list_pieces

from docker_credential_gcr.emulator.settings import Limits, Settings

REPOSITORY = "my-project/app"
UPLOADS = f"/v2/{REPOSITORY}/blobs/uploads/"
# Shorter than the lifetime of a token.
LIFETIME_S = 200


@pytest.fixture
def data(tmp_path):
    return tmp_path / "data"


@pytest.fixture
def url(data):
    limits = Limits(uploads=5, uploads_per_account=3, upload_lifetime_s=LIFETIME_S)
    with serve(Settings(port=0, data=data, limits=limits)) as ready:
        yield ready.url


@pytest.fixture(autouse=True)
def clock(url):
    def set_clock(now):
        requests.put(f"{url}/_emulator/clock", json={"now": now}, timeout=30).raise_for_status()

    set_clock(1_800_000_000)
    return set_clock


@pytest.fixture
def connect(url, editor_of):
    """Returns a function that sends requests as an account of that name."""

    def make(account):
        editor = editor_of(url, account)
        token = editor.token(f"repository:{REPOSITORY}:pull,push")
        return lambda method, path, **options: editor.call(method, path, token=token, **options)

    return make


def begin(call, data=b"x"):
    """Starts an upload and sends its first bytes: only then it counts."""
    return call("PATCH", call("POST", UPLOADS).headers["Location"], data=data)


def test_t14_an_account_has_its_share_of_uploads_and_leaves_the_rest_to_others(connect):
    one = connect("account-one")
    locations = [begin(one).headers["Location"] for _ in range(3)]

    refused = begin(one)

    message = "more than 3 uploads of this account are in progress: finish or cancel some"
    body = {"errors": [{"code": "TOOMANYREQUESTS", "message": message}]}
    assert (refused.status_code, refused.json(), refused.headers["Retry-After"]) == (429, body, "30")
    other = connect("account-two")
    assert begin(other).status_code == 202
    assert one("DELETE", locations[0]).status_code == 204
    assert begin(one).status_code == 202


def test_t14_all_accounts_together_have_a_bound(connect):
    for account in ("account-one", "account-two"):
        call = connect(account)
        for _ in range(3 if account == "account-one" else 2):
            assert begin(call).status_code == 202

    refused = begin(connect("account-three"))

    message = "more than 5 uploads are in progress"
    assert (refused.status_code, refused.json()) == (
        429,
        {"errors": [{"code": "TOOMANYREQUESTS", "message": message}]},
    )


@pytest.mark.parametrize("size", [1, 100_000])
def test_t14_an_upload_that_finds_no_room_leaves_nothing_and_may_be_tried_again(connect, data, size):
    call = connect("account-one")
    locations = [begin(call).headers["Location"] for _ in range(3)]
    waiting = call("POST", UPLOADS).headers["Location"]

    assert call("PATCH", waiting, data=bytes(size)).status_code == 429

    assert list_pieces(data) == []
    assert call("DELETE", locations[0]).status_code == 204
    assert call("PATCH", waiting, data=bytes(size)).status_code == 202


def test_upload_whose_time_is_over_is_unknown_and_makes_room(connect, clock, data, url):
    call = connect("account-one")
    for _ in range(3):
        location = begin(call, os.urandom(100_000)).headers["Location"]
    assert list_pieces(data) == [100_000] * 3

    clock(1_800_000_000 + LIFETIME_S)
    assert call("GET", location).status_code == 204
    clock(1_800_000_001 + LIFETIME_S)

    assert json.loads(call("PATCH", location, data=b"x").text)["errors"][0]["code"] == "BLOB_UPLOAD_UNKNOWN"
    assert begin(call).status_code == 202
    assert requests.post(f"{url}/_emulator/gc", timeout=30).json()["uploads"] == 3
    assert list(data.glob("pieces/*/*")) == []


def test_upload_that_was_begun_and_never_gone_on_with_is_unknown_when_its_time_is_over(connect, clock):
    call = connect("account-one")
    location = call("POST", UPLOADS).headers["Location"]

    clock(1_800_000_000 + LIFETIME_S)
    assert call("GET", location).status_code == 204
    clock(1_800_000_001 + LIFETIME_S)

    assert json.loads(call("GET", location).text)["errors"][0]["code"] == "BLOB_UPLOAD_UNKNOWN"


def test_upload_that_is_sent_whole_and_wrong_leaves_no_upload(connect):
    call = connect("account-one")
    for _ in range(4):
        answer = call("POST", f"{UPLOADS}?digest=sha256:{'0' * 64}", data=b"x")
        assert (answer.status_code, answer.json()["errors"][0]["code"]) == (400, "DIGEST_INVALID")
