"""SIGTERM with --drain: the server is no longer ready, and serves until the time has passed."""

import asyncio
import os
import signal

import pytest
import requests

from docker_credential_gcr.emulator.server.shutdown import Shutdown

STOPPING = (503, {"status": "stopping"})


def probe(server, path="/readyz"):
    answer = requests.get(f"{server.ready['url']}{path}", timeout=30)
    return answer.status_code, answer.json()


def await_draining(server):
    while probe(server) != STOPPING:
        assert probe(server, "/healthz") == (200, {"status": "ok"})


@pytest.fixture
def start(make_server, tmp_path):
    def make(*arguments):
        server = make_server(tmp_path / "data", *arguments)
        server.start()
        return server

    return make


def test_s2_server_that_drains_is_not_ready_and_serves_new_connections(start, editor_of):
    server = start("--drain", "1h")
    with requests.Session() as kept:
        before = kept.get(f"{server.ready['url']}/v2/", timeout=30)
        server.terminate()
        await_draining(server)
        after = kept.get(f"{server.ready['url']}/v2/", timeout=30)
    editor = editor_of(server.ready["url"])
    digest = editor.push_image("my-project/app", "v1", b"layer")

    token = editor.token("repository:my-project/app:pull")
    pulled = editor.call("GET", "/v2/my-project/app/manifests/v1", token=token)
    assert (pulled.status_code, pulled.headers["Docker-Content-Digest"]) == (200, digest)
    assert probe(server, "/healthz") == (200, {"status": "ok"})
    assert [each.headers.get("Connection") for each in (before, after)] == [None, "close"]
    assert [each.status_code for each in (before, after)] == [401, 401]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_s2_second_signal_ends_a_server_that_drains(start, number):
    server = start("--drain", "1h")
    server.terminate()
    await_draining(server)

    os.kill(server.ready["pid"], number)

    assert server.await_end() == (0, "")


def test_s2_server_ends_by_itself_when_it_has_drained(start):
    server = start("--drain", "0.1s")
    server.terminate()
    assert server.await_end() == (0, "")


def test_sigint_ends_a_server_without_draining(start):
    server = start("--drain", "1h")
    os.kill(server.ready["pid"], signal.SIGINT)
    assert server.await_end() == (0, "")


def test_s2_every_worker_says_that_the_server_drains(start):
    server = start("--drain", "1h", "--workers", "3")
    server.terminate()

    # The kernel chooses a worker for each connection; a worker that is not told answers one in three.
    await_draining(server)
    while [probe(server) for _ in range(30)] != [STOPPING] * 30:
        pass

    os.kill(server.ready["pid"], signal.SIGINT)
    assert server.await_end() == (0, "")


def test_without_a_drain_both_events_come_together():
    async def begin():
        shutdown = Shutdown(0)
        shutdown.begin()
        return shutdown.draining.is_set(), shutdown.stop.is_set()

    assert asyncio.run(begin()) == (True, True)


def test_upload_goes_on_while_the_server_drains(start, editor_of):
    server = start("--drain", "1h")
    editor = editor_of(server.ready["url"])
    token = editor.token("repository:my-project/app:pull,push")
    location = editor.call("POST", "/v2/my-project/app/blobs/uploads/", token=token).headers["Location"]
    server.terminate()
    await_draining(server)

    patched = editor.call("PATCH", location, token=token, data=b"x" * 100_000)

    assert (patched.status_code, patched.headers["Range"]) == (202, "0-99999")
