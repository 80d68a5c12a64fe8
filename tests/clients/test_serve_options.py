"""Real clients at a registry without credentials, whose site is a port, and which redirects for blobs."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests

from docker_credential_gcr.emulator.server.in_thread import InThread
from docker_credential_gcr.emulator.server.ready_document import ReadyDocument
from docker_credential_gcr.emulator.settings import Settings

PLAIN_HTTP = "--tls-verify=false"
NAME = "my-project/team/app"


@pytest.fixture(scope="module")
def server() -> Iterator[ReadyDocument]:
    settings = Settings(
        port=0, projects=("my-project",), sites=(("eu.gcr.io", 0),), open=True, redirect_blobs=True
    )
    with InThread(settings) as ready:
        yield ready


@pytest.fixture
def image(server: ReadyDocument) -> str:
    requests.post(f"{server.url}/_emulator/reset", timeout=30).raise_for_status()
    return f"{server.sites['eu.gcr.io']}/{NAME}:v1"


@pytest.fixture
def requested(server: ReadyDocument) -> Callable[[], dict[str, set[int]]]:
    """Returns a function that reads the journal: {path of a GET, without the digest: its statuses}."""

    def ask() -> dict[str, set[int]]:
        found: dict[str, set[int]] = {}
        for entry in requests.get(f"{server.url}/_emulator/journal", timeout=30).json()["requests"]:
            if entry["method"] == "GET" and not entry["path"].startswith("/_emulator/"):
                kind = entry["path"].partition("sha256:")[0]
                found.setdefault(kind, set()).add(entry["status"])
        return found

    return ask


def check_that_blobs_were_redirects(server: ReadyDocument, requested) -> None:
    """Checks that blobs came by redirects, no client asked for a token, and the images are at the site."""
    found = requested()
    assert found[f"/v2/{NAME}/blobs/"] == {302}
    assert found[f"/artifacts-downloads/{NAME}/blobs/"] == {200}
    assert "/v2/token" not in found
    listed = requests.get(f"{server.url}/v2/eu.gcr.io/{NAME}/tags/list", timeout=30)
    assert listed.json()["tags"] == ["v1"]
    assert requests.get(f"{server.url}/v2/{NAME}/tags/list", timeout=30).status_code == 404


def test_docker_pushes_and_pulls(
    one_docker, image: str, layer: Path, server: ReadyDocument, requested
) -> None:
    image_id = one_docker.succeed("import", layer, image).strip()
    one_docker.succeed("push", image)
    one_docker.succeed("image", "rm", image)

    one_docker.succeed("pull", image)

    assert one_docker.succeed("image", "inspect", "--format", "{{.Id}}", image).strip() == image_id
    check_that_blobs_were_redirects(server, requested)


def test_podman_pushes_and_pulls(podman, image: str, place: Path, server: ReadyDocument, requested) -> None:
    (place / "Dockerfile").write_text("FROM scratch\nCOPY Dockerfile /\n")
    podman.succeed("build", "--tag", image, place)
    built = json.loads(podman.succeed("inspect", image))[0]["Id"]
    podman.succeed("push", PLAIN_HTTP, image)
    podman.succeed("rmi", image)

    assert podman.succeed("pull", PLAIN_HTTP, image).strip() == built
    check_that_blobs_were_redirects(server, requested)


def test_skopeo_copies_there_and_back(
    skopeo, image_maker, image: str, place: Path, server: ReadyDocument, requested
) -> None:
    image_maker.make_layout(place / "layout", place.name.encode())
    skopeo.succeed("copy", "--dest-tls-verify=false", f"oci:{place / 'layout'}", f"docker://{image}")

    skopeo.succeed("copy", "--src-tls-verify=false", f"docker://{image}", f"oci:{place / 'pulled'}")

    blobs = [sorted((place / name / "blobs" / "sha256").iterdir()) for name in ("layout", "pulled")]
    assert [path.name for path in blobs[0]] == [path.name for path in blobs[1]]
    check_that_blobs_were_redirects(server, requested)


def test_docker_logs_in_with_anything(one_docker, image: str) -> None:
    address = image.partition("/")[0]
    said = one_docker.succeed("login", "--username", "anyone", "--password-stdin", address, stdin="x")
    assert "Login Succeeded" in said
