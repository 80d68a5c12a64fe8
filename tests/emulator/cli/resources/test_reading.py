"""Files and responses that commands read: their kind, size and time are limited, with a one-line error."""

import socket
import threading
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from support.files_read import as_device, as_fifo, as_sparse
from support.servers.one_answer import OneConnection

from docker_credential_gcr.emulator.client import direct_request, response
from docker_credential_gcr.emulator.client.rest import EmulatorError, Server
from docker_credential_gcr.emulator.runtime.files import read_file

Run = Callable[..., tuple[int, str, str]]
NOWHERE = ("--server", "https://127.0.0.1:1")  # where nothing listens


KINDS = {
    "FIFO": (as_fifo, "not a regular file"),
    "device": (as_device, "not a regular file"),
    "300 MB": (as_sparse, "larger than 1 MiB"),
    "directory": (Path.mkdir, "Is a directory"),
}


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: f"K-Z71-{kind}")
def test_z71_a_file_is_read_only_where_it_is_one(tmp_path: Path, kind: str) -> None:
    make, reason = KINDS[kind]
    make(tmp_path / "file")
    tracemalloc.start()

    with pytest.raises(OSError, match=f"^\\[Errno [0-9]+\\] {reason}: "):
        read_file(tmp_path / "file")

    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8 * 1024 * 1024


LIST = ("project", "list", *NOWHERE)
# The command, in which FILE stands for the path; the variable with the path; the message about the file.
READERS: dict[str, tuple[tuple[str, ...], str, str]] = {
    "--token-file": ((*LIST, "--token-file", "FILE"), "", "FILE cannot be read as a token"),
    "--ca": ((*LIST, "--ca", "FILE"), "", "FILE: REASON: name the server's authority with --ca"),
    "ready file": (LIST, "GCR_EMULATOR_READY_FILE", "FILE: REASON: name the server's authority with --ca"),
    "--secret-file": (
        ("webhook", "create", "http://x/", *NOWHERE, "--secret-file", "FILE"),
        "",
        "FILE: REASON",
    ),
    "trust": (("trust", *NOWHERE, "--ca", "FILE"), "", "FILE cannot be read: REASON"),
    "certificate": (
        ("serve", "--port", "0", "--data", "DATA", "--tls-cert", "FILE", "--tls-key", "FILE"),
        "",
        "FILE: REASON",
    ),
}


@pytest.mark.parametrize("kind", ["FIFO", "device", "300 MB"])
@pytest.mark.parametrize("name", READERS, ids=lambda name: f"K-Z71-{name}")
def test_z71_each_file_that_a_command_names_is_refused_with_its_path(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str, kind: str
) -> None:
    command, variable, fault = READERS[name]
    make, reason = KINDS[kind]
    path = tmp_path / "file"
    make(path)
    if variable:
        monkeypatch.setenv(variable, str(path))

    places = {"FILE": str(path), "DATA": str(tmp_path / "data")}
    code, out, err = run(*(places.get(word, word) for word in command))

    expected = f"gcr-emulator: {fault.replace('FILE', str(path)).replace('REASON', reason)}\n"
    assert (code, out, err) == (1, "", expected)


@pytest.mark.parametrize("kind", ["FIFO", "device"])
def test_z71_a_copy_of_the_database_is_a_regular_file(run: Run, tmp_path: Path, kind: str) -> None:
    path = tmp_path / "file"
    KINDS[kind][0](path)

    told = f"gcr-emulator: {path} is not a regular file: name a copy of the database with --from\n"
    assert run("rebuild", "--data", tmp_path, "--from", path) == (1, "", told)


READY = {"types": '{"ca": 1}', "a list": "[]", "100,000 deep": "[" * 100_000, "not UTF-8": "\udcff"}


@pytest.mark.parametrize("name", READY, ids=lambda name: f"K-Z71-{name}")
def test_z71_a_ready_file_of_another_form_is_one_line(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str
) -> None:
    path = tmp_path / "ready"
    path.write_bytes(READY[name].encode("utf-8", "surrogateescape"))
    monkeypatch.setenv("GCR_EMULATOR_READY_FILE", str(path))

    told = f"gcr-emulator: {path} is not the ready file of a server: name the server's authority with --ca\n"
    assert run(*LIST) == (1, "", told)


class Impostor(OneConnection):
    """A server that answers one request with the head, and then the same part without end."""

    def __init__(self, head: str, part: bytes) -> None:
        self.is_left = threading.Event()
        self._data = head.encode(), part
        super().__init__()

    def talk(self, connection: socket.socket) -> None:
        head, part = self._data
        try:
            connection.recv(65536)
            connection.sendall(head)
            while True:
                connection.sendall(part)
        finally:
            self.is_left.set()


@pytest.fixture
def endless() -> Iterator[Impostor]:
    """Starts a server whose response has no end."""
    impostor = Impostor("HTTP/1.1 200 OK\r\n\r\n", b" " * 65536)
    yield impostor
    impostor.close()


def test_z71_an_answer_without_end_is_left(run: Run, endless: Impostor) -> None:
    told = f"gcr-emulator: {endless.url} sends more than 64 MiB: check what listens there\n"

    assert run("project", "list", "--server", endless.url) == (1, "", told)
    assert endless.is_left.wait(60)


ALONE: dict[str, Any] = {
    "headers": {},
    "body": None,
    "ca": None,
    "connect_timeout_s": 60,
    "read_timeout_s": 60,
}


def test_z71_an_answer_that_does_not_end_in_time_is_left() -> None:
    with socket.create_server(("127.0.0.1", 0)) as hole:
        url = f"http://127.0.0.1:{hole.getsockname()[1]}"

        with pytest.raises(EmulatorError, match=f"^{url} did not answer in 0 s: check what listens there$"):
            response.fetch(lambda: direct_request.request("GET", url, "/", **ALONE), url, 0.2)


def test_z71_what_is_compressed_is_not_an_emulators(run: Run) -> None:
    head = "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 20\r\n\r\n"
    impostor = Impostor(head, b"\x1f\x8b" + b"\0" * 18)

    told = f"gcr-emulator: what answers at {impostor.url} is not a gcr-emulator\n"
    assert run("project", "list", "--server", impostor.url) == (1, "", told)
    impostor.close()


def test_an_answer_is_given_whole_with_its_status_and_headers(gcr_emulator: object) -> None:
    server = Server(gcr_emulator.url, None)  # type: ignore[attr-defined]

    found = server.request("GET", "/v2/token?scope=x", headers={})
    direct = requests.get(f"{server.url}/v2/token", params={"scope": "x"}, timeout=60)

    assert (found.status, found.headers.get("content-type", "")) == (400, direct.headers["Content-Type"])
    assert found.parse().keys() == direct.json().keys()
