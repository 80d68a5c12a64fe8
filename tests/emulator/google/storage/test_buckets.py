"""Buckets: create, list, change, delete, with Cloud Storage's messages."""

from dataclasses import replace
from typing import Any

import pytest

Apis = Any
B = "/storage/v1/b"
IN_MY_PROJECT = f"{B}?project=my-project"
REGISTRY_BUCKET = "artifacts.my-project.appspot.com"
OPEN_ACCESS = {
    "bucketPolicyOnly": {"enabled": False},
    "uniformBucketLevelAccess": {"enabled": False},
    "publicAccessPrevention": "inherited",
}
UNIFORM = {"enabled": True, "lockedTime": "2024-02-12T22:13:20.000Z"}
UNIFORM_ACCESS = {
    "bucketPolicyOnly": UNIFORM,
    "uniformBucketLevelAccess": UNIFORM,
    "publicAccessPrevention": "inherited",
}


@pytest.fixture
def number(apis: Apis) -> str:
    """Creates my-project, and returns its number."""
    apis.call("POST", "/v1/projects", {"projectId": "my-project"})
    return str(apis.call("GET", "/v1/projects/my-project").body["projectNumber"])


def describe(number: str, name: str, **changes: object) -> dict[str, object]:
    return {
        "kind": "storage#bucket",
        "id": name,
        "selfLink": f"https://www.googleapis.com/storage/v1/b/{name}",
        "projectNumber": number,
        "name": name,
        "location": "US",
        "locationType": "multi-region",
        "storageClass": "STANDARD",
        "metageneration": "1",
        "etag": "CDE=",
        "timeCreated": "2023-11-14T22:13:20.000Z",
        "updated": "2023-11-14T22:13:20.000Z",
        "iamConfiguration": OPEN_ACCESS,
        **changes,
    }


def refusal(code: int, reason: str, message: str) -> dict[str, object]:
    error = {"message": message, "domain": "global", "reason": reason}
    return {"error": {"code": code, "message": message, "errors": [error]}}


def test_a_bucket_is_made_shown_and_deleted(apis: Apis, number: str) -> None:
    made = apis.call("POST", IN_MY_PROJECT, {"name": "my-bucket"})
    assert (made.status, made.body) == (200, describe(number, "my-bucket"))
    assert apis.call("GET", f"{B}/my-bucket").body == made.body

    gone = apis.call("DELETE", f"{B}/my-bucket")

    assert (gone.status, gone.body) == (204, b"")
    reply = apis.call("GET", f"{B}/my-bucket")
    assert (reply.status, reply.body) == (
        404,
        refusal(404, "notFound", "The specified bucket does not exist."),
    )


def test_a_bucket_is_made_with_its_settings(apis: Apis, number: str) -> None:
    body = {
        "name": "my-bucket",
        "location": "europe-west1",
        "storageClass": "NEARLINE",
        "labels": {"team": "x"},
        "iamConfiguration": {"uniformBucketLevelAccess": {"enabled": True}},
        "versioning": {"enabled": True},
    }

    assert apis.call("POST", IN_MY_PROJECT, body).body == describe(
        number,
        "my-bucket",
        location="EUROPE-WEST1",
        locationType="region",
        storageClass="NEARLINE",
        labels={"team": "x"},
        iamConfiguration=UNIFORM_ACCESS,
        versioning={"enabled": True},
    )


@pytest.mark.usefixtures("number")
def test_a_bucket_tells_its_layout(apis: Apis) -> None:
    apis.call("POST", IN_MY_PROJECT, {"name": "my-bucket"})

    assert apis.call("GET", f"{B}/my-bucket/storageLayout").body == {
        "kind": "storage#storageLayout",
        "bucket": "my-bucket",
        "location": "US",
        "locationType": "multi-region",
        "hierarchicalNamespace": {"enabled": False},
    }


@pytest.mark.usefixtures("number")
def test_a_bucket_has_no_managed_folders(apis: Apis) -> None:
    apis.call("POST", IN_MY_PROJECT, {"name": "my-bucket"})

    assert apis.call("GET", f"{B}/my-bucket/managedFolders").body == {"kind": "storage#managedFolders"}


def test_a_patch_changes_what_it_names(apis: Apis, number: str) -> None:
    labels = {"team": "x", "stage": "test"}
    apis.call("POST", IN_MY_PROJECT, {"name": "my-bucket", "labels": labels, "storageClass": "NEARLINE"})
    apis.clock.set(1_700_000_060)

    patch = {"labels": {"team": None, "owner": "me"}, "iamConfiguration": UNIFORM_ACCESS}
    changed = apis.call("PATCH", f"{B}/my-bucket", patch)

    expected = describe(
        number,
        "my-bucket",
        metageneration="2",
        etag="CDI=",
        updated="2023-11-14T22:14:20.000Z",
        labels={"stage": "test", "owner": "me"},
        storageClass="NEARLINE",
        iamConfiguration=UNIFORM_ACCESS,
    )
    assert (changed.status, changed.body) == (200, expected)
    assert apis.call("GET", f"{B}/my-bucket").body == expected


def test_an_update_replaces_all(apis: Apis, number: str) -> None:
    apis.call("POST", IN_MY_PROJECT, {"name": "my-bucket", "labels": {"team": "x"}})

    changed = apis.call("PUT", f"{B}/my-bucket", {"storageClass": "COLDLINE"})

    assert changed.body == describe(
        number, "my-bucket", metageneration="2", etag="CDI=", storageClass="COLDLINE"
    )


@pytest.mark.parametrize(
    "query",
    ["ifMetagenerationMatch=2", "ifMetagenerationNotMatch=1"],
)
@pytest.mark.parametrize(("method", "body"), [("GET", None), ("PATCH", {}), ("PUT", {}), ("DELETE", None)])
@pytest.mark.usefixtures("number")
def test_a_bucket_that_has_changed_meanwhile_is_left_alone(
    apis: Apis, query: str, method: str, body: object
) -> None:
    apis.call("POST", IN_MY_PROJECT, {"name": "my-bucket"})

    reply = apis.call(method, f"{B}/my-bucket?{query}", body)

    text = "At least one of the pre-conditions you specified did not hold."
    assert (reply.status, reply.body) == (412, refusal(412, "conditionNotMet", text))
    assert apis.call("GET", f"{B}/my-bucket?ifMetagenerationMatch=1").status == 200


@pytest.mark.usefixtures("number")
def test_buckets_are_listed_page_by_page(apis: Apis) -> None:
    apis.call("POST", "/v1/projects", {"projectId": "other-project"})
    for name in ("bbb", "aaa", "ccc", "b_a", "bxa"):
        apis.call("POST", IN_MY_PROJECT, {"name": name})
    apis.call("POST", f"{B}?project=other-project", {"name": "other"})

    def names(query: str) -> tuple[list[str], str | None]:
        body = apis.call("GET", f"{IN_MY_PROJECT}{query}").body
        assert body["kind"] == "storage#buckets"
        return [item["name"] for item in body.get("items", [])], body.get("nextPageToken")

    first, token = names("&maxResults=2")
    assert first == ["aaa", "b_a"]
    second, last = names(f"&maxResults=4&pageToken={token}")
    assert (second, last) == (["bbb", "bxa", "ccc"], None)
    # An underscore matches itself only, unlike in SQL's LIKE.
    assert names("&prefix=b_") == (["b_a"], None)
    assert names("&prefix=z") == ([], None)


def test_a_repository_of_artifact_registry_is_no_bucket(apis: Apis, number: str) -> None:
    path = "/v1/projects/my-project/locations/us/repositories?repositoryId=images"
    assert apis.call("POST", path, {"format": "DOCKER"}).status == 200

    assert apis.call("GET", IN_MY_PROJECT).body == {"kind": "storage#buckets"}
    assert apis.call("GET", f"{B}/us~my-project~images").status == 404
    assert number


@pytest.mark.usefixtures("number")
def test_a_bucket_with_an_image_is_not_deleted(apis: Apis) -> None:
    apis.call("POST", IN_MY_PROJECT, {"name": REGISTRY_BUCKET})
    apis.push(REGISTRY_BUCKET, "my-project/app", b"layer")

    reply = apis.call("DELETE", f"{B}/{REGISTRY_BUCKET}")
    assert (reply.status, reply.body) == (
        409,
        refusal(409, "conflict", "The bucket you tried to delete is not empty."),
    )

    objects = apis.call("GET", f"{B}/{REGISTRY_BUCKET}/o").body["items"]
    for item in objects:
        assert (
            apis.call("DELETE", f"{B}/{REGISTRY_BUCKET}/o/{item['name'].replace('/', '%2F')}").status == 204
        )
    assert apis.call("DELETE", f"{B}/{REGISTRY_BUCKET}").status == 204


@pytest.mark.usefixtures("number")
def test_a_bucket_that_is_made_again_has_none_of_the_rights(apis: Apis) -> None:
    apis.call("POST", IN_MY_PROJECT, {"name": "my-bucket"})
    binding = {"role": "roles/storage.objectViewer", "members": ["allUsers"]}
    assert apis.call("PUT", f"{B}/my-bucket/iam", {"bindings": [binding]}).status == 200

    apis.call("DELETE", f"{B}/my-bucket")
    apis.call("POST", IN_MY_PROJECT, {"name": "my-bucket"})

    roles = [binding["role"] for binding in apis.call("GET", f"{B}/my-bucket/iam").body["bindings"]]
    assert roles == ["roles/storage.legacyBucketOwner", "roles/storage.legacyBucketReader"]


@pytest.mark.usefixtures("number")
@pytest.mark.parametrize(
    "name",
    [
        "artifacts.other-project.appspot.com",
        "us.artifacts.other-project.appspot.com",
        "eu.artifacts.my-project.example.com.a.appspot.com",
        "my-project.appspot.com",
    ],
)
def test_no_project_creates_the_bucket_of_another_projects_registry(apis: Apis, name: str) -> None:
    reply = apis.call("POST", IN_MY_PROJECT, {"name": name})

    text = f"The bucket you tried to create is a domain name owned by another user: {name}"
    assert (reply.status, reply.body) == (400, refusal(400, "invalid", text))


@pytest.mark.usefixtures("number")
@pytest.mark.parametrize("prefix", ["", "us.", "eu.", "asia."])
def test_a_project_creates_the_buckets_of_its_own_registries(apis: Apis, prefix: str) -> None:
    assert apis.call("POST", IN_MY_PROJECT, {"name": f"{prefix}{REGISTRY_BUCKET}"}).status == 200


def test_what_is_public_needs_no_credential(apis: Apis, number: str) -> None:
    apis.call("POST", IN_MY_PROJECT, {"name": "my-bucket"})
    binding = {"role": "roles/storage.legacyBucketReader", "members": ["allUsers"]}
    apis.call("PUT", f"{B}/my-bucket/iam", {"bindings": [binding]})
    apis.services = replace(apis.services, strict_admin=True)

    assert apis.call("GET", f"{B}/my-bucket").body == describe(number, "my-bucket")
    assert apis.call("GET", f"{B}/my-bucket/o").body == {"kind": "storage#objects"}
    assert apis.call("GET", f"{B}/my-bucket", token="bad").status == 401
    hidden = apis.call("GET", f"{B}/no-bucket")
    message = (
        "Anonymous caller does not have storage.buckets.get access to the Google Cloud Storage bucket. "
        "Permission 'storage.buckets.get' denied on resource (or it may not exist)."
    )
    assert (hidden.status, hidden.body["error"]["message"]) == (401, message)


BAD: dict[str, tuple[str, str, object, int, str, str]] = {
    "no project": ("GET", B, None, 400, "invalid", "Required parameter: project"),
    "unknown project": ("GET", f"{B}?project=x", None, 400, "invalid", "Unknown project id: x"),
    "no name": ("POST", IN_MY_PROJECT, {}, 400, "invalid", "Invalid bucket name: 'None'"),
    "name of Artifact Registry's": (
        "POST",
        IN_MY_PROJECT,
        {"name": "us~my-project~images"},
        400,
        "invalid",
        "Invalid bucket name: 'us~my-project~images'",
    ),
    "name that climbs": (
        "POST",
        IN_MY_PROJECT,
        {"name": "a..b"},
        400,
        "invalid",
        "Invalid bucket name: 'a..b'",
    ),
    "location": (
        "POST",
        IN_MY_PROJECT,
        {"name": "new", "location": "../"},
        400,
        "invalid",
        "The specified location constraint is not valid.",
    ),
    "storage class": (
        "POST",
        IN_MY_PROJECT,
        {"name": "new", "storageClass": 1},
        400,
        "invalid",
        "Invalid value for: storageClass",
    ),
    "labels": (
        "POST",
        IN_MY_PROJECT,
        {"name": "new", "labels": [1]},
        400,
        "invalid",
        "Invalid value for: labels",
    ),
    "access": (
        "POST",
        IN_MY_PROJECT,
        {"name": "new", "iamConfiguration": []},
        400,
        "invalid",
        "Invalid value for: iamConfiguration",
    ),
    "uniform access": (
        "PATCH",
        f"{B}/my-bucket",
        {"iamConfiguration": {"uniformBucketLevelAccess": {"enabled": "yes"}}},
        400,
        "invalid",
        "Invalid value for: iamConfiguration.uniformBucketLevelAccess",
    ),
    "public access prevention": (
        "PATCH",
        f"{B}/my-bucket",
        {"iamConfiguration": {"publicAccessPrevention": "enforced"}},
        400,
        "invalid",
        "gcr-emulator does not enforce public access prevention.",
    ),
    "name that is taken": (
        "POST",
        IN_MY_PROJECT,
        {"name": "my-bucket"},
        409,
        "conflict",
        "Your previous request to create the named bucket succeeded and you already own it.",
    ),
    "page size": (
        "GET",
        f"{IN_MY_PROJECT}&maxResults=-1",
        None,
        400,
        "invalid",
        "Invalid value for maxResults: '-1' is not a number of entries.",
    ),
    "page token": (
        "GET",
        f"{IN_MY_PROJECT}&pageToken=*",
        None,
        400,
        "invalid",
        "Invalid value for pageToken: send the nextPageToken of the previous page.",
    ),
    "unknown method": (
        "POST",
        f"{B}/my-bucket/lockRetentionPolicy",
        {},
        404,
        "notFound",
        "The requested URL /storage/v1/b/my-bucket/lockRetentionPolicy was not found on this server.",
    ),
}


@pytest.mark.usefixtures("number")
@pytest.mark.parametrize(
    ("method", "path", "body", "code", "reason", "message"), BAD.values(), ids=BAD.keys()
)
def test_a_bad_call(
    apis: Apis, method: str, path: str, body: object, code: int, reason: str, message: str
) -> None:
    apis.call("POST", IN_MY_PROJECT, {"name": "my-bucket"})

    reply = apis.call(method, path, body)

    assert (reply.status, reply.body) == (code, refusal(code, reason, message))
