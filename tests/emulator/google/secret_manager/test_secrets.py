"""Secret Manager: secrets and their versions, checksums, states, and who may read them."""

import base64
from typing import Any

import google_crc32c
import pytest

Apis = Any
SECRETS = "/v1/projects/my-project/secrets"
AUTOMATIC = {"replication": {"automatic": {}}}


@pytest.fixture
def number(apis: Apis) -> str:
    """Creates the project, and returns its number."""
    apis.call("POST", "/v1/projects", {"projectId": "my-project"})
    found: str = apis.call("GET", "/v1/projects/my-project").body["projectNumber"]
    return found


def succeed(apis: Apis, method: str, path: str, body: object = None) -> Any:
    reply = apis.call(method, f"{SECRETS}{path}", body)
    assert reply.status == 200, reply
    return reply.body


def fail(apis: Apis, method: str, path: str, body: object = None, token: str | None = None) -> Any:
    reply = apis.call(method, f"{SECRETS}{path}", body, token)
    error = reply.body["error"]
    assert reply.status == error["code"]
    return reply.status, error["status"], error["message"]


def create(apis: Apis, name: str = "password", **settings: object) -> Any:
    return succeed(apis, "POST", f"?secretId={name}", {**AUTOMATIC, **settings})


def add(apis: Apis, data: bytes, name: str = "password", **payload: object) -> Any:
    body = {"payload": {"data": base64.b64encode(data).decode(), **payload}}
    return succeed(apis, "POST", f"/{name}:addVersion", body)


def access(apis: Apis, version: object = "latest", name: str = "password") -> bytes:
    payload = succeed(apis, "GET", f"/{name}/versions/{version}:access")["payload"]
    data = base64.b64decode(payload["data"])
    assert payload["dataCrc32c"] == str(google_crc32c.value(data))
    return data


def test_a_secret_is_created_shown_changed_listed_and_deleted(apis: Apis, number: str) -> None:
    made = create(apis, labels={"env": "test"}, annotations={"Owner": "Ada"})
    etag = made.pop("etag")
    expected = {
        "name": f"projects/{number}/secrets/password",
        "replication": {"automatic": {}},
        "labels": {"env": "test"},
        "annotations": {"Owner": "Ada"},
        "createTime": "2023-11-14T22:13:20.000000Z",
    }
    assert made == expected
    assert succeed(apis, "GET", "/password") == {**expected, "etag": etag}
    apis.clock.set(apis.clock.now() + 1)
    changed = succeed(apis, "PATCH", "/password?updateMask=labels", {"labels": {}, "etag": etag})
    del expected["labels"]
    assert changed.pop("etag") != etag
    assert changed == expected
    create(apis, "other")
    page = succeed(apis, "GET", "?pageSize=1")
    assert [each["name"] for each in page["secrets"]] == [f"projects/{number}/secrets/other"]
    (last,) = succeed(apis, "GET", f"?pageToken={page['nextPageToken']}")["secrets"]
    assert last["name"] == expected["name"]

    assert fail(apis, "DELETE", f"/password?etag={etag}")[:2] == (400, "FAILED_PRECONDITION")
    assert succeed(apis, "DELETE", "/password") == {}
    missing = f"Secret [projects/{number}/secrets/password] not found."
    assert fail(apis, "GET", "/password") == (404, "NOT_FOUND", missing)


def test_a_secret_that_exists_is_not_created_again(apis: Apis, number: str) -> None:
    create(apis)

    exists = f"Secret [projects/{number}/secrets/password] already exists."
    assert fail(apis, "POST", "?secretId=password", AUTOMATIC) == (409, "ALREADY_EXISTS", exists)


@pytest.mark.parametrize(
    ("query", "body"),
    [
        ("", AUTOMATIC),
        ("?secretId=a.b", AUTOMATIC),
        (f"?secretId={'a' * 256}", AUTOMATIC),
        ("?secretId=a", {}),
        ("?secretId=a", {"replication": {"automatic": {}, "userManaged": {"replicas": []}}}),
        ("?secretId=a", {"replication": {"userManaged": {"replicas": [{}]}}}),
        ("?secretId=a", {"replication": {"userManaged": {}}}),
        ("?secretId=a", {**AUTOMATIC, "labels": {"A": "b"}}),
        ("?secretId=a", {**AUTOMATIC, "annotations": {"a": 1}}),
        ("?secretId=a", {**AUTOMATIC, "annotations": {"a": "b" * 16384}}),
        ("?secretId=a", {**AUTOMATIC, "ttl": "60s"}),
        ("?secretId=a", {**AUTOMATIC, "unknown": 1}),
    ],
)
@pytest.mark.usefixtures("number")
def test_a_secret_that_is_wrong_is_refused(apis: Apis, query: str, body: object) -> None:
    assert fail(apis, "POST", query, body)[:2] == (400, "INVALID_ARGUMENT")
    assert succeed(apis, "GET", "") == {}


def test_versions_are_added_read_disabled_and_destroyed(apis: Apis, number: str) -> None:
    create(apis)
    none = f"Secret [projects/{number}/secrets/password] not found or has no versions."
    assert fail(apis, "GET", "/password/versions/latest:access") == (404, "NOT_FOUND", none)
    first = add(apis, b"one", dataCrc32c=str(google_crc32c.value(b"one")))
    name = f"projects/{number}/secrets/password/versions/1"
    assert {key: value for key, value in first.items() if key != "etag"} == {
        "name": name,
        "createTime": "2023-11-14T22:13:20.000000Z",
        "state": "ENABLED",
        "clientSpecifiedPayloadChecksum": True,
        "replicationStatus": {"automatic": {}},
    }
    add(apis, b"\x00\xff")
    assert (access(apis), access(apis, 1), access(apis, 2)) == (b"\x00\xff", b"one", b"\x00\xff")

    assert succeed(apis, "POST", "/password/versions/1:disable", {})["state"] == "DISABLED"
    state = f"Secret Version [{name}] is in DISABLED state."
    assert fail(apis, "GET", "/password/versions/1:access") == (400, "FAILED_PRECONDITION", state)
    assert succeed(apis, "POST", "/password/versions/1:enable", {})["state"] == "ENABLED"
    destroyed = succeed(apis, "POST", "/password/versions/1:destroy", {"etag": first["etag"]})
    assert (destroyed["state"], destroyed["destroyTime"]) == ("DESTROYED", "2023-11-14T22:13:20.000000Z")
    for verb in ("enable", "disable", "destroy"):
        assert fail(apis, "POST", f"/password/versions/1:{verb}", {})[1] == "FAILED_PRECONDITION"
    found = succeed(apis, "GET", "/password/versions")["versions"]
    assert [(each["name"][-1], each["state"]) for each in found] == [("2", "ENABLED"), ("1", "DESTROYED")]
    page = succeed(apis, "GET", "/password/versions?pageSize=1")
    rest = succeed(apis, "GET", f"/password/versions?pageToken={page['nextPageToken']}")
    assert page["versions"] + rest["versions"] == found
    assert succeed(apis, "GET", "/password/versions/latest") == found[0]


@pytest.mark.usefixtures("number")
def test_numbers_of_versions_are_not_used_again_and_a_destroyed_one_is_still_the_latest(apis: Apis) -> None:
    create(apis)
    add(apis, b"one")
    succeed(apis, "POST", "/password/versions/1:destroy", {})

    assert fail(apis, "GET", "/password/versions/latest:access")[1] == "FAILED_PRECONDITION"
    assert add(apis, b"two")["name"].endswith("/versions/2")


@pytest.mark.parametrize(
    "payload",
    [
        {"data": "no base64!"},
        {"data": "YQ==", "dataCrc32c": "1"},
        {"data": base64.b64encode(b"a" * 65537).decode()},
    ],
)
@pytest.mark.usefixtures("number")
def test_a_payload_that_is_wrong_is_refused(apis: Apis, payload: object) -> None:
    create(apis)

    assert fail(apis, "POST", "/password:addVersion", {"payload": payload})[1] == "INVALID_ARGUMENT"
    assert succeed(apis, "GET", "/password/versions") == {}


@pytest.mark.parametrize("version", ["0", "3", "newest", "-1"])
@pytest.mark.usefixtures("number")
def test_a_version_that_does_not_exist_is_refused(apis: Apis, version: str) -> None:
    create(apis)
    add(apis, b"one")

    expected = 400 if version in ("newest", "-1") else 404
    assert fail(apis, "GET", f"/password/versions/{version}:access")[0] == expected


@pytest.mark.usefixtures("number")
def test_an_accessor_of_one_secret_reads_it_and_no_other(apis: Apis) -> None:
    for name in ("password", "other"):
        create(apis, name)
        add(apis, b"secret", name)
    token = apis.sign_in("user:ada@example.com")
    policy = {
        "bindings": [
            {"role": "roles/secretmanager.secretAccessor", "members": ["user:ada@example.com"]},
        ]
    }
    succeed(apis, "POST", "/password:setIamPolicy", {"policy": policy})

    assert succeed(apis, "GET", "/password:getIamPolicy")["bindings"] == policy["bindings"]
    assert apis.call("GET", f"{SECRETS}/password/versions/latest:access", token=token).status == 200
    refused = (
        "Permission 'secretmanager.versions.access' denied for resource "
        "'projects/my-project/secrets/other' (or it may not exist)."
    )
    assert fail(apis, "GET", "/other/versions/latest:access", token=token) == (
        403,
        "PERMISSION_DENIED",
        refused,
    )
    assert fail(apis, "GET", "/password", token=token)[1] == "PERMISSION_DENIED"


ROLES = {
    "roles/owner": True,
    "roles/editor": False,
    "roles/viewer": False,
    "roles/secretmanager.admin": True,
    "roles/secretmanager.secretAccessor": True,
    "roles/secretmanager.viewer": False,
    "roles/secretmanager.secretVersionAdder": False,
    "roles/secretmanager.secretVersionManager": False,
}


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.usefixtures("number")
def test_only_some_roles_read_the_bytes(apis: Apis, role: str) -> None:
    create(apis)
    add(apis, b"secret")
    apis.grant(role, "user:ada@example.com")
    token = apis.sign_in("user:ada@example.com")

    status = apis.call("GET", f"{SECRETS}/password/versions/1:access", token=token).status
    assert status == (200 if ROLES[role] else 403)
