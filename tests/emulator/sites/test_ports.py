"""Site ports: what they serve, the addresses in their responses, and how they are opened."""

import socket
import subprocess
import sys

import pytest
import requests
from support.registry_client import RegistryClient

from docker_credential_gcr.emulator.server.in_thread import InThread
from docker_credential_gcr.emulator.settings import Settings
from docker_credential_gcr.emulator.sites.ports import InvalidSite, parse_site_port

EU, PKG, STORAGE = "eu.gcr.io", "us-docker.pkg.dev", "storage.googleapis.com"
REPOSITORY = "my-project/app"
MANIFEST = f"/v2/{REPOSITORY}/manifests/v1"


@pytest.fixture(scope="module")
def server():
    sites = tuple((host, 0) for host in (EU, PKG, STORAGE))
    with InThread(Settings(port=0, projects=("my-project",), sites=sites)) as ready:
        yield ready


@pytest.fixture
def editor(server, editor_of):
    return editor_of(server.url)


@pytest.fixture
def at(editor):
    """Returns the same account at another address of the server."""

    def move(address):
        return RegistryClient(f"http://{address}", editor.auth)

    return move


def test_a_port_reaches_its_site_and_nothing_else(server, editor, at):
    eu = at(server.sites[EU])
    there = eu.push_image(REPOSITORY, "v1", b"at eu.gcr.io")
    here = editor.push_image(REPOSITORY, "v1", b"at gcr.io")

    assert eu.get(MANIFEST).headers["Docker-Content-Digest"] == there
    assert editor.get(MANIFEST).headers["Docker-Content-Digest"] == here
    by_path = f"{EU}/{REPOSITORY}"
    found = editor.get(f"/v2/{by_path}/manifests/v1", repository=by_path)
    assert found.headers["Docker-Content-Digest"] == there
    catalog = eu.call("GET", "/v2/_catalog", token=eu.token())
    assert catalog.json() == {"repositories": [REPOSITORY]}
    # On a registry's host the first segment is a project, never another registry.
    assert eu.ask_token(f"repository:us.gcr.io/{REPOSITORY}:pull").status_code == 403


def test_a_blob_is_mounted_within_the_site_alone(server, editor, at):
    eu = at(server.sites[EU])
    blob = eu.push_blob(REPOSITORY, b"a layer at eu.gcr.io")["digest"]
    path = f"/v2/my-project/other/blobs/uploads/?mount={blob}&from={REPOSITORY}"

    scopes = ("repository:my-project/other:pull,push", f"repository:{REPOSITORY}:pull")
    assert eu.call("POST", path, token=eu.token(*scopes)).status_code == 201
    assert editor.call("POST", path, token=editor.token(*scopes)).status_code == 202


@pytest.mark.parametrize("host", ["localhost:1", "gcr.io", STORAGE, "US.gcr.io:443"])
def test_the_host_header_is_said_and_decides_nothing(server, at, host):
    eu = at(server.sites[EU])
    digest = eu.push_image(REPOSITORY, "v1", b"at eu.gcr.io")
    headers = {"Host": host}
    challenged = requests.get(f"{eu.url}{MANIFEST}", headers=headers, timeout=30)
    realm = f'realm="http://{host}/v2/token",service="{host}"'
    assert challenged.headers["WWW-Authenticate"] == f'Bearer {realm},scope="repository:{REPOSITORY}:pull"'

    token = eu.ask_token(f"repository:{REPOSITORY}:pull", host=host).json()["token"]
    pulled = eu.call("GET", MANIFEST, token=token, headers=headers)
    assert (pulled.status_code, pulled.headers["Docker-Content-Digest"]) == (200, digest)


def test_a_token_of_one_port_opens_no_other_whatever_the_host_header_says(server, editor, at):
    eu = at(server.sites[EU])
    eu.push_image(REPOSITORY, "v1", b"layer")
    editor.push_image(REPOSITORY, "v1", b"layer")
    token = eu.token(f"repository:{REPOSITORY}:pull")
    for host in ("localhost", EU):
        assert eu.call("GET", MANIFEST, token=token, headers={"Host": host}).status_code == 200
    assert editor.call("GET", MANIFEST, token=token, headers={"Host": "localhost"}).status_code == 401
    assert editor.call("GET", "/v2/", token=token, headers={"Host": "gcr.io"}).status_code == 401


def test_a_registrys_port_has_no_other_pages(server):
    for path in ("/_emulator/health", "/v1/projects", "/healthz", "/metrics"):
        answer = requests.get(f"http://{server.sites[EU]}{path}", timeout=30)
        message = "eu.gcr.io is a registry: its API begins at /v2/"
        assert (answer.status_code, answer.json()) == (404, {"error": {"code": 404, "message": message}})


def test_artifact_registry_and_googles_apis_have_ports_too(server, editor, at):
    path = f"{server.url}/v1/projects/my-project/locations/us/repositories?repositoryId=images"
    editor.session.post(path, json={"format": "DOCKER"}).raise_for_status()
    pkg = at(server.sites[PKG])
    digest = pkg.push_image("my-project/images/app", "v1", b"layer")
    pulled = pkg.get("/v2/my-project/images/app/manifests/v1", repository="my-project/images/app")
    assert pulled.headers["Docker-Content-Digest"] == digest

    storage = f"http://{server.sites[STORAGE]}"
    assert requests.get(f"{storage}/storage/v1/b?project=my-project", timeout=30).status_code == 200
    assert requests.get(f"{storage}/v2/", timeout=30).status_code == 404


def test_metrics_name_the_site_of_the_port(server, at):
    at(server.sites[EU]).push_image(REPOSITORY, "v1", b"layer")
    page = requests.get(f"{server.url}/metrics", timeout=30).text
    assert 'method="PUT",route="/v2/{name}/manifests/{reference}",site="eu.gcr.io"' in page


@pytest.mark.parametrize("options", [(), ("--tls", "--workers", "2")])
def test_the_program_names_its_ports_in_the_ready_document(make_server, tmp_path, options):
    server = make_server(tmp_path / "data", "--site", "eu.gcr.io=0", "--site", "us.gcr.io=0", *options)
    assert server.start()

    verify = server.ready["ca"] or False
    scheme = server.ready["url"].partition(":")[0]
    assert list(server.ready["sites"]) == ["eu.gcr.io", "us.gcr.io"]
    # Both workers accept connections: with a new one for each request, both of them answer.
    for site, address in [*server.ready["sites"].items()] * 10:
        url = f"{scheme}://{address}"
        answer = requests.get(f"{url}/", verify=verify, timeout=30)
        assert answer.json()["error"]["message"] == f"{site} is a registry: its API begins at /v2/"
        challenge = requests.get(f"{url}/v2/", verify=verify, timeout=30).headers["WWW-Authenticate"]
        assert challenge == f'Bearer realm="{url}/v2/token",service="{address}"'


def test_a_port_in_use_is_said_in_one_line_and_opens_none():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        command = [sys.executable, "-m", "docker_credential_gcr.emulator.cli.main", "serve", "--port", "0"]
        done = subprocess.run(
            [*command, "--site", f"eu.gcr.io={port}"], capture_output=True, text=True, timeout=60, check=False
        )
    message = (
        f"gcr-emulator: cannot listen on 127.0.0.1:{port}: address in use: "
        "stop the program that listens there, or take a free port with --site eu.gcr.io=0\n"
    )
    assert (done.returncode, done.stdout, done.stderr) == (1, "", message)


@pytest.mark.parametrize(
    ("text", "site"),
    [
        ("eu.gcr.io=5001", ("eu.gcr.io", 5001)),
        ("GCR.io=0", ("gcr.io", 0)),
        ("asia.gcr.io.localhost=65535", ("asia.gcr.io", 65535)),
        ("docker.us-central1.rep.pkg.dev=1", ("us-central1-docker.pkg.dev", 1)),
        ("oauth2.googleapis.com=80", ("oauth2.googleapis.com", 80)),
    ],
)
def test_a_host_and_a_port_are_read(text, site):
    assert parse_site_port(text) == site


UNKNOWN = "is not a host that the emulator serves, such as eu.gcr.io"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", f"'' {UNKNOWN}"),
        ("example.com=5001", f"'example.com' {UNKNOWN}"),
        ("localhost=5001", f"'localhost' {UNKNOWN}"),
        ("gcr.io:5000=5001", f"'gcr.io:5000' {UNKNOWN}"),
        ("eu.gcr.io", "'eu.gcr.io' has no port: expected eu.gcr.io=PORT"),
        ("eu.gcr.io=", "'eu.gcr.io=' has no port: expected eu.gcr.io=PORT"),
        ("eu.gcr.io=65536", "'eu.gcr.io=65536' has no port: expected eu.gcr.io=PORT"),
        ("eu.gcr.io=-1", "'eu.gcr.io=-1' has no port: expected eu.gcr.io=PORT"),
        ("eu.gcr.io=٣", "'eu.gcr.io=٣' has no port: expected eu.gcr.io=PORT"),
        (f"eu.gcr.io={'1' * 5000}", f"'{f'eu.gcr.io={1}' + '1' * 89}' has no port: expected eu.gcr.io=PORT"),
    ],
)
def test_anything_else_is_refused(text, message):
    with pytest.raises(InvalidSite) as refused:
        parse_site_port(text)
    assert str(refused.value) == message


def test_the_command_says_what_is_wrong_with_a_site(run):
    where = "Invalid value for '--site'"
    for sites, message in (
        (["example.com=5001"], f"{where}: 'example.com' {UNKNOWN}"),
        (["eu.gcr.io=1", "EU.gcr.io=2"], "--site gives a host two ports: give it one"),
    ):
        options = [word for site in sites for word in ("--site", site)]
        code, out, err = run("serve", "--port", "0", *options)
        assert (code, out, err.splitlines()[-1]) == (2, "", f"Error: {message}")
