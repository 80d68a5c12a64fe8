"""Disabled API or deleted project: the registry refuses every request, with the reason."""

import pytest
import requests

GCR = "my-project/app"
ARTIFACT = "us-docker.pkg.dev/my-project/images/app"
SERVICES = "/v1/projects/my-project/services"
OFF = {
    "containerregistry.googleapis.com": "Token exchange failed for project 'my-project'. Please enable or "
    "contact project owners to enable the Google Container Registry API in Cloud Console at "
    "https://console.cloud.google.com/apis/api/containerregistry.googleapis.com/overview?project=my-project "
    "before performing this operation.",
    "artifactregistry.googleapis.com": "Artifact Registry API has not been used in project my-project before "
    "or it is disabled. Enable it by visiting https://console.developers.google.com/apis/api/"
    "artifactregistry.googleapis.com/overview?project=my-project then retry. If you enabled this API "
    "recently, wait a few minutes for the action to propagate to our systems and retry.",
}
CASES = [
    ("containerregistry.googleapis.com", GCR, ARTIFACT),
    ("artifactregistry.googleapis.com", ARTIFACT, GCR),
]


@pytest.fixture
def call_api(call_api):
    """Calls Google's APIs as the operator, where my-project has a repository."""
    path = "/v1/projects/my-project/locations/us/repositories?repositoryId=images"
    call_api("POST", path, {"format": "DOCKER"})
    return call_api


@pytest.mark.parametrize(("service", "repository", "other"), CASES)
def test_check_18_while_an_api_is_disabled_its_registry_serves_no_client(
    gcr_emulator, editor, call_api, service, repository, other
):
    editor.push_image(repository, "v1", b"layer")
    token = editor.token(f"repository:{repository}:pull")
    key = gcr_emulator.key("roles/owner", account="owner").read_text()
    refusal = {"errors": [{"code": "DENIED", "message": OFF[service]}]}
    tags = f"/v2/{repository}/tags/list"
    assert editor.call("GET", tags, token=token).status_code == 200

    call_api("POST", f"{SERVICES}/{service}:disable", {})

    for scope in (f"repository:{repository}:pull", f"repository:{repository}:pull,push"):
        answer = editor.ask_token(scope)
        assert (answer.status_code, answer.json()) == (403, refusal)
    # An older token, or a credential that was not exchanged, is refused too.
    with_token = editor.call("GET", tags, token=token)
    with_key = requests.get(f"{gcr_emulator.url}{tags}", auth=("_json_key", key), timeout=30)
    for answer in (with_token, with_key):
        assert (answer.status_code, answer.json()) == (403, refusal)
    assert editor.ask_token(f"repository:{other}:pull,push").status_code == 200

    call_api("POST", f"{SERVICES}/{service}:enable", {})
    assert editor.get(tags, repository=repository).status_code == 200


@pytest.mark.parametrize(("service", "repository", "other"), CASES)
def test_a_stranger_does_not_learn_that_an_api_is_disabled(
    editor, stranger, call_api, service, repository, other
):
    editor.push_image(repository, "v1", b"layer")
    before = stranger.ask_token(f"repository:{repository}:pull")

    call_api("POST", f"{SERVICES}/{service}:disable", {})

    after = stranger.ask_token(f"repository:{repository}:pull")
    assert (after.status_code, after.content) == (before.status_code, before.content)
    assert other


@pytest.mark.parametrize("repository", [GCR, ARTIFACT])
def test_a_deleted_project_has_no_registry_until_it_is_taken_back(editor, call_api, repository):
    editor.push_image(repository, "v1", b"layer")
    call_api("DELETE", "/v1/projects/my-project")

    answer = editor.ask_token(f"repository:{repository}:pull")
    command = f"gcr-emulator project undelete --server {editor.url} my-project"
    message = f"Project 'project:my-project' not found or deleted. Undelete it with: {command}"
    assert (answer.status_code, answer.json()) == (
        404,
        {"errors": [{"code": "NAME_UNKNOWN", "message": message}]},
    )

    call_api("POST", "/v1/projects/my-project:undelete", {})
    assert editor.get(f"/v2/{repository}/tags/list", repository=repository).status_code == 200


def test_d_z20_an_account_of_a_deleted_project_opens_no_other_one(connect, call_api):
    editor = connect(project="other-project", account="other")
    editor.push_image("other-project/app", "v1", b"layer")
    member = "serviceAccount:other@other-project.iam.gserviceaccount.com"
    bindings = [{"role": "roles/storage.admin", "members": [member]}]
    call_api("POST", "/v1/projects/my-project:setIamPolicy", {"policy": {"bindings": bindings}})
    token = editor.token(f"repository:{GCR}:pull,push")
    uploads = f"/v2/{GCR}/blobs/uploads/"
    assert editor.call("POST", uploads, token=token).status_code == 202

    call_api("DELETE", "/v1/projects/other-project")

    refused = editor.ask_token(f"repository:{GCR}:pull,push")
    answers = [editor.call("POST", uploads, token=token), refused]
    answers.append(editor.session.get(f"{editor.url}/v2/", auth=editor.auth))
    codes = [(answer.status_code, answer.json()["errors"][0]["code"]) for answer in answers]
    assert codes == [(401, "UNAUTHORIZED"), (404, "NAME_UNKNOWN"), (404, "NAME_UNKNOWN")]
    assert "'project:other-project' not found or deleted" in refused.text


@pytest.mark.parametrize(("service", "repository", "other"), CASES)
def test_d_z20_the_catalog_leaves_out_what_a_project_does_not_serve(
    editor, connect, call_api, service, repository, other
):
    editor.push_image(repository, "v1", b"layer")
    reader = connect("roles/owner", project="other-project", account="reader")
    member = "serviceAccount:reader@other-project.iam.gserviceaccount.com"
    bindings = [
        {"role": f"roles/{role}", "members": [member]}
        for role in ("storage.objectViewer", "artifactregistry.reader")
    ]
    call_api("POST", "/v1/projects/my-project:setIamPolicy", {"policy": {"bindings": bindings}})
    host = repository.split("/")[0] if "pkg.dev" in repository else "gcr.io"

    def list_catalog():
        url, headers = f"{reader.url}/v2/_catalog", {"Host": host}
        return reader.session.get(url, auth=reader.auth, headers=headers).json()["repositories"]

    listed = [list_catalog()]
    for method, path in (
        ("POST", f"{SERVICES}/{service}:disable"),
        ("POST", f"{SERVICES}/{service}:enable"),
        ("DELETE", "/v1/projects/my-project"),
    ):
        call_api(method, path, {})
        listed.append(list_catalog())

    name = repository.removeprefix("us-docker.pkg.dev/")
    assert listed == [[name], [], [name], []]
    assert other


def test_the_catalog_needs_resource_manager(editor, call_api):
    editor.push_image(GCR, "v1", b"layer")
    token = editor.token()
    assert editor.call("GET", "/v2/_catalog", token=token).json() == {"repositories": [GCR]}
    call_api("POST", f"{SERVICES}/cloudresourcemanager.googleapis.com:disable", {})

    answer = editor.call("GET", "/v2/_catalog", token=token)

    message = (
        "Cloud Resource Manager API has not been used in project my-project before or it is disabled. Enable "
        "it by visiting https://console.developers.google.com/apis/api/cloudresourcemanager.googleapis.com/"
        "overview?project=my-project then retry. If you enabled this API recently, wait a few minutes for "
        "the action to propagate to our systems and retry."
    )
    assert (answer.status_code, answer.json()) == (
        403,
        {"errors": [{"code": "DENIED", "message": message}]},
    )
    assert editor.get(f"/v2/{GCR}/tags/list", repository=GCR).status_code == 200
