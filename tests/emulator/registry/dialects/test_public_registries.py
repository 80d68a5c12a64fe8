"""Public registries, such as mirror.gcr.io: no images, anonymous pulls, no pushes."""

import pytest

from docker_credential_gcr.emulator.sites.hosts import PUBLIC_REGISTRIES

HOSTS = [pytest.param(host, id=f"H-Z57-{host}") for host in sorted(PUBLIC_REGISTRIES)]
NAME = "/v2/library/alpine"
DIGEST = f"sha256:{'0' * 64}"
MISSING = f'Failed to fetch "latest" from request "{NAME}/manifests/latest".'


def errors(answer):
    return answer.status_code, [tuple(error.values()) for error in answer.json()["errors"]]


@pytest.mark.parametrize("host", [*HOSTS, pytest.param("Mirror.gcr.io.localhost:443", id="H-Z57-localhost")])
def test_ping_leads_to_a_token_that_everybody_gets(registry, host):
    mirror = registry.at(host)
    challenged = mirror.call("GET", "/v2/")
    assert challenged.status_code == 401
    assert challenged.headers["WWW-Authenticate"] == f'Bearer realm="http://{host}/v2/token",service="{host}"'
    token = mirror.token("repository:library/alpine:pull")
    assert mirror.call("GET", "/v2/", token=token).status_code == 200


@pytest.mark.parametrize("host", HOSTS)
@pytest.mark.parametrize(
    ("path", "error"),
    [
        ("manifests/latest", ("MANIFEST_UNKNOWN", MISSING)),
        (f"blobs/{DIGEST}", ("BLOB_UNKNOWN", f"blob unknown to this repository: {DIGEST}")),
        ("tags/list", ("NAME_UNKNOWN", "repository name not known to registry: library/alpine")),
        (f"referrers/{DIGEST}", ("NAME_UNKNOWN", "repository name not known to registry: library/alpine")),
    ],
)
def test_nothing_is_there_and_no_credential_is_asked_for(registry, host, path, error):
    answer = registry.at(host).call("GET", f"{NAME}/{path}?ns=docker.io")
    assert errors(answer) == (404, [error])
    assert "WWW-Authenticate" not in answer.headers


@pytest.mark.parametrize("host", HOSTS)
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "blobs/uploads/"),
        ("PATCH", "blobs/uploads/1"),
        ("PUT", "manifests/latest"),
        ("DELETE", f"blobs/{DIGEST}"),
    ],
)
def test_a_push_is_refused(registry, host, method, path):
    answer = registry.at(host).call(method, f"{NAME}/{path}", token="anonymous", data=b"{}")
    message = f"{host} is read-only: push to a repository of a project"
    assert errors(answer) == (403, [("DENIED", message)])


def test_other_paths_are_no_resources(registry):
    mirror = registry.at("mirror.gcr.io")
    assert errors(mirror.call("GET", NAME)) == (
        404,
        [("UNSUPPORTED", f"this registry has no GET {NAME}")],
    )
    message = "mirror.gcr.io is a registry: its API begins at /v2/"
    assert mirror.call("GET", "/storage/v1/b").json() == {"error": {"code": 404, "message": message}}
