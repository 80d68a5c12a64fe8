"""Images that are pushed to a repository: packages, versions, tags and dockerImages of the API."""

from typing import Any

import pytest
from sqlalchemy import Connection, update
from support.images import OCI_MANIFEST

from docker_credential_gcr.emulator.database import schema

Apis = Any
PLACE = "us~my-project~images"
NAME = "projects/my-project/locations/us/repositories/images"
REPOSITORY = f"/v1/{NAME}"
NESTED = f"{REPOSITORY}/packages/dir%2Fapp"
UPLOADED = "2023-11-14T22:13:20.000000Z"
MISSING = (404, "Requested entity was not found.")


@pytest.fixture(autouse=True)
def _repository(apis: Apis) -> None:
    apis.call("POST", "/v1/projects", {"projectId": "my-project"})
    path = "/v1/projects/my-project/locations/us/repositories?repositoryId=images"
    assert apis.call("POST", path, {"format": "DOCKER"}).status == 200


def push(apis: Apis, package: str, content: bytes, tag: str | None = "v1") -> str:
    digest: str = apis.push(PLACE, f"my-project/images/{package}", content, tag=tag)
    return digest


def describe_image(package: str, digest: str, size: int, *tags: str) -> dict[str, object]:
    return {
        "name": f"{NAME}/dockerImages/{package.replace('/', '%2F')}@{digest}",
        "uri": f"us-docker.pkg.dev/my-project/images/{package}@{digest}",
        "tags": list(tags),
        "uploadTime": UPLOADED,
        "updateTime": UPLOADED,
        "imageSizeBytes": str(size),
        "mediaType": OCI_MANIFEST,
    }


def describe_tag(package: str, tag: str, digest: str) -> dict[str, str]:
    base = f"{NAME}/packages/{package.replace('/', '%2F')}"
    return {"name": f"{base}/tags/{tag}", "version": f"{base}/versions/{digest}"}


def describe_version(package: str, digest: str, size: int, *tags: str) -> dict[str, object]:
    quoted = package.replace("/", "%2F")
    document: dict[str, object] = {
        "name": f"{NAME}/packages/{quoted}/versions/{digest}",
        "createTime": UPLOADED,
        "updateTime": UPLOADED,
        "metadata": {
            "name": f"{NAME}/dockerImages/{quoted}@{digest}",
            "imageSizeBytes": str(size),
            "mediaType": OCI_MANIFEST,
        },
    }
    if tags:
        document["relatedTags"] = [describe_tag(package, tag, digest) for tag in tags]
    return document


def refusal(reply: Any) -> tuple[int, str]:
    return reply.status, reply.body["error"]["message"]


def test_images_of_all_packages_are_listed_page_by_page(apis: Apis) -> None:
    one, two = sorted([push(apis, "app", b"1", "v1"), push(apis, "app", b"22", None)])
    nested = push(apis, "dir/app", b"333", "v1")
    sizes = {push(apis, "app", b"1", "v2"): (1, "v1", "v2"), push(apis, "app", b"22", None): (2,)}
    every = [
        describe_image("app", one, *sizes[one]),
        describe_image("app", two, *sizes[two]),
        describe_image("dir/app", nested, 3, "v1"),
    ]

    assert apis.call("GET", f"{REPOSITORY}/dockerImages").body == {"dockerImages": every}
    found, query = [], ""
    while True:
        body = apis.call("GET", f"{REPOSITORY}/dockerImages?pageSize=1{query}").body
        found += body["dockerImages"]
        if "nextPageToken" not in body:
            break
        query = f"&pageToken={body['nextPageToken']}"
    assert found == every


def test_an_image_is_shown_by_its_name_and_digest(apis: Apis) -> None:
    digest = push(apis, "dir/app", b"333")

    # Google's libraries quote the %2F in a name again.
    for name in (f"dir%2Fapp@{digest}", f"dir%252Fapp%40{digest}"):
        assert apis.call("GET", f"{REPOSITORY}/dockerImages/{name}").body == describe_image(
            "dir/app", digest, 3, "v1"
        )
    for name in (f"app@{digest}", "dir%2Fapp@sha256:0", "dir%2Fapp", "dir%2Fapp:v1"):
        assert refusal(apis.call("GET", f"{REPOSITORY}/dockerImages/{name}")) == MISSING


def test_a_repository_has_the_size_of_its_blobs(apis: Apis) -> None:
    push(apis, "app", b"1")
    push(apis, "other", b"333")
    push(apis, "other", b"1")

    assert apis.call("GET", REPOSITORY).body["sizeBytes"] == "4"


def test_packages_are_listed_shown_and_deleted(apis: Apis) -> None:
    for package in ("app", "dir/app", "zoo"):
        push(apis, package, package.encode())
    app, nested, zoo = (
        {"name": f"{NAME}/packages/{name}", "createTime": UPLOADED, "updateTime": UPLOADED}
        for name in ("app", "dir%2Fapp", "zoo")
    )

    first = apis.call("GET", f"{REPOSITORY}/packages?pageSize=2").body
    second = apis.call("GET", f"{REPOSITORY}/packages?pageToken={first.pop('nextPageToken')}").body
    assert (first, second) == ({"packages": [app, nested]}, {"packages": [zoo]})
    assert apis.call("GET", NESTED).body == nested
    assert apis.call("GET", NESTED.replace("%2F", "%252F")).body == nested

    operation = apis.call("DELETE", NESTED).body
    assert (operation["done"], apis.call("GET", f"/v1/{operation['name']}").body) == (True, operation)
    assert refusal(apis.call("GET", NESTED)) == MISSING
    assert apis.call("GET", f"{REPOSITORY}/packages").body == {"packages": [app, zoo]}


def test_versions_are_listed_and_shown(apis: Apis) -> None:
    sizes = {push(apis, "dir/app", b"1", "v1"): (1, "v1"), push(apis, "dir/app", b"22", None): (2,)}
    push(apis, "app", b"1")
    one, two = (describe_version("dir/app", digest, *sizes[digest]) for digest in sorted(sizes))

    assert apis.call("GET", f"{NESTED}/versions?view=FULL").body == {"versions": [one, two]}
    first = apis.call("GET", f"{NESTED}/versions?view=FULL&pageSize=1").body
    assert first["versions"] == [one]
    query = f"view=FULL&pageSize=1&pageToken={first['nextPageToken']}"
    assert apis.call("GET", f"{NESTED}/versions?{query}").body == {"versions": [two]}
    for digest, version in zip(sorted(sizes), (one, two), strict=True):
        assert apis.call("GET", f"{NESTED}/versions/{digest}?view=FULL").body == version
    assert refusal(apis.call("GET", f"{NESTED}/versions/sha256:0")) == MISSING


def test_a57_a_package_is_named_with_its_slash_quoted_once_or_twice(apis: Apis) -> None:
    digest = push(apis, "dir/app", b"1")
    expected = {
        "versions": {"versions": [describe_version("dir/app", digest, 1, "v1")]},
        "tags": {"tags": [describe_tag("dir/app", "v1", digest)]},
    }

    for listing, body in expected.items():
        for name in ("dir%2Fapp", "dir%252Fapp", "dir%2fapp"):
            query = "?view=FULL" if listing == "versions" else ""
            assert apis.call("GET", f"{REPOSITORY}/packages/{name}/{listing}{query}").body == body


def test_a61_a_project_in_a_domain_has_its_colon_in_the_api_and_a_slash_in_the_registry(apis: Apis) -> None:
    project = "example.com:proj-ect"
    apis.call("POST", "/v1/projects", {"projectId": project})
    made = f"/v1/projects/{project}/locations/us/repositories?repositoryId=images"
    assert apis.call("POST", made, {"format": "DOCKER"}).status == 200
    digest = apis.push("us~proj-ect.example.com.a~images", "example.com/proj-ect/images/app", b"1")

    for colon in (":", "%3A"):
        path = f"/v1/projects/{project.replace(':', colon)}/locations/us/repositories/images"
        (image,) = apis.call("GET", f"{path}/dockerImages").body["dockerImages"]
        assert image["uri"] == f"us-docker.pkg.dev/example.com/proj-ect/images/app@{digest}"
        name = f"projects/{project}/locations/us/repositories/images/packages/app"
        tag = {"name": f"{name}/tags/v1", "version": f"{name}/versions/{digest}"}
        assert apis.call("GET", f"{path}/packages/app/tags").body == {"tags": [tag]}


def test_a_version_with_a_tag_is_deleted_by_force_alone(apis: Apis) -> None:
    digest = push(apis, "dir/app", b"1")
    path = f"{NESTED}/versions/{digest}"

    assert refusal(apis.call("DELETE", path)) == (
        400,
        "Manifest is still referenced by one or more tags: v1",
    )
    assert apis.call("DELETE", f"{path}?force=true").body["done"] is True
    assert refusal(apis.call("GET", path)) == MISSING


def test_several_versions_are_deleted_or_none(apis: Apis) -> None:
    digests = [push(apis, "dir/app", content) for content in (b"1", b"22", b"333")]
    names = [f"{NAME}/packages/dir%2Fapp/versions/{digest}" for digest in digests]
    path = f"{NESTED}/versions:batchDelete"

    assert refusal(apis.call("POST", path, {"names": [*names[:2], f"{names[0]}0"]})) == MISSING
    assert apis.call("POST", path, {"names": names[:2], "validateOnly": True}).status == 200
    assert len(apis.call("GET", f"{NESTED}/versions").body["versions"]) == 3

    assert apis.call("POST", path, {"names": names[:2]}).status == 200
    (left,) = apis.call("GET", f"{NESTED}/versions").body["versions"]
    assert left["name"] == names[2]
    assert refusal(apis.call("POST", path, {"names": "x"})) == (
        400,
        "Invalid value at 'names': it must be a list.",
    )


def test_tags_are_made_moved_listed_and_deleted(apis: Apis) -> None:
    one, two = push(apis, "dir/app", b"1"), push(apis, "dir/app", b"22", None)
    version = f"{NAME}/packages/dir%2Fapp/versions/"

    made = apis.call("POST", f"{NESTED}/tags?tagId=v2", {"version": f"{version}{two}"})
    assert (made.status, made.body) == (200, describe_tag("dir/app", "v2", two))
    again = apis.call("POST", f"{NESTED}/tags?tag_id=v2", {"version": f"{version}{one}"})
    assert refusal(again) == (409, "Requested entity already exists")
    moved = apis.call("PATCH", f"{NESTED}/tags/v1?updateMask=version", {"version": f"{version}{two}"})
    assert moved.body == describe_tag("dir/app", "v1", two)
    assert apis.call("GET", f"{NESTED}/tags/v1").body == moved.body

    first = apis.call("GET", f"{NESTED}/tags?pageSize=1").body
    second = apis.call("GET", f"{NESTED}/tags?pageToken={first.pop('nextPageToken')}").body
    assert (first, second) == ({"tags": [moved.body]}, {"tags": [made.body]})

    assert apis.call("DELETE", f"{NESTED}/tags/v1").body == {}
    assert refusal(apis.call("DELETE", f"{NESTED}/tags/v1")) == MISSING
    assert refusal(apis.call("GET", f"{NESTED}/tags/v1")) == MISSING
    assert apis.call("GET", f"{NESTED}/tags").body == {"tags": [made.body]}


def test_immutable_tags_stay_where_they_are(apis: Apis) -> None:
    one, two = push(apis, "dir/app", b"1"), push(apis, "dir/app", b"22", None)
    apis.call("PATCH", f"{REPOSITORY}?updateMask=dockerConfig", {"dockerConfig": {"immutableTags": True}})
    version = f"{NAME}/packages/dir%2Fapp/versions/"
    immutable = "The repository has enabled tag immutability"

    moved = apis.call("PATCH", f"{NESTED}/tags/v1", {"version": f"{version}{two}"})
    assert refusal(moved) == (400, f"cannot update tag v1. {immutable}")
    removed = apis.call("DELETE", f"{NESTED}/tags/v1")
    assert refusal(removed) == (400, f"cannot delete tag v1. {immutable}")
    forced = apis.call("DELETE", f"{NESTED}/versions/{one}?force=true")
    assert refusal(forced) == (400, f"cannot delete a version with tags. {immutable}")
    whole = apis.call("DELETE", NESTED)
    assert refusal(whole) == (400, f"cannot delete a package with tags. {immutable}")
    assert whole.body["error"]["status"] == "FAILED_PRECONDITION"
    assert apis.call("PATCH", f"{NESTED}/tags/v1", {"version": f"{version}{one}"}).status == 200
    assert apis.call("POST", f"{NESTED}/tags?tagId=v2", {"version": f"{version}{one}"}).status == 200
    assert apis.call("DELETE", f"{NESTED}/versions/{two}").status == 200


@pytest.mark.parametrize(
    ("path", "body", "message"),
    [
        ("tags?tagId=v2", {}, "version must be projects/…/packages/PACKAGE/versions/DIGEST"),
        ("tags?tagId=v2", {"version": 1}, "version must be projects/…/packages/PACKAGE/versions/DIGEST"),
        ("tags", {"version": "x/versions/y"}, "invalid tag id ''"),
        ("tags?tagId=a/b", {"version": "x/versions/y"}, "invalid tag id 'a/b'"),
    ],
)
def test_what_is_no_tag_is_refused(apis: Apis, path: str, body: object, message: str) -> None:
    push(apis, "dir/app", b"1")

    assert refusal(apis.call("POST", f"{NESTED}/{path}", body)) == (400, message)


def test_a_tag_needs_a_version(apis: Apis) -> None:
    push(apis, "dir/app", b"1")

    reply = apis.call("POST", f"{NESTED}/tags?tagId=v2", {"version": "x/versions/sha256:0"})

    assert refusal(reply) == MISSING


@pytest.mark.parametrize(
    ("created_ms", "built"),
    [
        (253402300800000, None),
        (-62135596800001, None),
        (-62135596800000, None),
        (-62135596799000, "0001-01-01T00:00:01.000000Z"),
        (0, "1970-01-01T00:00:00.000000Z"),
    ],
    ids=lambda value: f"G-Z47-{value}",
)
def test_an_image_whose_time_is_unknown_has_no_build_time(
    apis: Apis, created_ms: int, built: str | None
) -> None:
    apis.push("us~my-project~images", "my-project/images/app", b"layer")

    def work(connection: Connection) -> None:
        connection.execute(update(schema.manifests).values(created_ms=created_ms))

    apis.services.database.write_now(work)

    (image,) = apis.call("GET", f"{REPOSITORY}/dockerImages").body["dockerImages"]
    (version,) = apis.call("GET", f"{REPOSITORY}/packages/app/versions").body["versions"]
    assert (image.get("buildTime"), version["metadata"].get("buildTime")) == (built, built)
