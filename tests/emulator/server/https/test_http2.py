"""HTTP/2 as clients use it, and frame by frame where no client sends such frames."""

import json
import socket
import ssl
import subprocess
import sys
from contextlib import closing

import h2.connection
import h2.events
import httpx
import pytest
from h2.config import H2Configuration
from support.child_processes import LIMIT_S, running

COMMAND = [sys.executable, "-m", "docker_credential_gcr.emulator.cli.main"]


def ask_http2(connect, context, *headers):
    """Returns the status of a request with exactly these headers, or the event that ended it."""
    context.set_alpn_protocols(["h2"])
    asked = [(":method", "GET"), (":scheme", "https"), (":path", "/v2/"), *headers]
    loose = H2Configuration(validate_outbound_headers=False, normalize_outbound_headers=False)
    conversation = h2.connection.H2Connection(loose)
    conversation.initiate_connection()
    conversation.send_headers(1, asked, end_stream=True)
    with closing(connect()) as connection:
        connection.sendall(conversation.data_to_send())
        while True:
            for event in conversation.receive_data(connection.recv(65536)):
                if isinstance(event, h2.events.ResponseReceived):
                    found = dict(event.headers)
                    return found[b":status"], found.get(b"www-authenticate", b"").decode()
                if isinstance(event, (h2.events.StreamReset, h2.events.ConnectionTerminated)):
                    return type(event).__name__, ""


REALM = 'Bearer realm="https://{0}/v2/token",service="{0}"'


@pytest.mark.parametrize(
    ("headers", "answer"),
    [
        ([(":authority", "gcr.io")], (b"401", REALM.format("gcr.io"))),
        ([(":authority", "gcr.io"), ("host", "gcr.io")], (b"401", REALM.format("gcr.io"))),
        ([("host", "eu.gcr.io")], (b"401", REALM.format("eu.gcr.io"))),
        # With two names, the Host header counts, as everywhere: Granian passes on one name only.
        ([(":authority", "gcr.io"), ("host", "eu.gcr.io")], (b"401", REALM.format("eu.gcr.io"))),
        ([], (b"400", "")),
        ([(":authority", "user@gcr.io")], (b"400", "")),
        ([("host", "gcr.io"), ("host", "eu.gcr.io")], (b"400", "")),
    ],
)
def test_http2_names_one_host(connect, context, headers, answer):
    assert ask_http2(connect, context, *headers) == answer


@pytest.mark.parametrize("client", [pytest.param("curl", marks=pytest.mark.needs("curl")), "httpx"])
def test_refusal_reaches_a_client_that_is_still_sending(ready, context, tmp_path, client):
    body = b"x" * (8 << 20)
    (tmp_path / "body").write_bytes(body)
    url = f"{ready.url}/v2/my-project/app/blobs/uploads/none"

    def put():
        if client == "httpx":
            with httpx.Client(http2=True, verify=context) as session:
                return session.put(url, content=body).status_code
        command = ["curl", "-sS", "--http2", "--cacert", ready.ca, "-T", tmp_path / "body", "-o", "/dev/null"]
        done = subprocess.run(
            [*command, "-w", "%{http_code}", url], capture_output=True, timeout=LIMIT_S, check=True
        )
        return int(done.stdout)

    assert [put() for _ in range(10)] == [401] * 10


def test_many_requests_share_one_http2_connection(connect, context):
    context.set_alpn_protocols(["h2"])
    conversation = h2.connection.H2Connection()
    conversation.initiate_connection()
    streams = [1 + 2 * number for number in range(50)]
    statuses = {}
    for stream in streams:
        headers = [(":method", "GET"), (":scheme", "https"), (":path", "/v2/"), (":authority", "gcr.io")]
        conversation.send_headers(stream, headers, end_stream=True)
    with closing(connect()) as connection:
        connection.sendall(conversation.data_to_send())
        while len(statuses) < len(streams):
            for event in conversation.receive_data(connection.recv(65536)):
                if isinstance(event, h2.events.ResponseReceived):
                    statuses[event.stream_id] = dict(event.headers)[b":status"]
    assert statuses == dict.fromkeys(streams, b"401")


def test_signal_ends_it_with_http2_requests_hanging(tmp_path):
    command = [*COMMAND, "serve", "--port", "0", "--tls", "--data", str(tmp_path)]
    with running(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        document = json.loads(process.stdout.readline())
        context = ssl.create_default_context(cafile=document["ca"])
        context.set_alpn_protocols(["h2"])
        port = int(document["url"].rpartition(":")[2])
        raw = socket.create_connection(("127.0.0.1", port), timeout=LIMIT_S)
        with closing(context.wrap_socket(raw, server_hostname="localhost")) as connection:
            conversation = h2.connection.H2Connection()
            conversation.initiate_connection()
            form = ("content-type", "application/x-www-form-urlencoded")
            begun = [
                (":method", "POST"),
                (":scheme", "https"),
                (":path", "/token"),
                (":authority", "localhost"),
            ]
            conversation.send_headers(1, [*begun, form])
            conversation.send_headers(3, [(":method", "GET"), *begun[1:]], end_stream=True)
            connection.sendall(conversation.data_to_send())
            answered = []
            while not answered:
                events = conversation.receive_data(connection.recv(65536))
                answered = [event for event in events if isinstance(event, h2.events.ResponseReceived)]
            process.terminate()
            rest = process.communicate(timeout=LIMIT_S)
    assert (answered[0].stream_id, process.returncode, *rest) == (3, 0, "", "")
