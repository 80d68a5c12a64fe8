"""Request heads that HTTP allows: with or without Host, with a coding, names in any case."""

import json
import re
import socket

import pytest
from support.images import OCI_MANIFEST

FOREIGN = "application/vnd.oci.image.layer.nondistributable.v1.tar"
NO_HOST = "a request needs one Host header that names a host"
NO_CODING = "the only Transfer-Encoding is chunked: send the body as it is"


@pytest.fixture
def send(gcr_emulator):
    """Sends a request's lines; returns the status, and the challenge's realm or the error's message."""
    host, _, port = gcr_emulator.registry.rpartition(":")

    def exchange(*lines, body=""):
        with socket.create_connection((host, int(port)), timeout=30) as connection:
            connection.sendall("\r\n".join([*lines, "Connection: close", "", body]).encode())
            answer = b"".join(iter(lambda: connection.recv(4096), b"")).decode()
        head, _, content = answer.partition("\r\n\r\n")
        realm = re.search(r'realm="([^"]*)"', head)
        message = realm[1] if realm else content and json.loads(content).get("error", {}).get("message")
        return int(head.split()[1]), message

    return exchange


# id: (request's lines, status, realm or message); {} is the server's port.
HEADS = {
    "1.0 without Host": (["GET /v2/ HTTP/1.0"], 401, "http://127.0.0.1:{}/v2/token"),
    "1.0 with an empty Host": (["GET /v2/ HTTP/1.0", "Host:"], 401, "http://127.0.0.1:{}/v2/token"),
    "1.0 with Host": (["GET /v2/ HTTP/1.0", "Host: eu.gcr.io"], 401, "http://eu.gcr.io/v2/token"),
    "1.0 with a URL": (["GET http://eu.gcr.io/v2/ HTTP/1.0"], 401, "http://eu.gcr.io/v2/token"),
    "1.1 without Host": (["GET /v2/ HTTP/1.1"], 400, NO_HOST),
    "1.1 with an empty Host": (["GET /v2/ HTTP/1.1", "Host:"], 400, NO_HOST),
    "an empty port": (["GET /v2/ HTTP/1.1", "Host: localhost:"], 401, "http://localhost/v2/token"),
    "an empty port of an address": (["GET /v2/ HTTP/1.1", "Host: [::1]:"], 401, "http://[::1]/v2/token"),
    "an empty port of a site": (["GET /v2/ HTTP/1.1", "Host: eu.gcr.io:"], 401, "http://eu.gcr.io/v2/token"),
    "a port alone": (["GET /v2/ HTTP/1.1", "Host: :"], 400, NO_HOST),
    "two colons": (["GET /v2/ HTTP/1.1", "Host: localhost::"], 400, NO_HOST),
    "health without Host": (["GET /healthz HTTP/1.0"], 200, None),
    "an API without Host": (["GET /v1/projects/none HTTP/1.0"], 404, "Project not found: none"),
    "a local API with an empty port": (["GET /storage/v1/b/none HTTP/1.1", "Host: localhost:"], 404, None),
    "gzip and chunked": (
        ["PUT /v2/p/app/manifests/v1 HTTP/1.1", "Host: a", "Transfer-Encoding: gzip, chunked"],
        501,
        NO_CODING,
    ),
    "gzip, then chunked": (
        ["POST /token HTTP/1.1", "Host: a", "Transfer-Encoding: gzip", "Transfer-Encoding: chunked"],
        501,
        NO_CODING,
    ),
    "CHUNKED": (["PUT /v2/ HTTP/1.1", "Host: a", "Transfer-Encoding: CHUNKED"], 404, None),
}


@pytest.mark.parametrize(
    ("lines", "status", "message"), HEADS.values(), ids=[f"G-Z50-{case}" for case in HEADS]
)
def test_g_z50_a_head_is_read_as_http_says(gcr_emulator, send, lines, status, message):
    body = "0\r\n\r\n" if "Transfer-Encoding" in lines[-1] else ""

    found = send(*lines, body=body)

    if message is None:
        assert found[0] == status
    else:
        assert found == (status, message.format(gcr_emulator.registry.rpartition(":")[2]))


@pytest.mark.parametrize("written", [OCI_MANIFEST, OCI_MANIFEST.upper()], ids=["G-Z50-type", "G-Z50-TYPE"])
def test_g_z50_media_types_and_units_are_read_in_any_case(editor, written):
    name = "my-project/app"
    config = editor.push_blob(name, b"{}")
    foreign = {"mediaType": FOREIGN.upper(), "digest": f"sha256:{'0' * 64}", "size": 1}
    document = {"schemaVersion": 2, "mediaType": written, "config": config, "layers": [foreign]}

    pushed = editor.put_manifest(name, "v1", document, OCI_MANIFEST.upper())
    pulled = editor.get(f"/v2/{name}/manifests/v1", headers={"Accept": f"a/b, {OCI_MANIFEST.title()}"})
    part = editor.get(f"/v2/{name}/blobs/{config['digest']}", headers={"Range": "BYTES=1-1"})

    assert (pushed.status_code, pulled.status_code, pulled.json()) == (201, 200, document)
    assert pulled.headers["Content-Type"] == OCI_MANIFEST
    assert (part.status_code, part.content) == (206, b"}")
