"""Server-sent events of GET /_emulator/events: silence, and clients that do not read; row N16 by number."""

import asyncio
import re
import socket
from contextlib import closing
from urllib.parse import urlsplit

import pytest
import requests
from starlette.requests import Request
from support.backing_services import open_database, serve

from docker_credential_gcr.emulator.control.events import EventReader, get_events
from docker_credential_gcr.emulator.database.engine.sqlite import SqliteDatabase
from docker_credential_gcr.emulator.database.events import outbox
from docker_credential_gcr.emulator.database.events.outbox import Event
from docker_credential_gcr.emulator.settings import Limits, Settings

WAIT_S = 60
# Together more than the kernel buffers for a client that does not read.
COUNT, TAG = 5000, "t" * 128
REPOSITORY = "gcr.io/my-project/" + "a" * 230


def test_n16_a_silent_stream_has_a_comment_every_15_seconds(tmp_path):
    clock = iter([0.0, 14.9, 15.0, 15.0, 29.9, 30.0, 30.0, 30.1])
    scope = {"type": "http", "headers": [(b"accept", b"text/event-stream")], "query_string": b""}

    async def read(database):
        async def admit():
            await database.write(outbox.admit, durable=False)

        reader = EventReader(database, admit, lambda: False, monotonic=lambda: next(clock))
        answer = await get_events(reader, Request(scope))
        lines = [await anext(answer.body_iterator) for _ in range(3)]
        return lines, list(clock)

    with open_database(tmp_path / "emulator.db") as database:
        lines, left = asyncio.run(read(database))
    assert (lines, left) == ([": events\n\n", ": silence\n\n", ": silence\n\n"], [30.1])


def add_events(data):
    """Writes the events next to the server, as another worker does."""
    event = Event(1000, "INSERT", "my-project", "containerregistry.googleapis.com", REPOSITORY, tag=TAG)

    def work(connection):
        for _ in range(COUNT):
            outbox.add(connection, event)

    with closing(SqliteDatabase(data / "emulator.db")) as database:
        database.write_now(work)


def count_requests(url):
    """Returns how many requests the server is answering, without this one."""
    page = requests.get(f"{url}/metrics", timeout=WAIT_S).text
    (count,) = re.findall(r"^gcr_emulator_requests_in_flight (\d+)", page, re.MULTILINE)
    return int(count) - 1


def read_to_the_end(connection):
    """Returns how many bytes arrive before the server ends the connection."""
    size = 0
    while True:
        try:
            block = connection.recv(1 << 20)
        except ConnectionResetError:
            return size
        if not block:
            return size
        size += len(block)


@pytest.mark.sqlite("a file, into which the test writes events")
def test_n16_a_client_that_does_not_read_is_disconnected(tmp_path):
    data = tmp_path / "data"
    settings = Settings(port=0, data=data, limits=Limits(answer_silence_s=0.3))
    with serve(settings) as ready, closing(socket.socket()) as connection:
        add_events(data)
        connection.settimeout(WAIT_S)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.connect(("127.0.0.1", urlsplit(ready.url).port))
        connection.sendall(
            b"GET /_emulator/events?after=0&limit=1000 HTTP/1.1\r\nHost: localhost\r\n"
            b"Accept: text/event-stream\r\n\r\n"
        )
        assert connection.recv(12) == b"HTTP/1.1 200"
        while count_requests(ready.url):
            pass
        assert read_to_the_end(connection) < COUNT * len(REPOSITORY)
