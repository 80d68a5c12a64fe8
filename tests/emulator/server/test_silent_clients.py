"""Silent clients (T14): many of them do not delay others.

1,500 connections without a request, and 50 uploads of which half was sent.
"""

import json
import os
import resource
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from support.child_processes import running

SILENT = 1500
HALF_SENT = 50
REQUESTS = 200
WAIT_S = 60
REPOSITORY = "my-project/app"
PATH = f"/v2/{REPOSITORY}"
PROGRAM = Path(sys.executable).parent / "gcr-emulator"


@pytest.fixture
def descriptors():
    """Raises the limit of open files, in this process and in the server that it starts."""
    before = soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = 2 * (SILENT + HALF_SENT)
    if resource.RLIM_INFINITY != hard < needed:
        pytest.skip(f"needs {needed} descriptors, the hard limit is {hard}: ulimit -Hn {needed}")
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft if soft == hard else needed, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


@pytest.fixture
def editor(tmp_path, editor_of):
    command = [PROGRAM, "serve", "--port", "0", "--data", tmp_path / "data"]
    command += ["--limit", "header_silence_s=600", "--limit", "body_silence_s=600"]
    with running(command, stdout=subprocess.PIPE, text=True) as process:
        yield editor_of(json.loads(process.stdout.readline())["url"])


def connect(url):
    return socket.create_connection(("127.0.0.1", urlsplit(url).port), timeout=WAIT_S)


def send_half(editor, token, data):
    """Starts an upload and sends half of the bytes; returns the connection and the upload's Location."""
    location = editor.call("POST", f"{PATH}/blobs/uploads/", token=token).headers["Location"]
    connection = connect(editor.url)
    head = f"PATCH {location} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n"
    connection.sendall(f"{head}Content-Length: {len(data)}\r\n\r\n".encode() + data[: len(data) // 2])
    return connection


@pytest.mark.usefixtures("descriptors")
def test_t14_1500_silent_connections_and_50_half_sent_uploads_delay_no_client(editor):
    token = editor.token(f"repository:{REPOSITORY}:pull,push")
    digest = editor.push_image(REPOSITORY, "latest", b"layer")
    data = os.urandom(600_000)
    with ExitStack() as stack:
        silent = [stack.enter_context(connect(editor.url)) for _ in range(SILENT)]
        half_sent = [stack.enter_context(send_half(editor, token, data)) for _ in range(HALF_SENT)]

        def work(number):
            pushed = editor.push_blob(REPOSITORY, b"blob %d" % number)
            answer = editor.call("GET", f"{PATH}/manifests/latest", token=token)
            return pushed["size"], answer.headers["Docker-Content-Digest"]

        with ThreadPoolExecutor(4) as pool:
            done = list(pool.map(work, range(REQUESTS // 4)))

        assert done == [(len(b"blob %d" % number), digest) for number in range(REQUESTS // 4)]
        # Meanwhile no silent client was disconnected, and none of their uploads was answered.
        for connection in (*silent, *half_sent):
            connection.setblocking(False)
            with pytest.raises(BlockingIOError):
                connection.recv(1)
        # Each silent client is still served as soon as it sends a request.
        for connection in half_sent:
            connection.setblocking(True)
            connection.sendall(data[len(data) // 2 :])
            assert connection.recv(4096).startswith(b"HTTP/1.1 202 ")
        for connection in silent:
            connection.setblocking(True)
            connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert connection.recv(4096).startswith(b"HTTP/1.1 200 ")
