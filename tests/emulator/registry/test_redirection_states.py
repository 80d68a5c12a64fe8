"""States of a project's redirection, set as gcloud sets them, and what then answers at gcr.io."""

import itertools
from collections import Counter

import pytest

from docker_credential_gcr.emulator.identity.redirection import KINDS

APP, COPY = "my-project/app", "my-project/gcr.io/app"
PREFIX = "REDIRECTION_FROM_GCR_IO_"
CONTAINER_REGISTRY, SHUT_DOWN, ARTIFACT_REGISTRY = KINDS
SETTINGS = "/v1/projects/my-project/projectSettings"
# The same in both registries, and what only one of them has.
TAGS = {"both": b"same", "moved": b"in the bucket"}


@pytest.fixture
def images(editor, call_api):
    """Pushes images to the bucket, and to the repository of gcr.io; returns the digests that each tag has."""
    path = "/v1/projects/my-project/locations/us/repositories?repositoryId=gcr.io"
    call_api("POST", path, {"format": "DOCKER"})
    artifacts = editor.at("us-docker.pkg.dev")
    editor.host = "gcr.io"
    return {
        CONTAINER_REGISTRY: {tag: editor.push_image(APP, tag, data) for tag, data in TAGS.items()},
        ARTIFACT_REGISTRY: {
            tag: artifacts.push_image(COPY, tag, data)
            for tag, data in (TAGS | {"moved": b"in the repository"}).items()
        },
    }


@pytest.fixture
def set_state(gcr_emulator, call_api):
    """Returns a function that sets kind, state and share."""

    def change(kind, state, percent=0):
        gcr_emulator.project(registry=kind)
        settings = {"legacyRedirectionState": f"{PREFIX}{state}"}
        share = {"pullPercent": percent} if percent else {}
        changed = call_api("PATCH", f"{SETTINGS}?updateMask=legacy_redirection_state", settings | share)
        assert changed == {"name": "projects/my-project/projectSettings", **settings, **share}

    return change


def find_server(answer):
    """Returns the kind of registry that answered."""
    if answer.status_code == 412:
        return SHUT_DOWN
    assert answer.status_code in (200, 202), answer.text
    is_redirected = answer.headers.get("X-Gcr-Using-Artifact-Registry") == "true"
    return ARTIFACT_REGISTRY if is_redirected else CONTAINER_REGISTRY


WHOLE = ("ENABLED", "ENABLED_AND_COPYING", "FINALIZED")


@pytest.mark.parametrize(
    ("kind", "state", "server"),
    [
        *((kind, state, ARTIFACT_REGISTRY) for kind, state in itertools.product(KINDS, WHOLE)),
        (CONTAINER_REGISTRY, "DISABLED", CONTAINER_REGISTRY),
        (SHUT_DOWN, "DISABLED", SHUT_DOWN),
        (ARTIFACT_REGISTRY, "DISABLED", SHUT_DOWN),
    ],
)
def test_a15_the_state_says_what_answers_reads_and_writes(editor, images, set_state, kind, state, server):
    set_state(kind, state)
    for method, path in (
        ("HEAD", f"/v2/{APP}/manifests/both"),
        ("GET", f"/v2/{APP}/tags/list"),
        ("POST", f"/v2/{APP}/blobs/uploads/"),
        ("GET", f"/v2/token?scope=repository:{APP}:pull,push"),
    ):
        assert find_server(editor.call(method, path, auth=editor.auth)) == server, (method, path)
    if server != SHUT_DOWN:
        pulled = editor.call("HEAD", f"/v2/{APP}/manifests/moved", auth=editor.auth)
        assert pulled.headers["Docker-Content-Digest"] == images[server]["moved"]


@pytest.mark.parametrize(
    ("kind", "state", "percent"),
    [
        *((CONTAINER_REGISTRY, "PARTIAL", percent) for percent in (0, 1, 50, 99, 100)),
        (CONTAINER_REGISTRY, "PARTIAL_AND_COPYING", 50),
        (SHUT_DOWN, "PARTIAL_AND_COPYING", 5),
        (ARTIFACT_REGISTRY, "PARTIAL", 5),
    ],
)
@pytest.mark.usefixtures("images")
def test_a16_a_share_of_the_reads_is_answered_by_artifact_registry(editor, set_state, kind, state, percent):
    set_state(kind, state, percent)
    reads = itertools.cycle([("HEAD", "manifests/both"), ("GET", "manifests/both"), ("GET", "tags/list")])
    answers = [
        editor.call(method, f"/v2/{APP}/{path}", auth=editor.auth)
        for method, path in itertools.islice(reads, 100)
    ]
    expected = Counter({ARTIFACT_REGISTRY: percent}) + Counter({kind: 100 - percent})
    assert Counter(map(find_server, answers)) == expected
    assert find_server(editor.call("POST", f"/v2/{APP}/blobs/uploads/", auth=editor.auth)) == kind


def test_a16_one_token_pulls_whatever_a_partial_redirection_answers(editor, images, set_state):
    set_state(CONTAINER_REGISTRY, "PARTIAL", 50)
    token = editor.token(f"repository:{APP}:pull")
    found = Counter()
    for _ in range(6):
        manifest = editor.call("GET", f"/v2/{APP}/manifests/moved", token=token)
        server = find_server(manifest)
        assert manifest.headers["Docker-Content-Digest"] == images[server]["moved"]
        found[server] += 1
        (layer,) = manifest.json()["layers"]
        blob = editor.call("GET", f"/v2/{APP}/blobs/{layer['digest']}", token=token)
        expected = TAGS["moved"] if server == CONTAINER_REGISTRY else b"in the repository"
        assert (blob.status_code, blob.content) == (200, expected)
    assert found == {CONTAINER_REGISTRY: 3, ARTIFACT_REGISTRY: 3}
