"""Workers start and end with their server, are replaced, and never outlive it."""

import os
import signal
import socket

import pytest
import requests
from support.child_processes import await_end

UNFINISHED = (
    b"POST /token HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-www-form-urlencoded\r\n"
    b"Content-Length: 9\r\nExpect: 100-continue\r\n\r\n"
)


@pytest.fixture
def hanging(workers):
    """Yields incomplete requests, one to every worker."""
    port = int(workers.ready["url"].rpartition(":")[2])
    connections = []
    for pid in (workers.first, *workers.others):
        with workers.only(pid):
            connections.append(socket.create_connection(("127.0.0.1", port), timeout=60))
            connections[-1].sendall(UNFINISHED)
            # The application has begun to read.
            assert connections[-1].recv(100).startswith(b"HTTP/1.1 100")
    yield
    for connection in connections:
        connection.close()


@pytest.mark.usefixtures("hanging")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signal_ends_all_with_requests_hanging(workers, number):
    others = workers.others
    assert workers.stop(number) == (("", ""), 0)
    await_end(*others)


def test_ctrl_c_reaches_all_and_ends_them_in_silence(workers):
    others = workers.others
    for pid in others:
        os.kill(pid, signal.SIGINT)
    assert workers.stop(signal.SIGINT) == (("", ""), 0)
    await_end(*others)


def test_number_of_processes_is_as_said(start):
    assert len(start("--project", "my-project", count=3).others) == 2


@pytest.mark.usefixtures("hanging")
def test_no_worker_outlives_the_first_when_it_is_killed(workers):
    others = workers.others
    workers.stop(signal.SIGKILL)
    await_end(*others)


def test_worker_that_was_stopped_does_not_outlive_the_first(workers):
    (other,) = workers.others
    os.kill(other, signal.SIGSTOP)
    workers.stop(signal.SIGKILL)
    await_end(other)


def test_worker_that_does_not_listen_is_ended(workers):
    (other,) = workers.others
    os.kill(other, signal.SIGSTOP)
    assert workers.stop() == (("", ""), 0)
    await_end(other)


def test_worker_that_died_is_replaced(workers, emulator):
    (other,) = workers.others
    assert replace(workers, other) == [
        "gcr-emulator: worker 2 ended with -9: starting another\n",
        "gcr-emulator: worker 2 serves again\n",
    ]
    (another,) = workers.others
    with workers.only(another):
        assert requests.get(f"{emulator.url}/_emulator/health", timeout=30).status_code == 200
    assert another != other
    assert workers.stop() == (("", ""), 0)


def test_replacement_knows_the_clock_and_the_faults(workers, emulator):
    emulator.clock.set(1_800_000_000)
    emulator.faults.set({"path": "/v2/", "status": 418})
    replace(workers, *workers.others)
    with workers.only(*workers.others):
        assert requests.get(f"{emulator.url}/v2/", timeout=30).status_code == 418
        assert [entry["time"] for entry in emulator.journal()] == [1_800_000_000] * 2


def test_next_server_of_the_data_directory_knows_neither(workers, emulator, start):
    emulator.clock.set(1_800_000_000)
    emulator.faults.set({"path": "/v2/", "status": 418})
    emulator.metadata.set(project="my-project")
    workers.stop(signal.SIGKILL)
    url = start("--journal").ready["url"]
    assert requests.get(f"{url}/v2/", timeout=30).status_code == 401
    assert requests.get(f"{url}/_emulator/metadata", timeout=30).status_code == 404
    asked = requests.get(f"{url}/_emulator/journal", timeout=30).json()["requests"]
    assert [entry["path"] for entry in asked] == ["/v2/", "/_emulator/metadata"]
    assert [entry["time"] for entry in asked if entry["time"] >= 1_800_000_000] == []


def test_server_that_ends_leaves_neither_files_nor_processes_behind(workers, tmp_path):
    assert (tmp_path / "data" / "run").is_dir()
    others = workers.others
    assert workers.stop() == (("", ""), 0)
    assert not (tmp_path / "data" / "run").exists()
    await_end(*others)


def test_data_directory_is_free_once_the_first_was_killed(workers, start):
    workers.stop(signal.SIGKILL)
    assert start().stop() == (("", ""), 0)


def replace(workers, pid):
    """Kills a worker; returns the server's output until a new one serves."""
    os.kill(pid, signal.SIGKILL)
    return [workers.process.stderr.readline() for _ in range(2)]
