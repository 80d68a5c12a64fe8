"""Memory limits: everything that a client can make the server store is limited in bytes."""

import asyncio
import gc
import tracemalloc
from contextlib import closing, contextmanager

import pytest

from docker_credential_gcr.emulator.app import Emulator
from docker_credential_gcr.emulator.control.journal import DatabaseJournal, ProcessJournal
from docker_credential_gcr.emulator.data_directory import DataDirectory
from docker_credential_gcr.emulator.database.control_documents import clear
from docker_credential_gcr.emulator.database.engine.sqlite import SqliteDatabase
from docker_credential_gcr.emulator.runtime.clock import Clock
from docker_credential_gcr.emulator.settings import Settings
from docker_credential_gcr.emulator.sites.hosts import HOST_SIZE

MIB = 1024 * 1024
# Each request has this many bytes; all of them have many times the budget.
SIZE = 60_000
REQUESTS = 150
BUDGET = 2 * MIB
NO_HOST = "a request needs one Host header that names a host"


class Measured:
    """The growth of Python's memory, in bytes."""

    growth = 0


@contextmanager
def measured():
    """Measures the memory that is still allocated after a block."""
    result = Measured()
    gc.collect()
    tracemalloc.start()
    try:
        yield result
        gc.collect()
        result.growth = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()


@pytest.fixture
def app(tmp_path):
    """Yields the emulator's application, without a socket."""
    with (
        closing(DataDirectory(tmp_path / "data")) as directory,
        closing(Emulator(Settings(), directory, is_stopping=lambda: False)) as emulator,
    ):
        emulator.prepare()
        emulator.load()  # otherwise the modules of the first request would be measured
        yield emulator.app


def part(name, **request):
    return pytest.param(request, id=f"B-Z04-{name}")


@pytest.mark.parametrize(
    "request_with",
    [
        part("host", host="{}"),
        part("method", method="{}"),
        part("path", path="/{}"),
        part("query", path="/v2/?{}"),
        part("repository", path="/v2/{}/manifests/latest"),
        part("reference", path="/v2/my-project/app/manifests/{}"),
        part("scope", path="/v2/token?scope={}"),
        part("authorization", headers={"authorization": "Bearer {}"}),
        part("basic", headers={"authorization": "Basic {}"}),
        part("accept", headers={"accept": "{}"}),
        part("user-agent", headers={"user-agent": "{}"}),
        part("x-request-id", headers={"x-request-id": "{}"}),
        part("form", method="POST", path="/token", body="assertion={}"),
    ],
)
def test_z04_no_part_of_a_request_outlives_it_beyond_a_budget(app, call_app, request_with):
    def ask(number):
        text = f"{number}".ljust(SIZE, "a")
        made = {"method": "GET", "path": "/v2/", **request_with}
        made = {
            name: {key: line.format(text) for key, line in value.items()}
            if isinstance(value, dict)
            else value.format(text)
            for name, value in made.items()
        }
        return call_app(app, **{**made, "body": made.get("body", "").encode()})

    ask(0)
    with measured() as memory:
        for number in range(REQUESTS):
            ask(number)

    assert REQUESTS * SIZE > 4 * BUDGET
    assert memory.growth < BUDGET


@pytest.mark.parametrize(
    ("method", "host", "status", "message"),
    [
        pytest.param("GET", "a" * (HOST_SIZE + 1), 400, NO_HOST, id="B-Z04-host"),
        pytest.param("M" * 33, "localhost", 501, "no method has more than 32 letters", id="B-Z04-method"),
    ],
)
def test_z04_method_or_host_that_is_too_long_is_refused_and_not_written_down(
    app, call_app, method, host, status, message
):
    assert call_app(app, "GET", "/v2/", host="a" * 253 + ":65535").status == 401
    answer = call_app(app, method, "/v2/", host=host)
    assert (answer.status, answer.body) == (status, {"error": {"code": status, "message": message}})
    asked = call_app(app, "GET", "/_emulator/journal").body["requests"]
    assert [(entry["method"], len(entry["host"])) for entry in asked] == [("GET", 259), ("GET", 14)]


@pytest.fixture(params=["one process", "the database"])
def journal(request, tmp_path):
    """Yields a journal of 100,000 bytes, and a function that clears it."""
    if request.param == "one process":
        own = ProcessJournal(Clock(), 100_000)
        yield own, own.clear
        return
    with closing(SqliteDatabase(tmp_path / "emulator.db")) as database:
        yield DatabaseJournal(Clock(), database, 100_000), lambda: database.write_now(clear)


def test_z04_the_journal_ends_at_a_number_of_bytes(journal):
    kept, forget = journal

    async def answer(_scope, _receive, send):
        await send({"type": "http.response.start", "status": 200})

    async def ignore(_message):
        pass

    async def ask():
        for number in range(100):
            path, query = f"/{number:02}".encode().ljust(9000, b"p"), b"n=" + b"1" * 9000
            scope = {"method": "GET", "headers": [(b"host", b"h")], "raw_path": path, "query_string": query}
            await kept.wrap(answer)(scope, None, ignore)
        # An entry keeps 4,096 bytes each of path and query, and four more.
        return [entry["path"][:3] for entry in await kept.list_entries()]

    async def main():
        first = await ask()
        forget()
        return first, await ask()

    assert asyncio.run(main()) == ([f"/{number}" for number in range(88, 100)],) * 2
