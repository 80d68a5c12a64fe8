"""docker-py and oras-py find the helper as the programs do: in config.json, on PATH."""

from pathlib import Path

import docker
import oras.client
import oras.oci
import pytest
import requests
from clients.refusals import MAY_NOT_PUSH
from support.images import digest_of

SBOM = b'{"spdxVersion":"SPDX-2.3"}'


@pytest.fixture
def as_user(environ, monkeypatch, tmp_path):
    """Sets this process's environment to that of the other clients, and an empty current directory."""
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def editor(gcr_emulator):
    """Calls the registry as an editor, without any client's help."""
    key = gcr_emulator.key(account="reader").read_text()

    def get(path):
        answer = requests.get(f"{gcr_emulator.url}/v2/{path}", auth=("_json_key", key), timeout=30)
        answer.raise_for_status()
        return answer

    return get


@pytest.mark.usefixtures("as_user")
def test_docker_py_pushes_and_pulls(engine, gcr_emulator, helper_calls, layer):
    repository = f"{gcr_emulator.registry}/my-project/docker-py"
    client = docker.DockerClient(base_url=engine)
    try:
        client.api.import_image(str(layer), repository=repository, tag="v1")
        said = list(client.images.push(repository, tag="v1", stream=True, decode=True))
        assert not [line for line in said if "error" in line]
        client.images.remove(f"{repository}:v1")
        pulled = client.images.pull(repository, tag="v1")
        assert pulled.tags == [f"{repository}:v1"]
        client.images.remove(f"{repository}:v1")
    finally:
        client.close()
    # One `get` for each command, with the registry's host alone.
    assert helper_calls.take() == [f"get {gcr_emulator.registry}"] * 2


@pytest.mark.usefixtures("as_user")
def test_docker_py_is_told_why_a_viewer_cannot_push(engine, gcr_emulator, layer):
    gcr_emulator.configure_docker(gcr_emulator.key("roles/viewer", account="viewer"))
    repository = f"{gcr_emulator.registry}/my-project/docker-py"
    client = docker.DockerClient(base_url=engine)
    try:
        client.api.import_image(str(layer), repository=repository, tag="v1")
        said = list(client.images.push(repository, tag="v1", stream=True, decode=True))
        client.images.remove(f"{repository}:v1")
    finally:
        client.close()
    (error,) = [line["error"] for line in said if "error" in line]
    assert error == MAY_NOT_PUSH


@pytest.mark.usefixtures("as_user")
def test_oras_py_pushes_artifacts_with_a_subject_and_pulls_them(environ, gcr_emulator, editor, tmp_path):
    # oras-py's token backend reuses the token of its first request, a pull, with which no registry that
    # checks scopes lets it push; Container Registry also accepts the credential itself.
    client = oras.client.OrasClient(insecure=True, auth_backend="basic")
    # oras-py does not read DOCKER_CONFIG, so the path is a parameter.
    configured = {"config_path": f"{environ['DOCKER_CONFIG']}/config.json"}
    repository = f"{gcr_emulator.registry}/my-project/oras-py"
    Path("app.bin").write_bytes(b"the application")
    pushed = client.push(target=f"{repository}:v1", files=["app.bin:application/octet-stream"], **configured)
    digest = pushed.headers["Docker-Content-Digest"]

    found = editor(f"my-project/oras-py/manifests/{digest}")
    subject = oras.oci.Subject(found.headers["Content-Type"], digest, len(found.content))
    Path("sbom.json").write_bytes(SBOM)
    files = ["sbom.json:application/spdx+json"]
    about = client.push(target=f"{repository}:sbom", files=files, subject=subject, **configured)
    assert about.headers["OCI-Subject"] == digest
    (referrer,) = editor(f"my-project/oras-py/referrers/{digest}").json()["manifests"]
    assert referrer["digest"] == about.headers["Docker-Content-Digest"]

    (path,) = client.pull(target=f"{repository}:sbom", outdir=str(tmp_path / "out"), **configured)
    assert Path(path).read_bytes() == SBOM
    blob = editor(f"my-project/oras-py/blobs/{digest_of(SBOM)}")
    assert blob.content == SBOM
    assert client.get_tags(repository) == ["sbom", "v1"]
