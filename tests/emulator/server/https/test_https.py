"""The server under TLS: versions, protocols and names as clients meet them."""

import http.client
import json
import os
import socket
import ssl
import subprocess
import sys
from contextlib import ExitStack, closing
from pathlib import Path

import httpx
import pytest
import requests
from support.images import digest_of

from docker_credential_gcr.emulator.server.in_thread import InThread
from docker_credential_gcr.emulator.settings import Settings

COMMAND = [sys.executable, "-m", "docker_credential_gcr.emulator.cli.main"]
LAYER = bytes(range(256)) * 4096


def port_of(ready):
    return int(ready.url.rpartition(":")[2])


def test_ready_document_names_url_and_authority(ready):
    assert (ready.url, ready.registry, ready.ca) == (
        f"https://localhost:{port_of(ready)}",
        f"localhost:{port_of(ready)}",
        f"{ready.data}/keys/ca.pem",
    )


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_versions_from_1_2_up_are_spoken(connect, context, version):
    context.minimum_version = context.maximum_version = version
    with connect() as connection:
        assert connection.version() == version.name.replace("_", ".")


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1_1 is deprecated:DeprecationWarning")
def test_version_1_1_is_refused(connect, context):
    # Without this, OpenSSL itself would not offer the version.
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    with pytest.raises(ssl.SSLError, match=r"alert (protocol version|handshake failure)"):
        connect()


@pytest.mark.parametrize(("offered", "chosen"), [(["h2", "http/1.1"], "h2"), (["http/1.1"], "http/1.1")])
def test_client_chooses_the_protocol(connect, context, offered, chosen):
    context.set_alpn_protocols(offered)
    with connect() as connection:
        assert connection.selected_alpn_protocol() == chosen


@pytest.mark.needs("curl")
@pytest.mark.parametrize("version", ["1.1", "2"])
def test_curl_is_asked_for_a_token_at_the_same_place(ready, version):
    answer = subprocess.run(
        ["curl", "-sS", "-i", "--cacert", ready.ca, f"--http{version}", f"{ready.url}/v2/"],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    ).stdout.splitlines()
    challenge = f'Bearer realm="{ready.url}/v2/token",service="{ready.registry}"'
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in answer[1:])}
    assert (answer[0].split()[:2], headers["www-authenticate"]) == ([f"HTTP/{version}", "401"], challenge)


@pytest.mark.parametrize(
    "host", ["gcr.io", "eu.gcr.io", "us-docker.pkg.dev", "docker.us-west1.rep.pkg.dev", "gcr.io.localhost"]
)
def test_realm_is_the_host_that_was_asked(connect, host):
    with connect(host) as connection, closing(http.client.HTTPResponse(connection)) as answer:
        connection.sendall(f"GET /v2/ HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
        answer.begin()
        challenge = answer.headers["www-authenticate"]
    # Artifact Registry names no service at /v2/.
    service = "" if host.endswith("pkg.dev") else f',service="{host}"'
    assert challenge == f'Bearer realm="https://{host}/v2/token"{service}'


@pytest.mark.parametrize("http2", [True, False])
def test_image_is_pushed_and_pulled(ready, context, editor_of, http2, monkeypatch):
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", ready.ca)
    editor = editor_of(ready.url)
    with httpx.Client(http2=http2, verify=context, base_url=ready.url) as client:
        token = client.get(
            "/v2/token", params={"scope": "repository:my-project/app:pull,push"}, auth=editor.auth
        ).json()["token"]
        client.headers["Authorization"] = f"Bearer {token}"
        location = client.post("/v2/my-project/app/blobs/uploads/").headers["location"]
        location = client.patch(location, content=LAYER).headers["location"]
        digest = digest_of(LAYER)
        assert client.put(location, params={"digest": digest}).status_code == 201
        whole = client.get(f"/v2/my-project/app/blobs/{digest}")
        assert (whole.http_version, whole.status_code) == ("HTTP/2" if http2 else "HTTP/1.1", 200)
        assert whole.content == LAYER
        part = client.get(f"/v2/my-project/app/blobs/{digest}", headers={"Range": "bytes=300000-900000"})
        assert (part.status_code, part.content) == (206, LAYER[300_000:900_001])


def test_silent_connections_and_half_handshakes_delay_no_client(ready):
    with ExitStack() as stack:
        for number in range(200):
            connection = socket.create_connection(("127.0.0.1", port_of(ready)), timeout=60)
            stack.enter_context(connection)
            if number % 2:
                connection.sendall(b"\x16\x03\x01\x02\x00\x01")  # the beginning of a ClientHello
        answer = requests.get(f"{ready.url}/_emulator/health", verify=ready.ca, timeout=30)
    assert answer.status_code == 200


def test_commands_trust_the_authority_that_the_ready_file_names(ready, tmp_path):
    ready_file = tmp_path / "ready.json"
    ready_file.write_text(json.dumps(vars(ready)))
    for environ in ({"GCR_EMULATOR_CA": ready.ca}, {"GCR_EMULATOR_READY_FILE": str(ready_file)},
                    {"GCR_EMULATOR_DATA": ready.data}):  # fmt: skip
        status, out, err = list_projects(ready.url, environ)
        assert (status, json.loads(out)["projects"][0]["projectId"], err) == (0, "my-project", "")


def test_commands_refuse_a_server_that_they_do_not_trust(ready):
    complaint = (
        f"gcr-emulator: the certificate of {ready.url} is not trusted: "
        "name its authority, DATA/keys/ca.pem, with --ca\n"
    )
    assert list_projects(ready.url, {}) == (1, "", complaint)


def test_d22_commands_name_https_when_this_server_is_asked_with_http(ready):
    address = ready.url.removeprefix("https://")
    complaint = f"gcr-emulator: the server at {address} speaks TLS: name it with --server https://{address}\n"
    assert list_projects(f"http://{address}", {}) == (1, "", complaint)


def list_projects(url, environ):
    done = subprocess.run(
        [*COMMAND, "project", "list", "--json", "--server", url],
        env={"PATH": os.environ["PATH"], **environ},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


def test_own_certificate_is_shown_and_no_authority_named(ready, tmp_path):
    """Starts another server with the first one's certificate."""
    pair = Path(ready.data, "keys", "server.pem")
    with InThread(Settings(port=0, data=tmp_path, tls_cert=pair, tls_key=pair)) as other:
        assert other.ca is None
        assert requests.get(f"{other.url}/_emulator/health", verify=ready.ca, timeout=60).status_code == 200
    assert not (tmp_path / "keys" / "ca.pem").exists()


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["--tls-cert", "own.pem"], 2, "Error: --tls-cert and --tls-key go together"),
        (["--tls", "--tls-cert", "own.pem", "--tls-key", "own.pem"], 2,
         "Error: --tls creates a certificate, --tls-cert names one: give one of them"),
        (["--tls-name", "a.example"], 2, "Error: --tls-name needs --tls"),
        (["--tls", "--tls-name", "a b"], 2,
         "Error: Invalid value for '--tls-name': "
         "'a b' is neither a name nor an address"),
        (["--tls-cert", "own.pem", "--tls-key", "own.pem"], 1,
         "gcr-emulator: own.pem: No such file or directory"),
    ],
)  # fmt: skip
def test_options_that_make_no_sense_are_refused(tmp_path, arguments, status, message):
    done = subprocess.run(
        [*COMMAND, "serve", "--port", "0", *arguments],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr.splitlines()[-1]) == (status, "", message)
