"""Content negotiation: the stored manifest, a list's default image, or an error."""

import json

import pytest
from support.images import DOCKER_LIST, DOCKER_MANIFEST, OCI_INDEX, OCI_MANIFEST, digest_of

from docker_credential_gcr.emulator.registry.dialects.negotiation import is_accepted

AMD64 = {"os": "linux", "architecture": "amd64"}
ARM64 = {"os": "linux", "architecture": "arm64", "variant": "v8"}
WINDOWS = {"os": "windows", "architecture": "amd64"}
REPOSITORY = "my-project/app"
PATH = f"/v2/{REPOSITORY}"


def told(answer):
    """Returns (status, type, digest, bytes) of a response, or (status, error code, message) of a refusal."""
    if answer.status_code != 200:
        (error,) = answer.json()["errors"]
        return answer.status_code, error["code"], error["message"]
    headers = answer.headers
    return answer.status_code, headers["Content-Type"], headers["Docker-Content-Digest"], answer.content


def unaccepted(media_type, accept, kind="tag", reference="v1"):
    described = f"Manifest with {kind} '{reference}' has media type '{media_type}'"
    return 404, "MANIFEST_UNKNOWN", f"{described}, but client accepts '{accept}'."


@pytest.fixture
def push_list(editor):
    """Pushes an image for each platform, and a list of them as v1; returns the bytes of list and images."""

    def push(*platforms, media_type=DOCKER_LIST, child_type=DOCKER_MANIFEST):
        images, entries = [], []
        for number, platform in enumerate(platforms):
            config = editor.push_blob(REPOSITORY, json.dumps({"number": number}).encode())
            document = {"schemaVersion": 2, "mediaType": child_type, "config": config, "layers": []}
            images.append(json.dumps(document).encode())
            pushed = editor.put_manifest(REPOSITORY, digest_of(images[-1]), images[-1], child_type)
            assert pushed.status_code == 201, pushed.text
            entry = {"mediaType": child_type, "digest": digest_of(images[-1]), "size": len(images[-1])}
            entries.append({**entry, "platform": platform} if platform is not None else entry)
        document = {"schemaVersion": 2, "mediaType": media_type, "manifests": entries}
        data = json.dumps(document, indent=1).encode()
        assert editor.put_manifest(REPOSITORY, "v1", data, media_type).status_code == 201
        return data, images

    return push


@pytest.fixture
def get(editor):
    """Requests a manifest with an Accept header."""

    def ask(accept, reference="v1"):
        return told(editor.get(f"{PATH}/manifests/{reference}", headers={"Accept": accept}))

    return ask


def test_a_list_is_its_linux_image_for_who_knows_no_lists_and_itself_for_who_does(push_list, get):
    data, images = push_list(None, "no platform", WINDOWS, ARM64, AMD64, AMD64)

    as_image = (200, DOCKER_MANIFEST, digest_of(images[4]), images[4])
    for accept in (DOCKER_MANIFEST, f"{OCI_MANIFEST}, {DOCKER_MANIFEST}", f"{OCI_INDEX},{DOCKER_MANIFEST}"):
        assert get(accept) == as_image
        # Again, because the second response comes from the cache.
        assert get(accept) == as_image
    as_list = (200, DOCKER_LIST, digest_of(data), data)
    for accept in (DOCKER_LIST, f"{DOCKER_MANIFEST},{DOCKER_LIST}", "*/*"):
        assert get(accept) == as_list


def test_a_list_by_its_digest_is_never_another_document(push_list, get):
    data, _ = push_list(AMD64)

    refused = unaccepted(DOCKER_LIST, DOCKER_MANIFEST, "digest", digest_of(data))
    assert get(DOCKER_MANIFEST, digest_of(data)) == refused


def test_a_list_without_an_image_for_linux_is_not_found(push_list, get):
    push_list(ARM64, WINDOWS, None)

    assert get(DOCKER_MANIFEST) == unaccepted(DOCKER_LIST, DOCKER_MANIFEST)


def test_an_image_of_oci_in_a_list_of_docker_is_not_rewritten(push_list, get):
    push_list(AMD64, child_type=OCI_MANIFEST)

    for accept in (DOCKER_MANIFEST, OCI_MANIFEST):
        assert get(accept) == unaccepted(DOCKER_LIST, accept)


def test_an_index_of_oci_is_never_rewritten(push_list, get):
    push_list(AMD64, media_type=OCI_INDEX)

    for accept in (DOCKER_MANIFEST, OCI_MANIFEST, DOCKER_LIST):
        assert get(accept) == unaccepted(OCI_INDEX, accept)


def test_the_image_of_a_list_moves_with_its_tag(push_list, get):
    push_list(AMD64)
    assert get(DOCKER_MANIFEST)[0] == 200

    _, images = push_list(ARM64, AMD64)

    assert get(DOCKER_MANIFEST) == (200, DOCKER_MANIFEST, digest_of(images[1]), images[1])


@pytest.mark.parametrize(
    ("accept", "accepted"),
    [
        (None, True),
        ("", True),
        ("*/*", True),
        (OCI_INDEX, False),
        (f"text/html,{DOCKER_MANIFEST}", True),
        (f" {DOCKER_MANIFEST} ,text/html", True),
        (f"{DOCKER_MANIFEST};q=0.9", False),
        ("text/html,*/*;q=0.8", False),
        ("application/*", False),
        (DOCKER_MANIFEST.upper(), True),
        (f"{'x,' * 50_000}{DOCKER_MANIFEST}", True),
        ("x," * 50_000, False),
    ],
)
def test_a_type_is_accepted_as_it_is_named(accept, accepted):
    assert is_accepted(accept, DOCKER_MANIFEST) is accepted
