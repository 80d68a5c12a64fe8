"""Checks 47 to 52 of Container Registry: deletion, its order, and its permissions."""

import pytest
from support.images import DOCKER_LIST, DOCKER_MANIFEST, OCI_INDEX, OCI_MANIFEST

APP = "my-project/app"
MANIFESTS = f"/v2/{APP}/manifests"
# The Accept headers that gcloud tries, in its order.
GUESSES = (f"{OCI_INDEX},{DOCKER_LIST}", f"{OCI_MANIFEST},{DOCKER_MANIFEST}")


@pytest.fixture
def digest(editor):
    """Pushes an image as v1; returns its digest."""
    return editor.push_image(APP, "v1", b"layer")


@pytest.fixture
def call(registry, account):
    """Sends a request as gcloud does: with a token for push and pull, and for deletion with that scope."""
    token = registry.token(f"repository:{APP}:push,pull,delete", auth=account.basic)
    return lambda method, path, **options: registry.call(method, path, token=token, **options)


@pytest.fixture
def tags(call):
    """Returns the digests by tag, and all digests; None for an unknown repository."""

    def ask():
        answer = call("GET", f"/v2/{APP}/tags/list")
        if answer.status_code == 404:
            return None
        listed = answer.json()["manifest"]
        named = {tag: digest for digest, entry in listed.items() for tag in entry["tag"]}
        assert sorted(named) == answer.json()["tags"]
        return named, set(listed)

    return ask


def refusal(answer):
    (error,) = answer.json()["errors"]
    return answer.status_code, error["code"], error["message"]


def dangling(tag):
    return 400, "GOOGLE_MANIFEST_DANGLING_TAG", f"Manifest is still referenced by tag: {tag}"


def removed(answer):
    return answer.status_code, answer.content, answer.headers["Content-Type"]


REMOVED = 202, b'{"errors":[]}', "application/json"


def test_check_47_a_digest_that_a_tag_names_is_not_deleted(call, digest, tags):
    assert refusal(call("DELETE", f"{MANIFESTS}/{digest}")) == dangling("v1")
    assert tags() == ({"v1": digest}, {digest})


def test_check_48_the_tag_goes_and_then_the_digest(call, digest, tags):
    assert removed(call("DELETE", f"{MANIFESTS}/v1")) == REMOVED
    assert tags() == ({}, {digest})
    assert call("GET", f"{MANIFESTS}/{digest}").status_code == 200
    message = f'Failed to fetch "v1" from request "{MANIFESTS}/v1".'
    assert refusal(call("GET", f"{MANIFESTS}/v1")) == (404, "MANIFEST_UNKNOWN", message)

    assert removed(call("DELETE", f"{MANIFESTS}/{digest}")) == REMOVED
    message = f'Failed to fetch "{digest}" from request "{MANIFESTS}/{digest}".'
    assert refusal(call("GET", f"{MANIFESTS}/{digest}")) == (404, "MANIFEST_UNKNOWN", message)
    assert tags() is None


def test_check_49_what_is_gone_is_not_deleted_again(call, digest):
    for reference in ("v1", digest):
        assert call("DELETE", f"{MANIFESTS}/{reference}").status_code == 202
    for reference in ("v1", digest, "latest"):
        message = f"Failed to compute blob liveness for manifest: '{reference}'"
        assert refusal(call("DELETE", f"{MANIFESTS}/{reference}")) == (404, "NAME_UNKNOWN", message)


@pytest.mark.parametrize("media_type", [OCI_INDEX, DOCKER_LIST])
def test_check_50_a_child_of_an_index_is_not_deleted_before_it(call, editor, digest, media_type):
    child = {"mediaType": OCI_MANIFEST, "digest": digest, "size": 1}
    document = {"schemaVersion": 2, "mediaType": media_type, "manifests": [child]}
    index = editor.put_manifest(APP, "all", document, media_type).headers["Docker-Content-Digest"]
    assert call("DELETE", f"{MANIFESTS}/v1").status_code == 202
    # gcr-cleaner parses the parent at the end of the message.
    message = f"Manifest {digest} is referenced by image {index}"
    refused = (400, "GOOGLE_MANIFEST_DANGLING_PARENT_IMAGE", message)
    assert refusal(call("DELETE", f"{MANIFESTS}/{digest}")) == refused
    for reference in ("all", index, digest):
        assert removed(call("DELETE", f"{MANIFESTS}/{reference}")) == REMOVED


def resolve(call, reference):
    """Returns the digest of a tag as gcloud computes it: type by type, from the bytes."""
    answers = [call("GET", f"{MANIFESTS}/{reference}", headers={"Accept": accept}) for accept in GUESSES]
    assert [answer.status_code for answer in answers] == [404, 200]
    return answers[1].headers["Docker-Content-Digest"]


@pytest.fixture
def gcloud(editor):
    """Returns a function that sends requests as gcloud does: always with a token for push and pull."""
    token = editor.token(f"repository:{APP}:push,pull")
    return lambda method, path, **options: editor.call(method, path, token=token, **options)


def test_check_51_gcloud_deletes_every_tag_and_then_the_digest(gcloud, editor, digest, tags):
    editor.push_image(APP, "v2", b"layer")
    assert resolve(gcloud, "v1") == digest
    # With other tags gcloud itself refuses, unless --force-delete-tags.
    named, _ = tags()
    assert named == {"v1": digest, "v2": digest}
    deleted = [gcloud("DELETE", f"{MANIFESTS}/{reference}").status_code for reference in (*named, digest)]
    assert (deleted, tags()) == ([202, 202, 202], None)


def test_check_51_gcloud_untags_with_one_request(gcloud, editor, digest, tags):
    editor.push_image(APP, "v2", b"layer")
    assert resolve(gcloud, "v1") == digest
    assert removed(gcloud("DELETE", f"{MANIFESTS}/v1")) == REMOVED
    assert tags() == ({"v2": digest}, {digest})


def test_check_51_skopeo_deletes_by_digest_and_is_refused(registry, account, digest, tags):
    # skopeo requests all actions, and resolves the tag first.
    token = registry.token(f"repository:{APP}:*", auth=account.basic)
    head = registry.call("HEAD", f"{MANIFESTS}/v1", token=token)
    assert head.headers["Docker-Content-Digest"] == digest
    assert refusal(registry.call("DELETE", f"{MANIFESTS}/{digest}", token=token)) == dangling("v1")
    assert tags() == ({"v1": digest}, {digest})


def test_check_52_a_viewer_deletes_nothing(registry, make_account, digest, tags):
    viewer = make_account("roles/viewer", account="viewer")
    narrowed = registry.token(f"repository:{APP}:pull,delete", auth=viewer.basic)
    blob = registry.call("GET", f"{MANIFESTS}/v1", token=narrowed).json()["layers"][0]["digest"]
    denied = (403, "DENIED", "Access denied.")
    unauthorized = (401, "UNAUTHORIZED", "Unauthorized access.")
    for path in (f"{MANIFESTS}/v1", f"{MANIFESTS}/{digest}", f"/v2/{APP}/blobs/{blob}"):
        assert refusal(registry.call("DELETE", path, token=narrowed)) == unauthorized
        for options in ({"token": viewer.access_token()}, {"auth": viewer.basic}):
            assert refusal(registry.call("DELETE", path, **options)) == denied
    assert tags() == ({"v1": digest}, {digest})
    assert registry.call("HEAD", f"/v2/{APP}/blobs/{blob}", token=narrowed).status_code == 200
