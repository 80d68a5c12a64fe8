"""Requests without a repository at the hosts of gcr.io: in the dialect of `serve --registry`."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests
from support.backing_services import serve
from support.registry_client import RegistryClient

from docker_credential_gcr.emulator.identity.redirection import RegistryKind
from docker_credential_gcr.emulator.settings import Settings

REDIRECTED = "X-Gcr-Using-Artifact-Registry"
# Projects of each kind; the order of their names is not that of their paths in the database.
PROJECTS = {
    "a-classic": "container-registry",
    "b-moved": "artifact-registry",
    "c-gone": "shut-down",
    "d-classic": "container-registry",
    "example.com:e-moved": "artifact-registry",
}


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    settings = Settings(port=0, registry=RegistryKind.ARTIFACT_REGISTRY, projects=("my-project",))
    with serve(settings) as ready:
        yield ready.url


@pytest.mark.parametrize(
    ("host", "service"),
    [
        ("gcr.io", ",service=gcr.io"),
        ("eu.gcr.io", ",service=eu.gcr.io"),
        ("gcr.io:8080", ',service="gcr.io:8080"'),
        ("localhost:5000", ',service="localhost:5000"'),
        ("us-docker.pkg.dev", ""),
    ],
)
def test_the_challenge_of_gcr_io_names_the_service_without_quotes(url: str, host: str, service: str) -> None:
    client = RegistryClient(url, host=host)

    ping, catalog = (client.call("GET", path) for path in ("/v2/", "/v2/_catalog"))

    realm = f'Bearer realm="http://{host}/v2/token"'
    text = "not authenticated: No credential was supplied."
    error = {"errors": [{"code": "UNAUTHORIZED", "message": text}]}
    redirected = None if host.endswith("pkg.dev") else "true"
    for answer, challenge in ((ping, f"{realm}{service}"), (catalog, realm)):
        headers = answer.headers["WWW-Authenticate"], answer.headers.get(REDIRECTED)
        assert (answer.status_code, headers, answer.json()) == (401, (challenge, redirected), error)


def test_a_token_without_a_scope_opens_gcr_io_as_artifact_registry_does(url: str) -> None:
    client = RegistryClient(url, host="gcr.io")

    answer = client.ask_token()
    token = answer.json()["token"]
    ping = client.call("GET", "/v2/", token=token)
    posted = client.call("POST", "/v2/token")

    assert (answer.json(), answer.headers[REDIRECTED]) == ({"token": token, "expires_in": 43200}, "true")
    assert (ping.status_code, ping.headers["Content-Type"], ping.content) == (
        200,
        "text/html; charset=UTF-8",
        b"",
    )
    elsewhere = client.at("us.gcr.io").call("GET", "/v2/", token=token)
    assert (posted.status_code, elsewhere.status_code) == (405, 401)


def test_a_name_of_container_registry_is_answered_in_its_words_all_the_same(url: str) -> None:
    path, kind = f"{url}/_emulator/projects/my-project", {"registry": "container-registry"}
    requests.patch(path, json=kind, timeout=30).raise_for_status()
    client = RegistryClient(url, host="gcr.io")

    answer = client.call("GET", "/v2/my-project/app/manifests/v1")

    error = {"errors": [{"code": "UNAUTHORIZED", "message": "Unauthorized access."}]}
    challenge = answer.headers["WWW-Authenticate"]
    assert challenge.endswith(',service="gcr.io",scope="repository:my-project/app:pull"')
    assert (answer.json(), answer.headers.get(REDIRECTED)) == (error, None)


@pytest.fixture
def images(gcr_emulator: Any, connect: Callable[..., RegistryClient]) -> RegistryClient:
    """Pushes two images to each project, before one is shut down; returns a reader of all."""
    reader = connect("roles/storage.objectViewer", project="a-classic", account="reader").at("gcr.io")
    member = "serviceAccount:reader@a-classic.iam.gserviceaccount.com"
    roles = ("roles/storage.objectViewer", "roles/artifactregistry.reader")
    policy = {"bindings": [{"role": role, "members": [member]} for role in roles]}
    for project, kind in PROJECTS.items():
        gcr_emulator.project(project, registry="artifact-registry" if kind == "artifact-registry" else None)
        owner = connect("roles/owner", project=project, account="owner").at("gcr.io")
        for image in ("app", "tool"):
            owner.push_image(f"{project.replace(':', '/')}/{image}", "v1", b"layer")
        url = f"{gcr_emulator.url}/v1/projects/{project}:setIamPolicy"
        requests.post(url, json={"policy": policy}, timeout=30).raise_for_status()
    return reader


def test_the_catalog_has_the_names_that_clients_use(images: RegistryClient, gcr_emulator: Any) -> None:
    whole = [f"{project.replace(':', '/')}/{image}" for project in PROJECTS for image in ("app", "tool")]
    assert images.call("GET", "/v2/_catalog", token=images.token()).json() == {"repositories": whole}
    gcr_emulator.project("c-gone", registry="shut-down")
    rest = [name for name in whole if not name.startswith("c-gone/")]

    found, path = [], "/v2/_catalog?n=1"
    while path:
        answer = images.call("GET", path, token=images.token())
        found += answer.json()["repositories"]
        path = answer.links.get("next", {}).get("url")

    assert found == rest
