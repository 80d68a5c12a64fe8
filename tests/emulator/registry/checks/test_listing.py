"""Checks 23 to 30 of Container Registry: lists of tags, folders, manifests and repositories."""

import json

import pytest
from support.images import DOCKER_LIST, OCI_INDEX, OCI_MANIFEST

APP = "my-project/app"
PULL = f"repository:{APP}:pull"
CREATED, CREATED_MS = "2026-01-02T03:04:05.678901234Z", "1767323045678"
NOW, NOW_MS = 1_800_000_000.25, "1800000000250"


@pytest.fixture
def lists(registry, account):
    """Lists the tags of a name, with a token for it."""

    def ask(name, query=""):
        token = registry.token(f"repository:{name}:pull", auth=account.basic)
        return registry.call("GET", f"/v2/{name}/tags/list{query}", token=token)

    return ask


@pytest.fixture
def images(gcr_emulator, editor):
    """Pushes images; returns digests by tag: b and a are one image, c another; the first b has no tag."""
    gcr_emulator.clock.set(NOW)
    untagged = editor.push_image(APP, "b", b"first", created=CREATED)
    one = [editor.push_image(APP, tag, b"second one", created=CREATED) for tag in ("b", "a")]
    other = editor.push_image(APP, "c", b"third", created=CREATED)
    assert one[0] == one[1]
    return {"a": one[0], "b": one[0], "c": other, "": untagged}


def entry(size, *tags):
    return {
        "imageSizeBytes": str(len(json.dumps({"created": CREATED})) + size),
        "layerId": "",
        "mediaType": OCI_MANIFEST,
        "tag": list(tags),
        "timeCreatedMs": CREATED_MS,
        "timeUploadedMs": NOW_MS,
    }


def whole(images):
    return {
        "child": [],
        "manifest": {
            images["a"]: entry(len(b"second one"), "a", "b"),
            images["c"]: entry(len(b"third"), "c"),
            images[""]: entry(len(b"first")),
        },
        "name": APP,
        "tags": ["a", "b", "c"],
    }


def told(answer):
    return answer.status_code, answer.json(), answer.headers.get("Link")


def folder(name, *children):
    return 200, {"child": list(children), "manifest": {}, "name": name, "tags": []}, None


def test_check_23_a_project_lists_the_folders_and_images_right_below(lists, editor):
    assert told(lists("my-project")) == folder("my-project")
    for name in ("app", "dir/x", "dir/y/z"):
        editor.push_image(f"my-project/{name}", "v1", b"layer")
    assert told(lists("my-project")) == folder("my-project", "app", "dir")
    assert told(lists("my-project/dir")) == folder("my-project/dir", "x", "y")
    assert told(lists("my-project", "?check_usage_only=true")) == (200, {"usage": "ACTIVE"}, None)


@pytest.mark.parametrize(
    ("host", "project", "place"),
    [
        ("gcr.io", "example.com:my-project", "example.com/my-project"),
        ("us-docker.pkg.dev", "my-project", "my-project/images"),
        ("localhost:5000", "my-project", "us-docker.pkg.dev/my-project/images"),
        ("localhost:5000", "my-project", "eu.gcr.io/my-project"),
    ],
)
def test_check_23_so_does_whatever_images_lie_in(registry, make_account, host, project, place):
    owner = make_account("roles/owner", project=project)
    if "pkg.dev" in host + place:
        repositories = "/v1/projects/my-project/locations/us/repositories?repositoryId=images"
        registry.at("localhost").call("POST", repositories, json={"format": "DOCKER"}).raise_for_status()
    listed = registry.at(host).call("GET", f"/v2/{place}/tags/list", auth=owner.basic)
    assert told(listed) == folder(place)


@pytest.mark.parametrize("actions", ["push,pull", "*", "delete"])
def test_check_23_nothing_is_pushed_to_a_project_itself(registry, account, actions):
    answer = registry.ask_token(f"repository:my-project:{actions}", auth=account.basic)
    message = "invalid repository name 'my-project': expected PROJECT/IMAGE"
    advice = ", such as gcr.io/my-project/my-project:1"
    denied = {"errors": [{"code": "DENIED", "message": message + advice}]}
    assert told(answer) == (403, denied, None)
    errors = {"errors": [{"code": "NAME_INVALID", "message": message}]}
    for method, path in (("POST", "blobs/uploads/"), ("PUT", "manifests/v1"), ("GET", "manifests/v1")):
        answer = registry.call(method, f"/v2/my-project/{path}", auth=account.basic)
        assert told(answer) == (400, errors, None)


def test_check_24_an_image_lists_its_manifests_with_numbers_as_strings(lists, images):
    assert told(lists(APP)) == (200, whole(images), None)


@pytest.mark.parametrize("query", ["", "?n=1000", "?n=10000", "?unknown=1&ns=docker.io"])
def test_check_25_everything_comes_in_one_reply(lists, images, query):
    assert told(lists(APP, query)) == (200, whole(images), None)


def test_check_25_n_and_last_page_the_tags(lists, images):
    assert images
    page = {"child": [], "manifest": {}, "name": APP}
    following = f'</v2/{APP}/tags/list?n=2&last=b>; rel="next"'
    assert told(lists(APP, "?n=2")) == (200, {**page, "tags": ["a", "b"]}, following)
    assert told(lists(APP, "?n=2&last=b")) == (200, {**page, "tags": ["c"]}, None)
    assert lists(APP, "?n=1000&last=b").json()["tags"] == ["c"]
    assert lists(APP, "?last=a%00z").json()["tags"] == ["b", "c"]


def test_check_26_an_untagged_manifest_is_listed_for_gcrane_gc(lists, images):
    listed = lists(APP, "?n=10000").json()["manifest"]
    # What gcrane gc prints.
    assert [digest for digest, found in listed.items() if not found["tag"]] == [images[""]]
    assert listed[images[""]] == entry(len(b"first"))


def test_check_27_usage_alone_is_told_to_list_gcr_usage(lists, images):
    assert images
    assert told(lists(APP, "?check_usage_only=true")) == (200, {"usage": "ACTIVE"}, None)


def test_check_28_a_missing_image_is_not_found(lists):
    message = "repository name not known to registry: my-project/none"
    errors = {"errors": [{"code": "NAME_UNKNOWN", "message": message}]}
    for query in ("", "?n=10000", "?check_usage_only=true"):
        assert told(lists("my-project/none", query)) == (404, errors, None)


def test_check_29_the_catalog_has_the_caller_s_projects_and_pages_on_the_same_host(
    connect, editor, registry, account
):
    editor.push_image(APP, "v1", b"layer")
    editor.push_image("my-project/other", "v1", b"layer")
    connect(project="other-project", account="other").push_image("other-project/app", "v1", b"layer")
    token = registry.token("registry:catalog:*", auth=account.basic)
    for options in ({"token": token}, {"token": account.access_token()}, {"auth": account.basic}):
        whole = registry.call("GET", "/v2/_catalog?n=1000", **options)
        assert told(whole) == (200, {"repositories": [APP, "my-project/other"]}, None)
    first = registry.call("GET", "/v2/_catalog?n=1", token=token)
    following = '</v2/_catalog?n=1&last=my-project%2Fapp>; rel="next"'
    assert told(first) == (200, {"repositories": [APP]}, following)
    last = registry.call("GET", following[1:].partition(">")[0], token=token)
    assert told(last) == (200, {"repositories": ["my-project/other"]}, None)

    anonymous = registry.call("GET", "/v2/_catalog")
    challenge = 'Bearer realm="http://gcr.io/v2/token",service="gcr.io",scope="registry:catalog:*"'
    assert (anonymous.status_code, anonymous.headers["WWW-Authenticate"]) == (401, challenge)


# The requests of each client: gcrane ls -r, crane ls, skopeo list-tags, podman search --list-tags.
QUERIES = {"gcrane": "?n=10000", "crane": "?n=1000", "skopeo": "", "podman": ""}


def test_check_30_every_client_is_listed_the_same_tags(lists, images, editor):
    editor.push_image(f"{APP}/deep", "v1", b"layer")
    listed = {client: told(lists(APP, query)) for client, query in QUERIES.items()}
    assert images
    assert {answer[1]["tags"] == ["a", "b", "c"] for answer in listed.values()} == {True}
    # gcrane ls -r continues with the children.
    assert listed["gcrane"][1]["child"] == ["deep"]
    assert lists(f"{APP}/deep", QUERIES["gcrane"]).json()["tags"] == ["v1"]


@pytest.mark.parametrize("host", ["gcr.io", "localhost:5000"])
@pytest.mark.parametrize("path", ["/v1/search?n=25&q=app", "/v1/_ping"])
def test_check_30_docker_s_older_search_is_not_found(registry, account, host, path):
    # As podman search and docker search do, with and without a login.
    for options in ({}, {"auth": account.basic}):
        assert registry.at(host).call("GET", path, **options).status_code == 404


@pytest.mark.parametrize(
    "media_type",
    [DOCKER_LIST, OCI_INDEX],
    ids=["G-Z47-manifest-list", "G-Z47-index"],
)
def test_an_index_was_made_at_0_and_an_image_that_does_not_say_in_year_1(lists, editor, media_type):
    image = editor.push_image(APP, "image", b"layer", created=None)
    index = {"schemaVersion": 2, "mediaType": media_type, "manifests": []}
    answer = editor.put_manifest(APP, "index", index, media_type)

    listed = lists(APP).json()["manifest"]
    assert {digest: item["timeCreatedMs"] for digest, item in listed.items()} == {
        image: "-62135596800000",
        answer.headers["Docker-Content-Digest"]: "0",
    }
