"""Manifests and tags: stored as pushed, served on request, deleted only if nothing refers to them."""

import json

import pytest
from support.images import DOCKER_MANIFEST, OCI_INDEX, OCI_LAYER, OCI_MANIFEST, digest_of

REPOSITORY = "my-project/app"
PATH = f"/v2/{REPOSITORY}"


def error_of(answer):
    (error,) = answer.json()["errors"]
    return answer.status_code, error["code"], error["message"]


def index_of(*digests):
    children = [{"mediaType": OCI_MANIFEST, "digest": digest, "size": 1} for digest in digests]
    return {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": children}


@pytest.mark.parametrize("media_type", [OCI_MANIFEST, DOCKER_MANIFEST])
def test_manifest_is_served_byte_for_byte(editor, media_type):
    config = editor.push_blob(REPOSITORY, b"{}")
    document = {"schemaVersion": 2, "mediaType": media_type, "config": config, "layers": [], "x": {"y": 1}}
    data = json.dumps(document, indent=3).encode() + b"\n\n"
    answer = editor.put_manifest(REPOSITORY, "v1", data, media_type)
    assert (answer.status_code, answer.headers["Docker-Content-Digest"]) == (201, digest_of(data))
    assert answer.headers["Location"] == f"{PATH}/manifests/{digest_of(data)}"
    for reference in ("v1", digest_of(data)):
        got = editor.get(f"{PATH}/manifests/{reference}")
        assert (got.status_code, got.content) == (200, data)
        assert got.headers["Content-Type"] == media_type
        assert got.headers["Docker-Content-Digest"] == digest_of(data)
        head = editor.call(
            "HEAD", f"{PATH}/manifests/{reference}", token=editor.token(f"repository:{REPOSITORY}:pull")
        )
        assert head.content == b""
        own = {"date": "", "x-request-id": ""}
        assert {**head.headers, **own} == {**got.headers, **own}


def test_pushing_a_tag_again_moves_it(editor):
    first = editor.push_image(REPOSITORY, "v1", b"one")
    second = editor.push_image(REPOSITORY, "v1", b"two")
    assert editor.get(f"{PATH}/manifests/v1").headers["Docker-Content-Digest"] == second
    listed = editor.get(f"{PATH}/tags/list").json()["manifest"]
    assert {digest: entry["tag"] for digest, entry in listed.items()} == {first: [], second: ["v1"]}


def test_manifest_is_refused_until_all_it_names_is_there(editor):
    config = editor.push_blob(REPOSITORY, b"{}")
    absent = {"mediaType": OCI_LAYER, "digest": digest_of(b"no"), "size": 2}
    document = {"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": config, "layers": [absent]}
    assert error_of(editor.put_manifest(REPOSITORY, "v1", document)) == (
        400,
        "MANIFEST_BLOB_UNKNOWN",
        f"the manifest names the blob {absent['digest']}, which is not in this repository: push it first",
    )
    assert editor.get(f"{PATH}/manifests/v1").status_code == 404
    editor.push_blob(REPOSITORY, b"no")
    assert editor.put_manifest(REPOSITORY, "v1", document).status_code == 201


def test_index_is_refused_until_its_children_are_there(editor):
    absent = digest_of(b"child")
    answer = editor.put_manifest(REPOSITORY, "all", index_of(absent), OCI_INDEX)
    assert error_of(answer)[:2] == (400, "MANIFEST_BLOB_UNKNOWN")
    child = editor.push_image(REPOSITORY, "amd64", b"layer")
    assert editor.put_manifest(REPOSITORY, "all", index_of(child), OCI_INDEX).status_code == 201


def test_layer_that_clients_fetch_elsewhere_need_not_be_there(editor):
    config = editor.push_blob(REPOSITORY, b"{}")
    layer = {
        "mediaType": "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
        "digest": digest_of(b"elsewhere"),
        "size": 9,
        "urls": ["https://example.com/layer"],
    }
    document = {"schemaVersion": 2, "mediaType": DOCKER_MANIFEST, "config": config, "layers": [layer]}
    assert editor.put_manifest(REPOSITORY, "v1", document, DOCKER_MANIFEST).status_code == 201


def test_manifest_by_a_digest_that_is_not_its_own_is_refused(editor):
    config = editor.push_blob(REPOSITORY, b"{}")
    data = json.dumps({"schemaVersion": 2, "config": config, "layers": []}).encode()
    wrong = digest_of(b"other")
    assert error_of(editor.put_manifest(REPOSITORY, wrong, data)) == (
        400,
        "DIGEST_INVALID",
        f"digest {wrong} was announced, the bytes are {digest_of(data)}",
    )
    assert editor.put_manifest(REPOSITORY, digest_of(data), data).status_code == 201
    assert editor.get(f"{PATH}/tags/list").json()["tags"] == []


def test_manifest_over_4_mib_is_refused(editor):
    config = editor.push_blob(REPOSITORY, b"{}")
    document = {"schemaVersion": 2, "config": config, "layers": [], "padding": ""}
    room = 4 * 1024 * 1024 - len(json.dumps(document))
    document["padding"] = "x" * room
    assert editor.put_manifest(REPOSITORY, "largest", document).status_code == 201
    document["padding"] += "x"
    assert error_of(editor.put_manifest(REPOSITORY, "larger", document)) == (
        413,
        "SIZE_INVALID",
        "the body is larger than this registry takes",
    )


def test_unknown_tag_is_not_found_in_googles_words(editor):
    editor.push_image(REPOSITORY, "v1", b"layer")
    for repository in (REPOSITORY, "my-project/never-pushed"):
        answer = editor.get(f"/v2/{repository}/manifests/none", repository=repository)
        message = f'Failed to fetch "none" from request "/v2/{repository}/manifests/none".'
        assert error_of(answer) == (404, "MANIFEST_UNKNOWN", message)


@pytest.mark.parametrize(
    ("accept", "status"),
    [
        (OCI_MANIFEST, 200),
        ("*/*", 200),
        (f"{DOCKER_MANIFEST}, {OCI_MANIFEST}", 200),
        (f"{OCI_INDEX},{DOCKER_MANIFEST}", 404),
        (f"{OCI_MANIFEST};q=0.9", 404),
    ],
)
def test_type_that_the_client_does_not_accept_is_not_found(editor, accept, status):
    editor.push_image(REPOSITORY, "v1", b"layer")
    answer = editor.get(f"{PATH}/manifests/v1", headers={"Accept": accept})
    assert answer.status_code == status
    if status == 404:
        message = f"Manifest with tag 'v1' has media type '{OCI_MANIFEST}', but client accepts '{accept}'."
        assert error_of(answer) == (404, "MANIFEST_UNKNOWN", message)


def test_tag_goes_then_its_manifest_can_go(editor):
    digest = editor.push_image(REPOSITORY, "v1", b"layer")
    refused = editor.delete(f"{PATH}/manifests/{digest}")
    message = "Manifest is still referenced by tag: v1"
    assert error_of(refused) == (400, "GOOGLE_MANIFEST_DANGLING_TAG", message)
    untagged = editor.delete(f"{PATH}/manifests/v1")
    assert (untagged.status_code, untagged.content) == (202, b'{"errors":[]}')
    assert editor.get(f"{PATH}/manifests/{digest}").status_code == 200
    assert editor.delete(f"{PATH}/manifests/{digest}").status_code == 202
    assert editor.get(f"{PATH}/manifests/{digest}").status_code == 404
    message = f"Failed to compute blob liveness for manifest: '{digest}'"
    assert error_of(editor.delete(f"{PATH}/manifests/{digest}")) == (404, "NAME_UNKNOWN", message)


def test_child_of_an_index_cannot_be_deleted_before_it(editor):
    child = editor.push_image(REPOSITORY, "amd64", b"layer")
    parent = editor.put_manifest(REPOSITORY, "all", index_of(child), OCI_INDEX).headers[
        "Docker-Content-Digest"
    ]
    editor.delete(f"{PATH}/manifests/amd64")
    message = f"Manifest {child} is referenced by image {parent}"
    refused = editor.delete(f"{PATH}/manifests/{child}")
    assert error_of(refused) == (400, "GOOGLE_MANIFEST_DANGLING_PARENT_IMAGE", message)
    for reference in ("all", parent, child):
        assert editor.delete(f"{PATH}/manifests/{reference}").status_code == 202


def test_viewer_deletes_nothing(editor, viewer):
    digest = editor.push_image(REPOSITORY, "v1", b"layer")
    answer = viewer.session.delete(f"{viewer.url}{PATH}/manifests/v1", auth=viewer.auth)
    assert error_of(answer) == (403, "DENIED", "Access denied.")
    assert editor.get(f"{PATH}/manifests/v1").headers["Docker-Content-Digest"] == digest


def test_tags_list_has_googles_extension(gcr_emulator, editor):
    gcr_emulator.clock.set(1_800_000_000.25)
    digest = editor.push_image(REPOSITORY, "v1", b"layer", created="2026-01-02T03:04:05.678901234Z")
    editor.push_image(REPOSITORY, "latest", b"layer", created="2026-01-02T03:04:05.678901234Z")
    editor.push_image(f"{REPOSITORY}/dir/deep", "v1", b"layer")
    config_size = len(json.dumps({"created": "2026-01-02T03:04:05.678901234Z"}))
    assert editor.get(f"{PATH}/tags/list").json() == {
        "child": ["dir"],
        "manifest": {
            digest: {
                "imageSizeBytes": str(config_size + len(b"layer")),
                "layerId": "",
                "mediaType": OCI_MANIFEST,
                "tag": ["latest", "v1"],
                "timeCreatedMs": "1767323045678",
                "timeUploadedMs": "1800000000250",
            }
        },
        "name": REPOSITORY,
        "tags": ["latest", "v1"],
    }


def test_folder_lists_what_is_below_it_and_nothing_is_not_found(editor):
    editor.push_image("my-project/dir/one", "v1", b"layer")
    editor.push_image("my-project/dir/two", "v1", b"layer")
    listed = editor.get("/v2/my-project/dir/tags/list", repository="my-project/dir").json()
    assert listed == {"child": ["one", "two"], "manifest": {}, "name": "my-project/dir", "tags": []}
    missing = editor.get("/v2/my-project/none/tags/list", repository="my-project/none")
    assert error_of(missing) == (
        404,
        "NAME_UNKNOWN",
        "repository name not known to registry: my-project/none",
    )


def test_tags_are_paged_with_n_and_last(editor):
    for tag in ("a", "b", "c", "d"):
        editor.push_image(REPOSITORY, tag, b"layer")
    first = editor.get(f"{PATH}/tags/list?n=2")
    assert (first.json()["tags"], first.headers["Link"]) == (
        ["a", "b"],
        f'<{PATH}/tags/list?n=2&last=b>; rel="next"',
    )
    last = editor.get(f"{PATH}/tags/list?n=2&last=b")
    assert (last.json()["tags"], "Link" in last.headers) == (["c", "d"], False)
    none = editor.get(f"{PATH}/tags/list?n=0")
    assert (none.json()["tags"], "Link" in none.headers) == ([], False)
    assert editor.get(f"{PATH}/tags/list?last=c").json()["tags"] == ["d"]
    whole = editor.get(f"{PATH}/tags/list?n=1000")
    assert (whole.json()["tags"], "Link" in whole.headers) == (["a", "b", "c", "d"], False)


def test_same_path_at_two_hosts_is_two_repositories(editor):
    editor.push_image(REPOSITORY, "v1", b"layer")
    elsewhere = "eu.gcr.io/my-project/app"
    missing = editor.get(f"/v2/{elsewhere}/manifests/v1", repository=elsewhere)
    assert missing.status_code == 404
    digest = editor.push_image(elsewhere, "v1", b"other")
    token = editor.ask_token(f"repository:{REPOSITORY}:pull", host="eu.gcr.io").json()["token"]
    there = editor.call("GET", f"{PATH}/manifests/v1", token=token, headers={"Host": "eu.gcr.io"})
    assert there.headers["Docker-Content-Digest"] == digest
