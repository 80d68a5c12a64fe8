"""Artifact Registry's hosts: repositories that must exist, separate permissions and texts."""

import json

import pytest
import requests
from support.backing_services import serve

from docker_credential_gcr.emulator.settings import Settings

HOST = "us-docker.pkg.dev"
APP = f"{HOST}/my-project/images/dir/app"
NAME = "projects/my-project/locations/us/repositories/images"
REPOSITORIES = "/v1/projects/my-project/locations/us/repositories"
IMAGES = f"{REPOSITORIES}/images"
PULL, PUSH = f"repository:{APP}:pull", f"repository:{APP}:pull,push"
EMPTY = {
    "schemaVersion": 2,
    "mediaType": "application/vnd.oci.image.manifest.v1+json",
    "layers": [],
}


@pytest.fixture
def images(call_api):
    """Creates a repository; returns `call_api`."""
    call_api("POST", f"{REPOSITORIES}?repositoryId=images", {"format": "DOCKER"})
    return call_api


def permission(verb, name=NAME):
    return (
        f'Permission "artifactregistry.repositories.{verb}" denied on resource "{name}" (or it may not exist)'
    )


def refusal(code, message):
    return {"errors": [{"code": code, "message": message}]}


def push_config(client, repository, tag, config):
    """Pushes an image with a config only; returns the response."""
    blob = client.push_blob(
        repository, json.dumps(config).encode(), "application/vnd.oci.image.config.v1+json"
    )
    return client.put_manifest(repository, tag, {**EMPTY, "config": blob})


def test_an_image_that_was_deleted_is_pushed_again(images, connect):
    writer = connect("roles/artifactregistry.writer", account="writer")
    digest = writer.push_image(APP, "v1", b"layer")

    images("DELETE", f"{IMAGES}/packages/dir%2Fapp")
    assert writer.push_image(APP, "v2", b"layer") == digest

    assert writer.get(f"/v2/{APP}/tags/list", repository=APP).json()["tags"] == ["v2"]


@pytest.mark.usefixtures("images")
def test_a_writer_pushes_and_a_reader_pulls(connect):
    digest = connect("roles/artifactregistry.writer", account="writer").push_image(APP, "v1", b"layer")

    reader = connect("roles/artifactregistry.reader", account="reader")

    assert reader.get(f"/v2/{APP}/manifests/v1", repository=APP).headers["Docker-Content-Digest"] == digest
    assert reader.get(f"/v2/{APP}/tags/list", repository=APP).json()["tags"] == ["v1"]
    refused = reader.ask_token(PUSH)
    assert (refused.status_code, refused.json()) == (
        403,
        refusal("DENIED", permission("uploadArtifacts")),
    )


@pytest.mark.usefixtures("images")
def test_the_host_names_the_registry_as_the_path_does(connect, gcr_emulator):
    writer = connect("roles/artifactregistry.writer")
    writer.push_image(APP, "v1", b"layer")
    name = APP.removeprefix(f"{HOST}/")

    for host in (HOST, f"{HOST}.localhost:5000", "docker.us.rep.pkg.dev"):
        token = writer.ask_token(f"repository:{name}:pull", host=host).json()["token"]
        headers = {"Host": host}
        answer = writer.call("GET", f"/v2/{name}/manifests/v1", token=token, headers=headers)
        assert answer.status_code == 200, host
    elsewhere = writer.call(
        "GET", f"/v2/{name}/manifests/v1", token=token, headers={"Host": "europe-docker.pkg.dev"}
    )
    assert elsewhere.status_code == 401
    assert gcr_emulator.url


@pytest.mark.usefixtures("images")
def test_the_manifest_list_has_no_layer_ids(connect):
    writer = connect("roles/artifactregistry.writer")
    digest = writer.push_image(APP, "v1", b"layer")

    document = writer.get(f"/v2/{APP}/tags/list", repository=APP).json()

    entry = document["manifest"][digest]
    assert document == {"child": [], "manifest": {digest: entry}, "name": APP, "tags": ["v1"]}
    assert entry == {
        "imageSizeBytes": entry["imageSizeBytes"],
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "tag": ["v1"],
        "timeCreatedMs": "1767323045678",
        "timeUploadedMs": entry["timeUploadedMs"],
    }


@pytest.mark.usefixtures("images")
def test_a_stranger_and_the_anonymous_are_told_the_permission(stranger, anonymous, connect):
    connect("roles/artifactregistry.writer", account="writer").push_image(APP, "v1", b"layer")
    for client, form in (
        (stranger, permission("{}")),
        (
            anonymous,
            "Unauthenticated request. Unauthenticated requests do not have permission "
            f'"artifactregistry.repositories.{{}}" on resource "{NAME}" (or it may not exist)',
        ),
    ):
        for scope, verb in ((PULL, "downloadArtifacts"), (PUSH, "uploadArtifacts")):
            answer = client.ask_token(scope)
            assert (answer.status_code, answer.json()) == (403, refusal("DENIED", form.format(verb)))


@pytest.mark.usefixtures("images")
def test_a_credential_without_token_exchange_is_told_it_too(gcr_emulator, connect):
    connect("roles/artifactregistry.writer", account="writer").push_image(APP, "v1", b"layer")
    key = gcr_emulator.key(None, account="stranger").read_text()

    answer = requests.get(f"{gcr_emulator.url}/v2/{APP}/tags/list", auth=("_json_key", key), timeout=30)

    assert (answer.status_code, answer.json()) == (403, refusal("DENIED", permission("downloadArtifacts")))


def test_a_policy_of_the_repository_opens_that_one_alone(connect, images):
    images("POST", f"{REPOSITORIES}?repositoryId=other", {"format": "DOCKER"})
    member = "serviceAccount:stranger@my-project.iam.gserviceaccount.com"
    stranger = connect(None, account="stranger")
    bindings = [{"role": "roles/artifactregistry.writer", "members": [member]}]
    images("POST", f"{IMAGES}:setIamPolicy", {"policy": {"bindings": bindings}})

    stranger.push_image(APP, "v1", b"layer")

    other = stranger.ask_token(f"repository:{HOST}/my-project/other/app:pull")
    name = NAME.replace("images", "other")
    assert other.json() == refusal("DENIED", permission("downloadArtifacts", name))


def test_a_public_repository_is_pulled_by_anyone(connect, anonymous, images):
    connect("roles/artifactregistry.writer").push_image(APP, "v1", b"layer")
    bindings = [{"role": "roles/artifactregistry.reader", "members": ["allUsers"]}]
    images("POST", f"{IMAGES}:setIamPolicy", {"policy": {"bindings": bindings}})

    assert anonymous.get(f"/v2/{APP}/manifests/v1", repository=APP).status_code == 200
    assert anonymous.ask_token(PUSH).status_code == 403


@pytest.mark.usefixtures("images")
def test_roles_of_storage_count_for_nothing(connect):
    answer = connect("roles/storage.admin").ask_token(PUSH)

    assert answer.json() == refusal("DENIED", permission("uploadArtifacts"))


@pytest.mark.usefixtures("images")
def test_only_an_administrator_of_the_repository_deletes(connect):
    writer = connect("roles/artifactregistry.writer", account="writer")
    digest = writer.push_image(APP, "v1", b"layer")
    token = writer.token(f"repository:{APP}:pull,delete")
    refused = writer.call("DELETE", f"/v2/{APP}/manifests/v1", token=token)
    assert (refused.status_code, refused.json()) == (403, refusal("DENIED", permission("deleteArtifacts")))

    admin = connect("roles/artifactregistry.repoAdmin", account="admin")

    assert admin.delete(f"/v2/{APP}/manifests/v1", repository=APP).status_code == 202
    assert admin.delete(f"/v2/{APP}/manifests/{digest}", repository=APP).status_code == 202


@pytest.mark.usefixtures("call_api")
def test_a_repository_is_not_made_by_a_push(connect):
    editor = connect("roles/editor")

    token = editor.token(PUSH)
    answer = editor.call("POST", f"/v2/{APP}/blobs/uploads/", token=token)

    (error,) = answer.json()["errors"]
    assert (answer.status_code, error["code"]) == (404, "NAME_UNKNOWN")
    assert error["message"].startswith('Repository "images" not found')


def test_a_repository_is_made_by_a_push_where_the_settings_say_so(editor_of):
    with serve(Settings(port=0, create_on_push=True)) as ready:
        editor = editor_of(ready.url)
        assert editor.ask_token(PULL).status_code == 200
        assert requests.get(f"{ready.url}{IMAGES}", timeout=30).status_code == 404

        editor.push_image(APP, "v1", b"layer")

        made = requests.get(f"{ready.url}{IMAGES}", timeout=30).json()
        assert (made["name"], made["format"]) == (NAME, "DOCKER")
        unknown = editor.ask_token(f"repository:{HOST}/no-project/images/app:push")
        assert unknown.status_code == 403


def test_a_writer_makes_no_repository_by_a_push():
    with serve(Settings(port=0, create_on_push=True)) as ready:
        url = f"{ready.url}/v1/projects"
        requests.post(url, json={"projectId": "my-project"}, timeout=30)
        bindings = [{"role": "roles/artifactregistry.writer", "members": ["allUsers"]}]
        policy = {"policy": {"bindings": bindings}}
        requests.post(f"{url}/my-project:setIamPolicy", json=policy, timeout=30)

        answer = requests.get(f"{ready.url}/v2/token?scope={PUSH}", timeout=30)

        assert answer.status_code == 200
        assert requests.get(f"{ready.url}{IMAGES}", timeout=30).status_code == 404


def test_immutable_tags_are_neither_moved_nor_deleted(connect, images):
    editor = connect("roles/editor")
    assert push_config(editor, APP, "v1", {"a": 1}).status_code == 201
    images("PATCH", f"{IMAGES}?updateMask=dockerConfig", {"dockerConfig": {"immutableTags": True}})

    assert push_config(editor, APP, "v1", {"a": 1}).status_code == 201
    assert push_config(editor, APP, "v2", {"a": 2}).status_code == 201
    moved = push_config(editor, APP, "v1", {"a": 2})
    deleted = editor.delete(f"/v2/{APP}/manifests/v1", repository=APP)

    for answer, verb in ((moved, "update"), (deleted, "delete")):
        text = f"cannot {verb} tag v1. The repository has enabled tag immutability"
        assert (answer.status_code, answer.json()) == (400, refusal("MANIFEST_INVALID", text))


@pytest.mark.usefixtures("images")
def test_the_catalog_has_the_repositories_of_this_location(connect, call_api):
    call_api(
        "POST", "/v1/projects/my-project/locations/europe/repositories?repositoryId=images", {"format": 1}
    )
    editor = connect("roles/editor")
    editor.push_image(APP, "v1", b"layer")
    editor.push_image("europe-docker.pkg.dev/my-project/images/far", "v1", b"layer")
    editor.push_image("my-project/of-gcr", "v1", b"layer")

    def list_at(host):
        token = editor.ask_token(host=host).json()["token"]
        return editor.call("GET", "/v2/_catalog", token=token, headers={"Host": host}).json()

    assert list_at(HOST) == {"repositories": ["my-project/images/dir/app"]}
    assert list_at("europe-docker.pkg.dev") == {"repositories": ["my-project/images/far"]}
    assert list_at("gcr.io") == {"repositories": ["my-project/of-gcr"]}


def test_what_was_pushed_is_listed_by_the_api(connect, images):
    digest = connect("roles/editor").push_image(APP, "v1", b"layer")

    (image,) = images("GET", f"{IMAGES}/dockerImages")["dockerImages"]

    assert (image["uri"], image["tags"], image["buildTime"]) == (
        f"{APP}@{digest}",
        ["v1"],
        "2026-01-02T03:04:05.678000Z",
    )


def test_a_deleted_repository_serves_nothing(connect, images):
    editor = connect("roles/editor")
    editor.push_image(APP, "v1", b"layer")
    images("DELETE", IMAGES)

    assert editor.get(f"/v2/{APP}/manifests/v1", repository=APP).status_code == 404
    images("POST", f"{REPOSITORIES}?repositoryId=images", {"format": "DOCKER"})
    assert editor.get(f"/v2/{APP}/tags/list", repository=APP).json() == {
        "child": [],
        "manifest": {},
        "name": APP,
        "tags": [],
    }
