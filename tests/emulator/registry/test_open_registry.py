"""Open registry (serve --open): it needs no credential, except from web pages and proxies."""

import dataclasses
import json
import subprocess
import sys
from contextlib import contextmanager

import pytest
import requests
from support.backing_services import serve
from support.images import OCI_CONFIG, OCI_MANIFEST, digest_of
from support.registry_client import RegistryClient

from docker_credential_gcr.emulator.settings import Settings

REPOSITORY = "my-project/app"
PATH = f"/v2/{REPOSITORY}"
OPEN = Settings(port=0, projects=("my-project",), open=True)
PAGES = [
    {"Origin": "http://evil.example"},
    {"Origin": "http://localhost:5000"},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Host": "evil.example"},
    {"Host": "localhost.evil.example:5000"},
]


@contextmanager
def serving(**changes):
    with serve(dataclasses.replace(OPEN, **changes)) as ready:
        yield RegistryClient(ready.url)


@pytest.fixture(scope="module")
def opened():
    with serving() as client:
        yield client


@pytest.fixture
def image_parts():
    """Pushes a config of two bytes; returns its digest, and digest and bytes of a manifest of it."""
    config = digest_of(b"{}")
    entry = {"mediaType": OCI_CONFIG, "digest": config, "size": 2}
    document = json.dumps({"schemaVersion": 2, "config": entry, "layers": []}).encode()
    return config, digest_of(document), document


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Basic garbage"}, {"Authorization": "Bearer x"}])
def test_the_ping_sends_no_challenge(opened, headers):
    answer = opened.call("GET", "/v2/", headers=headers)
    assert (answer.status_code, answer.json(), "WWW-Authenticate" in answer.headers) == (200, {}, False)


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer x"}, {"Host": "gcr.io"}])
def test_any_client_pushes_lists_mounts_pulls_and_deletes(opened, image_parts, headers):
    config, digest, document = image_parts
    blob = opened.call("POST", f"{PATH}/blobs/uploads/?digest={config}", data=b"{}")
    media_type = {"Content-Type": OCI_MANIFEST}
    pushed = opened.call("PUT", f"{PATH}/manifests/v1", data=document, headers={**headers, **media_type})
    mounted = opened.call(
        "POST", f"/v2/my-project/b/blobs/uploads/?mount={config}&from={REPOSITORY}", headers=headers
    )
    pulled = opened.call("GET", f"{PATH}/manifests/v1", headers=headers)
    listed = opened.call("GET", f"{PATH}/tags/list", headers=headers).json()["tags"]
    catalog = opened.call("GET", "/v2/_catalog", headers=headers).json()["repositories"]
    deleted = [
        opened.call("DELETE", f"{PATH}/manifests/{name}", headers=headers).status_code
        for name in ("v1", digest)
    ]

    assert (blob.status_code, pushed.status_code, mounted.status_code) == (201, 201, 201)
    assert (pulled.status_code, pulled.content, listed) == (200, document, ["v1"])
    assert catalog == [REPOSITORY]
    assert deleted == [202, 202]


@pytest.mark.parametrize("auth", [None, ("anyone", "anything"), ("_json_key", "{}")])
def test_the_token_endpoint_still_answers_any_client(opened, auth):
    scope = {"scope": f"repository:{REPOSITORY}:push,pull"}
    answer = requests.get(f"{opened.url}/v2/token", params=scope, auth=auth, timeout=30)
    document = answer.json()
    assert (answer.status_code, document["expires_in"], set(document)) == (
        200,
        43200,
        {"token", "access_token", "expires_in", "issued_at"},
    )
    bearer = {"Authorization": f"Bearer {document['token']}"}
    assert opened.call("GET", "/v2/", headers=bearer).status_code == 200


@pytest.mark.parametrize("headers", PAGES)
def test_a_web_page_needs_a_credential_all_the_same(opened, headers):
    scope = f"/v2/token?scope=repository:{REPOSITORY}:pull,push"
    for method, path in (("GET", "/v2/"), ("POST", f"{PATH}/blobs/uploads/"), ("GET", scope)):
        answer = opened.call(method, path, headers=headers)
        assert (answer.status_code, answer.json()["errors"][0]["code"]) == (401, "UNAUTHORIZED")


def test_a_token_of_an_open_registry_opens_nothing_when_it_is_closed(tmp_path):
    with serving(data=tmp_path) as client:
        answer = client.call("GET", f"/v2/token?scope=repository:{REPOSITORY}:push,pull")
    bearer = {"Authorization": f"Bearer {answer.json()['token']}"}
    with serving(data=tmp_path, open=False) as client:
        refused = client.call("POST", f"{PATH}/blobs/uploads/", headers=bearer)
        ping = client.call("GET", "/v2/")
    assert (refused.status_code, refused.json()["errors"][0]["code"]) == (403, "DENIED")
    assert ping.status_code == 401


def test_google_s_apis_and_the_control_stay_closed():
    with serving(strict_admin=True) as client:
        for path in ("/v1/projects", "/_emulator/journal", "/storage/v1/b?project=my-project"):
            assert client.call("GET", path).status_code == 401, path
        assert client.call("GET", "/v2/").status_code == 200


def test_a_disabled_api_serves_no_client_there_either():
    service = "containerregistry.googleapis.com"
    with serving() as client:
        client.call("POST", f"/v1/projects/my-project/services/{service}:disable", json={})
        answer = client.call("GET", f"{PATH}/tags/list")
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (403, "DENIED")


def test_opened_to_others_it_is_open_to_every_name_and_page():
    for changes in ({}, {"allow_remote": True}):
        with serving(open_remote=True, **changes) as client:
            answers = [client.call("GET", "/v2/", headers=headers) for headers in PAGES]
        assert [answer.status_code for answer in answers] == [200] * len(PAGES)


def test_the_program_says_that_it_is_open(make_server, tmp_path):
    server = make_server(tmp_path / "data", "--open", "--workers", "2")
    server.start()
    url = server.ready["url"]
    server.terminate()
    message = f"gcr-emulator: open: {url}/v2/ requires no credential to pull, push or delete\n"
    assert server.await_end() == (0, message)


def test_open_and_allow_remote_together_are_refused():
    command = [sys.executable, "-m", "docker_credential_gcr.emulator.cli.main", "serve", "--port", "0"]
    done = subprocess.run(
        [*command, "--open", "--allow-remote"], capture_output=True, text=True, timeout=60, check=False
    )
    message = (
        "gcr-emulator: --open and --allow-remote let other machines push and delete: "
        "add --open-remote to allow that\n"
    )
    assert (done.returncode, done.stdout, done.stderr) == (1, "", message)
