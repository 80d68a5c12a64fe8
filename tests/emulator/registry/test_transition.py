"""What serves gcr.io names: Container Registry, Artifact Registry, or nothing any more.

The numbered checks are in checks/test_transition.py.
"""

from collections.abc import Callable
from typing import Any

import pytest
import requests
from support.backing_services import serve
from support.registry_client import RegistryClient

from docker_credential_gcr.emulator.identity.redirection import KINDS, STATES, Redirection, RegistryKind
from docker_credential_gcr.emulator.settings import Settings

APP = "my-project/app"
CREATOR = "roles/artifactregistry.createOnPushWriter"

Connect = Callable[..., RegistryClient]


@pytest.fixture
def redirected(gcr_emulator: Any, connect: Connect) -> RegistryClient:
    """Returns a client at gcr.io that may create the repository, in a project of Artifact Registry."""
    gcr_emulator.project(registry="artifact-registry")
    return connect(CREATOR, account="creator").at("gcr.io")


def find_refusal(answer: requests.Response) -> tuple[int, str, str]:
    (error,) = answer.json()["errors"]
    return answer.status_code, error["code"], error["message"]


def test_a_registry_without_a_project_in_the_request_is_never_shut_down(
    gcr_emulator: Any, registry: RegistryClient
) -> None:
    gcr_emulator.project(registry="shut-down")
    assert registry.call("GET", "/v2/").status_code == 401
    assert registry.ask_token().status_code == 200


def test_an_upload_with_an_access_token_creates_the_repository_too(
    gcr_emulator: Any, connect: Connect
) -> None:
    gcr_emulator.project(registry="artifact-registry")
    for role, status in (("roles/artifactregistry.writer", 403), (CREATOR, 202)):
        account = role.rpartition(".")[2].lower()
        client = connect(role, account=account).at("gcr.io")
        answer = client.call("POST", f"/v2/{APP}/blobs/uploads/", auth=client.auth)
        assert answer.status_code == status, answer.text


def test_names_in_answers_of_a_redirected_host_are_the_client_s(redirected: RegistryClient) -> None:
    redirected.push_image(APP, "v1", b"layer")
    listed = redirected.get(f"/v2/{APP}/tags/list", repository=APP).json()
    folder = redirected.get("/v2/my-project/tags/list", repository="my-project").json()
    assert (listed["name"], listed["tags"]) == (APP, ["v1"])
    assert (folder["name"], folder["child"]) == ("my-project", ["app"])
    token = redirected.token(f"repository:{APP}:pull,push")
    started = redirected.call("POST", f"/v2/{APP}/blobs/uploads/", token=token)
    assert started.headers["Location"].startswith(f"/v2/{APP}/blobs/uploads/")


def test_blob_of_one_image_is_mounted_into_another_on_a_redirected_host(redirected: RegistryClient) -> None:
    redirected.push_image(APP, "v1", b"layer")
    blob = redirected.push_blob(APP, b"more")["digest"]
    token = redirected.token("repository:my-project/other:pull,push", f"repository:{APP}:pull")
    path = f"/v2/my-project/other/blobs/uploads/?mount={blob}&from={APP}"
    assert redirected.call("POST", path, token=token).status_code == 201


def test_pull_from_a_host_without_its_repository_does_not_find_it(redirected: RegistryClient) -> None:
    answer = redirected.get(f"/v2/{APP}/manifests/v1", repository=APP)
    assert find_refusal(answer)[:2] == (404, "NAME_UNKNOWN")


def test_kind_of_new_projects_is_an_option_of_serve() -> None:
    with serve(Settings(port=0, projects=("first",), registry=RegistryKind.SHUT_DOWN)) as ready:
        requests.post(f"{ready.url}/v1/projects", json={"projectId": "second"}, timeout=30)
        for project in ("first", "second", "missing"):
            answer = requests.get(
                f"{ready.url}/v2/{project}/app/manifests/v1", headers={"Host": "gcr.io"}, timeout=30
            )
            assert answer.status_code == 412, project


def test_images_of_a_bucket_are_there_again_when_container_registry_serves_again(
    gcr_emulator: Any, connect: Connect
) -> None:
    gcr_emulator.project()
    client = connect("roles/editor").at("gcr.io")
    digest = client.push_image(APP, "v1", b"layer")
    statuses = {}
    for kind in ("shut-down", "artifact-registry", "container-registry"):
        gcr_emulator.project(registry=kind)
        statuses[kind] = client.call("GET", f"/v2/{APP}/manifests/v1", auth=client.auth).status_code
    assert statuses == {"shut-down": 412, "artifact-registry": 404, "container-registry": 200}
    assert client.get(f"/v2/{APP}/manifests/v1").headers["Docker-Content-Digest"] == digest


# (state, kind) -> the state in answers, what serves, whether reads are shared, whether images are copied
PREFIX = "REDIRECTION_FROM_GCR_IO_"
SERVING = {
    (None, "container-registry"): ("DISABLED", "container-registry", False, False),
    (None, "shut-down"): ("DISABLED", "shut-down", False, False),
    (None, "artifact-registry"): ("ENABLED", "artifact-registry", False, False),
    **{
        ("DISABLED", kind): ("DISABLED", kind if kind != "artifact-registry" else "shut-down", False, False)
        for kind in KINDS
    },
    **{("ENABLED", kind): ("ENABLED", "artifact-registry", False, False) for kind in KINDS},
    **{("FINALIZED", kind): ("FINALIZED", "artifact-registry", False, False) for kind in KINDS},
    **{
        ("ENABLED_AND_COPYING", kind): ("ENABLED_AND_COPYING", "artifact-registry", False, True)
        for kind in KINDS
    },
    **{("PARTIAL", kind): ("PARTIAL", kind, True, False) for kind in KINDS},
    **{("PARTIAL_AND_COPYING", kind): ("PARTIAL_AND_COPYING", kind, True, True) for kind in KINDS},
}


def test_table_of_kinds_and_states() -> None:
    assert {state for state, _ in SERVING if state} == {state.removeprefix(PREFIX) for state in STATES}
    for (state, kind), expected in SERVING.items():
        found = Redirection(RegistryKind(kind), state and PREFIX + state, 40)
        reported = found.reported_state.removeprefix(PREFIX)
        assert (reported, found.served_by.value, found.share == 40, found.copies) == expected, (state, kind)


# Partial redirections.


def share_reads(url: str, percent: int, state: str = "PARTIAL_AND_COPYING") -> None:
    """Lets Artifact Registry, in a repository that the migration has made, answer that share of the reads."""
    made = requests.post(
        f"{url}/v1/projects/my-project/locations/us/repositories?repositoryId=gcr.io",
        json={"format": "DOCKER"},
        timeout=30,
    )
    assert made.status_code == 200, made.text
    answer = requests.patch(
        f"{url}/v1/projects/my-project/projectSettings?updateMask=legacy_redirection_state",
        json={"legacyRedirectionState": f"{PREFIX}{state}", "pullPercent": percent},
        timeout=30,
    )
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize(("percent", "of_20"), [(0, 0), (5, 1), (50, 10), (100, 20)])
def test_share_of_the_reads_is_answered_by_artifact_registry_with_the_same_image(
    gcr_emulator: Any, editor: RegistryClient, percent: int, of_20: int
) -> None:
    client = editor.at("gcr.io")
    digest = client.push_image(APP, "v1", b"layer")
    share_reads(gcr_emulator.url, percent)
    token = client.token(f"repository:{APP}:pull")
    answers = [client.call("GET", f"/v2/{APP}/manifests/v1", token=token) for _ in range(20)]
    assert {answer.headers["Docker-Content-Digest"] for answer in answers} == {digest}
    assert sum("X-Gcr-Using-Artifact-Registry" in answer.headers for answer in answers) == of_20
    layers = [layer["digest"] for layer in answers[0].json()["layers"]]
    blobs = [client.call("GET", f"/v2/{APP}/blobs/{layer}", token=token) for layer in layers]
    assert [answer.content for answer in blobs] == [b"layer"]


def test_writes_of_a_partly_redirected_project_go_to_its_own_registry(
    gcr_emulator: Any, editor: RegistryClient
) -> None:
    client = editor.at("gcr.io")
    client.push_image(APP, "v1", b"layer")
    share_reads(gcr_emulator.url, 50)
    client.push_image(APP, "v2", b"more")
    gcr_emulator.project(registry="container-registry")
    assert client.get(f"/v2/{APP}/tags/list").json()["tags"] == ["v1", "v2"]


def test_share_of_the_reads_of_a_project_that_never_migrated_is_answered(
    gcr_emulator: Any, editor: RegistryClient
) -> None:
    client = editor.at("gcr.io")
    digest = client.push_image(APP, "v1", b"layer")
    gcr_emulator.project(registry="shut-down")
    share_reads(gcr_emulator.url, 50)
    token = client.token(f"repository:{APP}:pull")
    answers = [client.call("GET", f"/v2/{APP}/manifests/v1", token=token) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [412, 200, 412, 200]
    (layer,) = answers[1].json()["layers"]
    assert client.call("GET", f"/v2/{APP}/blobs/{layer['digest']}", token=token).content == b"layer"
    assert answers[1].headers["Docker-Content-Digest"] == digest
    assert client.ask_token(f"repository:{APP}:pull,push").status_code == 412
