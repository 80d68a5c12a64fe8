"""A push to a name that cannot be a repository ends at its first refusal: docker, podman and skopeo."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests

from docker_credential_gcr.emulator.server.in_thread import InThread
from docker_credential_gcr.emulator.settings import Settings
from docker_credential_gcr.pytest_plugin import GcrEmulator

REASON = "invalid repository name 'hello': expected PROJECT/IMAGE, such as {0}/my-project/hello:1"


@pytest.fixture
def push(
    request: pytest.FixtureRequest, find_client, place: Path, layer: Path, image_maker
) -> Callable[[str], object]:
    """Pushes an image by its name, with the client that the test names."""

    def call(image: str) -> object:
        if request.param == "docker":
            docker = request.getfixturevalue("one_docker")
            docker.succeed("import", layer, image)
            return docker("push", image)
        client = find_client(request.param)
        if request.param == "skopeo":
            image_maker.make_layout(place / "layout", b"")
            return client("copy", "--dest-tls-verify=false", f"oci:{place / 'layout'}", f"docker://{image}")
        (place / "Dockerfile").write_text("FROM scratch\nLABEL a=b\n")
        client.succeed("build", "--tag", image, place)
        return client("push", "--tls-verify=false", image)

    return call


def list_registry_requests(journal: list[dict]) -> list[tuple[str, str, int]]:
    return [(r["method"], r["path"], r["status"]) for r in journal if r["path"].startswith("/v2/")]


# The text that each client prints: podman 4.3 and skopeo 1.9 show no body of a 403 at a token endpoint.
STATUS_ALONE = "invalid status code from registry 403 (Forbidden)"


@pytest.mark.parametrize(
    ("push", "said"),
    [("docker", f"denied: {REASON}"), ("podman", STATUS_ALONE), ("skopeo", STATUS_ALONE)],
    indirect=["push"],
    ids=["docker", "podman", "skopeo"],
)
def test_d04_a_push_makes_one_token_request_and_ends(push, said: str, gcr_emulator: GcrEmulator) -> None:
    refused = push(f"{gcr_emulator.registry}/hello:1")

    assert refused.status != 0
    assert refused.stderr.rstrip().removesuffix('"').endswith(said.format(gcr_emulator.registry))
    assert list_registry_requests(gcr_emulator.journal()) == [
        ("GET", "/v2/", 401),
        ("GET", "/v2/token", 403),
    ]


@pytest.fixture
def opened() -> Iterator[object]:
    """Yields a registry without credentials."""
    with InThread(Settings(port=0, open=True)) as ready:
        yield ready


@pytest.mark.parametrize(
    ("push", "method", "path", "status", "said"),
    [
        ("docker", "POST", "/v2/hello/blobs/uploads/", 403, f"denied: {REASON}"),
        # They request the blob first.
        ("podman", "HEAD", "/v2/hello/blobs/sha256:", 400, "repository hello: 400 (Bad Request)"),
        ("skopeo", "HEAD", "/v2/hello/blobs/sha256:", 400, "repository hello: 400 (Bad Request)"),
    ],
    indirect=["push"],
    ids=["docker", "podman", "skopeo"],
)
def test_d04_a_push_to_an_open_registry_is_refused_once(
    push, opened, method: str, path: str, status: int, said: str
) -> None:
    refused = push(f"{opened.registry}/hello:1")

    assert refused.status != 0
    assert refused.stderr.rstrip().removesuffix('"').endswith(said.format(opened.registry))
    journal = requests.get(f"{opened.url}/_emulator/journal", timeout=30).json()["requests"]
    ping, *others = list_registry_requests(journal)
    assert ping == ("GET", "/v2/", 200)
    assert [(m, p[: len(path)], s) for m, p, s in others] == [(method, path, status)]
