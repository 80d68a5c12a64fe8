"""Repositories of Artifact Registry: create, change, share, delete."""

from typing import Any

import pytest

Apis = Any
LOCATION = "/v1/projects/my-project/locations/us"
REPOSITORIES = f"{LOCATION}/repositories"
IMAGES = f"{REPOSITORIES}/images"
USER = "user:a@example.com"


@pytest.fixture(autouse=True)
def _project(apis: Apis) -> None:
    apis.call("POST", "/v1/projects", {"projectId": "my-project"})


def make(apis: Apis, name: str = "images", **body: object) -> Any:
    reply = apis.call("POST", f"{REPOSITORIES}?repositoryId={name}", {"format": "DOCKER", **body})
    assert reply.status == 200, reply
    return reply.body


def describe(name: str = "images", project: str = "my-project", **changes: object) -> dict[str, object]:
    return {
        "name": f"projects/{project}/locations/us/repositories/{name}",
        "format": "DOCKER",
        "mode": "STANDARD_REPOSITORY",
        "createTime": "2023-11-14T22:13:20Z",
        "updateTime": "2023-11-14T22:13:20Z",
        "registryUri": f"us-docker.pkg.dev/{project.replace(':', '/')}/{name}",
        **changes,
    }


def test_a_repository_is_made_by_an_operation_that_is_done(apis: Apis) -> None:
    settings = {
        "description": "Ours",
        "labels": {"team": "x"},
        "dockerConfig": {"immutableTags": True},
    }

    operation = make(apis, **settings)

    assert operation == {
        "name": operation["name"],
        "done": True,
        "metadata": {"@type": "type.googleapis.com/google.devtools.artifactregistry.v1.OperationMetadata"},
        "response": {
            "@type": "type.googleapis.com/google.devtools.artifactregistry.v1.Repository",
            **describe(**settings),
        },
    }
    assert apis.call("GET", f"/v1/{operation['name']}").body == operation
    assert apis.call("GET", IMAGES).body == describe(**settings, sizeBytes="0")


def test_the_numbers_of_enumerations_are_understood(apis: Apis) -> None:
    reply = apis.call("POST", f"{REPOSITORIES}?repository_id=images", {"format": 1, "mode": 1})

    assert reply.status == 200


def test_a_project_in_a_domain_has_repositories_too(apis: Apis) -> None:
    apis.call("POST", "/v1/projects", {"projectId": "example.com:proj-ect"})
    path = "/v1/projects/example.com:proj-ect/locations/us/repositories"

    made = apis.call("POST", f"{path}?repositoryId=images", {"format": "DOCKER"})

    assert made.status == 200
    assert apis.call("GET", f"{path.replace(':', '%3A')}/images").body == describe(
        project="example.com:proj-ect", sizeBytes="0"
    )


def test_repositories_are_listed_by_location_and_page(apis: Apis) -> None:
    for name in ("bb", "aa", "cc"):
        make(apis, name)
    apis.call("POST", "/v1/projects", {"projectId": "other-project"})
    apis.call("POST", "/v1/projects/other-project/locations/us/repositories?repositoryId=x", {"format": 1})

    apis.push("us~my-project~bb", "my-project/bb/app", b"layer")

    first = apis.call("GET", f"{REPOSITORIES}?pageSize=2").body
    second = apis.call("GET", f"{REPOSITORIES}?pageSize=2&pageToken={first.pop('nextPageToken')}").body

    assert (first, second) == (
        {"repositories": [describe("aa", sizeBytes="0"), describe("bb", sizeBytes="5")]},
        {"repositories": [describe("cc", sizeBytes="0")]},
    )
    assert apis.call("GET", REPOSITORIES.replace("/us/", "/europe/")).body == {}


@pytest.mark.parametrize("mask", ["dockerConfig,description", "docker_config.immutable_tags,description"])
def test_a_patch_changes_what_its_mask_names(apis: Apis, mask: str) -> None:
    make(apis, description="Old", labels={"team": "x"})
    apis.clock.set(1_700_000_060)
    body = {"description": "New", "labels": {"team": "y"}, "dockerConfig": {"immutableTags": True}}

    changed = apis.call("PATCH", f"{IMAGES}?updateMask={mask}", body)

    expected = describe(
        description="New",
        labels={"team": "x"},
        dockerConfig={"immutableTags": True},
        updateTime="2023-11-14T22:14:20Z",
    )
    assert (changed.status, changed.body) == (200, expected)
    assert apis.call("GET", IMAGES).body == {**expected, "sizeBytes": "0"}


def test_without_a_mask_a_patch_changes_what_is_given(apis: Apis) -> None:
    make(apis, description="Old", labels={"team": "x"})

    assert apis.call("PATCH", IMAGES, {"description": "New"}).body == describe(
        description="New", labels={"team": "x"}
    )


def test_what_a_mask_names_and_the_body_lacks_is_emptied(apis: Apis) -> None:
    make(apis, description="Old", labels={"team": "x"})

    assert apis.call("PATCH", f"{IMAGES}?updateMask=labels", {}).body == describe(description="Old")


def test_a_deleted_repository_takes_images_and_rights_along(apis: Apis) -> None:
    make(apis)
    apis.push("us~my-project~images", "my-project/images/app", b"layer")
    binding = {"role": "roles/artifactregistry.reader", "members": ["allUsers"]}
    apis.call("POST", f"{IMAGES}:setIamPolicy", {"policy": {"bindings": [binding]}})

    operation = apis.call("DELETE", IMAGES).body
    assert operation["response"] == {"@type": "type.googleapis.com/google.protobuf.Empty"}
    assert apis.call("GET", IMAGES).status == 404

    make(apis)
    assert apis.call("GET", f"{IMAGES}/packages").body == {}
    assert apis.call("GET", f"{IMAGES}:getIamPolicy").body == {"version": 1, "etag": "ACAB"}


def test_a_policy_is_replaced_by_who_has_read_it(apis: Apis) -> None:
    make(apis)
    old = apis.call("GET", f"{IMAGES}:getIamPolicy").body
    condition = {"title": "t", "expression": 'resource.type == "artifactregistry.googleapis.com/Repository"'}
    bindings = [{"role": "roles/artifactregistry.reader", "members": [USER], "condition": condition}]

    new = apis.call("POST", f"{IMAGES}:setIamPolicy", {"policy": {**old, "version": 3, "bindings": bindings}})

    assert new.body == {"version": 3, "etag": new.body["etag"], "bindings": bindings}
    assert apis.call("GET", f"{IMAGES}:getIamPolicy?options.requestedPolicyVersion=3").body == new.body
    late = apis.call("POST", f"{IMAGES}:setIamPolicy", {"policy": old})
    assert (late.status, late.body["error"]["status"]) == (409, "ABORTED")


def test_a_caller_learns_what_it_may_do(apis: Apis) -> None:
    make(apis)
    binding = {"role": "roles/artifactregistry.writer", "members": [USER]}
    apis.call("POST", f"{IMAGES}:setIamPolicy", {"policy": {"bindings": [binding]}})
    body = {
        "permissions": [
            "artifactregistry.repositories.deleteArtifacts",
            "artifactregistry.repositories.uploadArtifacts",
        ]
    }

    def ask(name: str, member: str, project: str = "my-project") -> Any:
        path = f"/v1/projects/{project}/locations/us/repositories/{name}:testIamPermissions"
        return apis.call("POST", path, body, apis.sign_in(member)).body

    number = apis.call("GET", "/v1/projects/my-project").body["projectNumber"]
    assert ask("images", USER, number) == ask("images", USER)
    assert ask("images", USER) == {"permissions": ["artifactregistry.repositories.uploadArtifacts"]}
    assert ask("images", "user:b@example.com") == {}
    assert ask("none", USER) == {}


def test_a58_the_repositories_of_all_locations_are_listed_as_gcloud_does(apis: Apis) -> None:
    make(apis)

    listed = apis.call("GET", "/v1beta2/projects/my-project/locations").body

    assert listed == apis.call("GET", "/v1/projects/my-project/locations").body
    found = [
        apis.call("GET", f"/v1/{location['name']}/repositories").body for location in listed["locations"]
    ]
    assert [body for body in found if body] == [{"repositories": [describe(sizeBytes="0")]}]


def test_locations_are_listed_and_shown(apis: Apis) -> None:
    us = {"name": "projects/my-project/locations/us", "locationId": "us"}

    listed = apis.call("GET", "/v1/projects/my-project/locations").body["locations"]

    names = [location["locationId"] for location in listed]
    assert us in listed
    assert names == sorted(names)
    assert len(names) > 40
    assert apis.call("GET", LOCATION).body == us


RULE = (
    "it must be 1 to 63 lower-case letters, digits or hyphens, beginning with a letter, "
    "not ending in a hyphen"
)
BAD: dict[str, tuple[str, str, object, int, str]] = {
    "no ID": ("POST", REPOSITORIES, {}, 400, f"invalid repository id '': {RULE}"),
    "ID that climbs": (
        "POST",
        f"{REPOSITORIES}?repositoryId=..",
        {},
        400,
        f"invalid repository id '..': {RULE}",
    ),
    "no format": (
        "POST",
        f"{REPOSITORIES}?repositoryId=x",
        {},
        400,
        "gcr-emulator can only create repositories of format DOCKER.",
    ),
    "Maven": (
        "POST",
        f"{REPOSITORIES}?repositoryId=x",
        {"format": "MAVEN"},
        400,
        "gcr-emulator can only create repositories of format DOCKER.",
    ),
    "a remote one": (
        "POST",
        f"{REPOSITORIES}?repositoryId=x",
        {"format": "DOCKER", "mode": "REMOTE_REPOSITORY"},
        400,
        "gcr-emulator can only create repositories of mode STANDARD_REPOSITORY or VIRTUAL_REPOSITORY.",
    ),
    "description": (
        "POST",
        f"{REPOSITORIES}?repositoryId=x",
        {"format": "DOCKER", "description": 1},
        400,
        "description must be a string of at most 1024 characters",
    ),
    "immutability": (
        "PATCH",
        f"{IMAGES}?updateMask=dockerConfig",
        {"dockerConfig": {"immutableTags": "yes"}},
        400,
        "dockerConfig.immutableTags must be true or false",
    ),
    "mask": (
        "PATCH",
        f"{IMAGES}?updateMask=nothing",
        {},
        400,
        "Invalid update mask: the field 'nothing' is unknown.",
    ),
    "a name that is taken": (
        "POST",
        f"{REPOSITORIES}?repositoryId=images",
        {"format": "DOCKER"},
        409,
        "the repository already exists",
    ),
    "unknown location": (
        "POST",
        "/v1/projects/my-project/locations/moon/repositories?repositoryId=x",
        {"format": "DOCKER"},
        404,
        "Location moon is not found or access is unauthorized.",
    ),
    "unknown project": (
        "GET",
        "/v1/projects/no-project/locations/us/repositories",
        None,
        404,
        "Project not found: no-project",
    ),
    "unknown repository": ("GET", f"{REPOSITORIES}/none", None, 404, "Requested entity was not found."),
    "role of buckets": (
        "POST",
        f"{IMAGES}:setIamPolicy",
        {"policy": {"bindings": [{"role": "roles/storage.legacyBucketReader", "members": ["allUsers"]}]}},
        400,
        "Role roles/storage.legacyBucketReader is not supported for this resource.",
    ),
    "version": (
        "GET",
        f"{IMAGES}:getIamPolicy?options.requestedPolicyVersion=2",
        None,
        400,
        "requestedPolicyVersion must be 0, 1 or 3",
    ),
    "verb": (
        "POST",
        f"{IMAGES}:walk",
        {},
        404,
        "The requested URL /v1/projects/my-project/locations/us/repositories/images:walk was not "
        "found on this server.",
    ),
}


@pytest.mark.parametrize(("method", "path", "body", "code", "message"), BAD.values(), ids=BAD.keys())
def test_a_bad_call(apis: Apis, method: str, path: str, body: object, code: int, message: str) -> None:
    make(apis)

    reply = apis.call(method, path, body)

    assert (reply.status, reply.body["error"]["message"]) == (code, message)


def test_a_deleted_project_has_no_repositories_to_change(apis: Apis) -> None:
    make(apis)
    apis.call("DELETE", "/v1/projects/my-project")

    reply = apis.call("GET", IMAGES)

    assert (reply.status, reply.body["error"]["message"]) == (
        400,
        "Project my-project is deleted: undelete it first.",
    )
