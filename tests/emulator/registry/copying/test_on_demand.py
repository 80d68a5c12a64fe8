"""Copies on demand: the first pull of an image that is still in Container Registry's bucket copies it."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests
from emulator.registry.copying.samples import LARGE, Filled, fill, find_listing
from support.images import digest_of
from support.registry_client import RegistryClient

APP = "my-project/app"
SETTINGS = "/v1/projects/my-project/projectSettings"
REPOSITORY = "/v1/projects/my-project/locations/us/repositories?repositoryId=gcr.io"
REDIRECTED = "X-Gcr-Using-Artifact-Registry"
# Both names of a copy.
NAMES = [("gcr.io", APP), ("us-docker.pkg.dev", "my-project/gcr.io/app")]

SetState = Callable[..., None]


@pytest.fixture
def set_state(gcr_emulator: Any) -> SetState:
    """Sets the redirection of my-project."""

    def set_state(state: str, **settings: object) -> None:
        url = f"{gcr_emulator.url}{SETTINGS}?updateMask=legacy_redirection_state"
        body = {"legacyRedirectionState": f"REDIRECTION_FROM_GCR_IO_{state}", **settings}
        requests.patch(url, json=body, timeout=30).raise_for_status()

    return set_state


@pytest.fixture
def editor(editor: RegistryClient) -> RegistryClient:
    return editor.at("gcr.io")


@pytest.fixture
def filled(editor: RegistryClient, call_api: Callable[..., Any]) -> Filled:
    """Fills the bucket, and creates an empty repository for the copies."""
    call_api("POST", REPOSITORY, {"format": "DOCKER"})
    return fill(editor)


def pull(client: RegistryClient, reference: str, name: str = APP, method: str = "GET") -> Any:
    return client.call(method, f"/v2/{name}/manifests/{reference}", auth=client.auth)


def find_digest(answer: Any) -> str:
    assert answer.status_code == 200, answer.text
    return str(answer.headers["Docker-Content-Digest"])


@pytest.mark.parametrize(("host", "name"), NAMES)
@pytest.mark.parametrize("method", ["HEAD", "GET"])
def test_the_first_pull_by_tag_copies_the_image(
    filled: Filled, editor: RegistryClient, set_state: SetState, host: str, name: str, method: str
) -> None:
    original = pull(editor, "v1")
    set_state("ENABLED_AND_COPYING")

    pulled = pull(editor.at(host), "v1", name, method)

    assert find_digest(pulled) == filled.image
    assert pulled.headers["Content-Type"] == original.headers["Content-Type"]
    assert method == "HEAD" or pulled.content == original.content
    # Its signature came with it, the other images did not.
    set_state("ENABLED")
    assert find_listing(editor, APP)["tags"] == ["signature", "v1"]
    assert editor.get(f"/v2/{APP}/blobs/{digest_of(LARGE)}").content == LARGE
    assert pull(editor, "small").status_code == 404


def test_an_index_by_digest_brings_its_children(
    filled: Filled, editor: RegistryClient, set_state: SetState
) -> None:
    listing = find_listing(editor, APP)["manifest"]
    set_state("ENABLED_AND_COPYING")
    assert find_digest(pull(editor, filled.index)) == filled.index
    set_state("ENABLED")
    copied = {filled.index, filled.image, filled.signature}
    assert find_listing(editor, APP)["manifest"] == {digest: listing[digest] for digest in copied}


@pytest.mark.usefixtures("filled")
def test_what_neither_has_is_unknown(editor: RegistryClient, set_state: SetState) -> None:
    set_state("ENABLED_AND_COPYING")
    for reference in ("nothing", f"sha256:{64 * '0'}"):
        answer = pull(editor, reference)
        (error,) = answer.json()["errors"]
        assert (answer.status_code, error["code"]) == (404, "MANIFEST_UNKNOWN")
        assert answer.headers[REDIRECTED] == "true"
    blob = editor.get(f"/v2/{APP}/blobs/sha256:{64 * '0'}")
    assert (blob.status_code, blob.json()["errors"][0]["code"]) == (404, "BLOB_UNKNOWN")


@pytest.mark.usefixtures("filled")
@pytest.mark.parametrize(
    ("state", "settings"), [("ENABLED", {}), ("PARTIAL", {"pullPercent": 100}), ("FINALIZED", {})]
)
def test_nothing_is_copied_in_other_states(
    editor: RegistryClient, set_state: SetState, state: str, settings: dict[str, int]
) -> None:
    set_state(state, **settings)
    assert pull(editor, "v1").status_code == 404
    host, name = NAMES[1]
    path = f"/v2/{name}/blobs/{digest_of(LARGE)}"
    assert editor.at(host).call("GET", path, auth=editor.auth).status_code == 404


def test_an_image_whose_parts_are_missing_is_unknown(
    filled: Filled, editor: RegistryClient, set_state: SetState
) -> None:
    assert editor.delete(f"/v2/{APP}/blobs/{digest_of(LARGE)}").status_code == 202
    set_state("ENABLED_AND_COPYING")
    assert pull(editor, "v1").status_code == 404
    assert find_digest(pull(editor, "small")) == filled.small


def test_a_reader_may_cause_a_copy_and_a_stranger_may_not(
    filled: Filled,
    connect: Callable[..., RegistryClient],
    stranger: RegistryClient,
    editor: RegistryClient,
    set_state: SetState,
) -> None:
    reader = connect("roles/artifactregistry.reader", account="reader").at("gcr.io")
    set_state("ENABLED_AND_COPYING")

    refused = stranger.at("gcr.io").call("GET", f"/v2/{APP}/manifests/v1", auth=stranger.auth)
    assert refused.status_code == 403
    assert find_listing(editor, APP)["manifest"] == {}

    assert find_digest(pull(reader, "v1")) == filled.image


@pytest.mark.usefixtures("filled")
@pytest.mark.parametrize("method", ["HEAD", "GET"])
def test_a_blob_without_its_image_is_copied(editor: RegistryClient, set_state: SetState, method: str) -> None:
    set_state("ENABLED_AND_COPYING")
    token = editor.token(f"repository:{APP}:pull")
    path = f"/v2/{APP}/blobs/{digest_of(LARGE)}"

    answer = editor.call(method, path, token=token)

    assert (answer.status_code, answer.headers["Content-Length"]) == (200, str(len(LARGE)))
    assert answer.content == (LARGE if method == "GET" else b"")
    set_state("ENABLED")
    assert editor.call("GET", path, token=token).content == LARGE


def test_pulls_at_once_all_get_the_image(filled: Filled, editor: RegistryClient, set_state: SetState) -> None:
    set_state("ENABLED_AND_COPYING")
    clients = [editor.at(editor.host) for _ in range(4)]
    with ThreadPoolExecutor(len(clients)) as threads:
        answers = list(threads.map(lambda client: pull(client, "v1"), clients))
    assert [find_digest(answer) for answer in answers] == [filled.image] * 4


def test_a_project_that_was_shut_down_gets_all_its_images(
    filled: Filled, editor: RegistryClient, set_state: SetState, gcr_emulator: Any
) -> None:
    gcr_emulator.project(registry="shut-down")
    assert editor.call("GET", f"/v2/{APP}/manifests/v1").status_code == 412
    set_state("ENABLED_AND_COPYING")
    for digest in vars(filled).values():
        assert find_digest(pull(editor, digest)) == digest


class TestPartialRedirection:
    """Pushes go to the bucket, so its tags move on while Artifact Registry answers reads."""

    def test_a_tag_that_moved_in_the_bucket_is_copied_again(
        self, filled: Filled, editor: RegistryClient, set_state: SetState
    ) -> None:
        set_state("PARTIAL_AND_COPYING", pullPercent=100)
        assert find_digest(pull(editor, "v1")) == filled.image
        moved = editor.push_image(APP, "v1", b"new layer")
        assert find_digest(pull(editor, "v1")) == moved
        assert find_digest(pull(editor, filled.image)) == filled.image
        set_state("ENABLED")
        assert find_digest(pull(editor, "v1")) == moved

    def test_a_known_tag_stays_once_pushes_go_to_artifact_registry(
        self, filled: Filled, editor: RegistryClient, set_state: SetState
    ) -> None:
        set_state("ENABLED_AND_COPYING")
        assert find_digest(pull(editor, "v1")) == filled.image
        set_state("DISABLED")
        moved = editor.push_image(APP, "v1", b"new layer")
        set_state("ENABLED_AND_COPYING")
        assert find_digest(pull(editor, "v1")) == filled.image
        # A copy of the whole folder is asked for.
        token = editor.token(f"repository:{APP}:pull")
        copied = editor.call("GET", f"/v2/{APP}/tags/list?CopyFromGCR=same", token=token)
        assert copied.status_code == 200, copied.text
        assert find_digest(pull(editor, "v1")) == moved

    def test_reads_of_both_show_the_same_images(
        self, filled: Filled, editor: RegistryClient, set_state: SetState
    ) -> None:
        set_state("PARTIAL_AND_COPYING", pullPercent=50)
        answers = [pull(editor, "v1") for _ in range(10)]
        assert [find_digest(answer) for answer in answers] == [filled.image] * 10
        assert [REDIRECTED in answer.headers for answer in answers].count(True) == 5


def test_a_copy_that_was_deleted_returns_at_its_next_pull(
    filled: Filled, editor: RegistryClient, set_state: SetState
) -> None:
    set_state("ENABLED_AND_COPYING")
    assert find_digest(pull(editor, "small")) == filled.small
    for reference in ("small", filled.small):
        path = f"/v2/{APP}/manifests/{reference}"
        assert editor.call("DELETE", path, auth=editor.auth).status_code == 202
    assert find_listing(editor, APP)["manifest"] == {}
    assert find_digest(pull(editor, "small")) == filled.small
