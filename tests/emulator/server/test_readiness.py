"""/readyz with PostgreSQL: 503 while it does not answer or is read-only, and 200 again without a restart."""

import asyncio
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
import pytest
import requests
from support.servers.emulators import ServerProgram
from support.servers.postgresql import NEEDS, Cluster, running_cluster, stopped_sessions

from docker_credential_gcr.emulator.database import probes
from docker_credential_gcr.emulator.database.engine.postgresql.opening import open_database
from docker_credential_gcr.emulator.database.engine.postgresql.sessions import LOCKS, WRITES

pytestmark = NEEDS
READY = (200, {"status": "ok", "storage": "ok"})
UNAVAILABLE = (503, {"status": "unavailable", "database": "DatabaseUnavailable"})


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    with running_cluster() as cluster:
        yield cluster


@pytest.fixture
def database(cluster: Cluster) -> str:
    return cluster.create_database()


@pytest.fixture
def server(database: str, tmp_path: Path) -> Iterator[ServerProgram]:
    program = ServerProgram(tmp_path / "data", "--database", database)
    program.start()
    yield program
    program.kill()


def ask(server: ServerProgram, path: str) -> tuple[int, Any]:
    answer = requests.get(f"{server.ready['url']}{path}", timeout=60)
    return answer.status_code, answer.json()


def test_s1_server_is_not_ready_while_the_database_is_down_and_lives(
    server: ServerProgram, cluster: Cluster
) -> None:
    assert ask(server, "/readyz") == READY
    cluster.stop()

    assert ask(server, "/readyz") == UNAVAILABLE
    assert ask(server, "/healthz") == (200, {"status": "ok"})

    cluster.start()
    assert ask(server, "/readyz") == READY


def test_s1_server_is_not_ready_while_the_database_is_read_only(
    server: ServerProgram, cluster: Cluster
) -> None:
    def set_read_only(value: str) -> None:
        with psycopg.connect(cluster.url(), autocommit=True) as connection:
            connection.execute("SET default_transaction_read_only = off")
            connection.execute(f"ALTER SYSTEM SET default_transaction_read_only = {value}")  # type: ignore[call-overload]
            connection.execute("SELECT pg_reload_conf()")

    set_read_only("on")
    while ask(server, "/readyz") != UNAVAILABLE:
        assert ask(server, "/healthz") == (200, {"status": "ok"})
    set_read_only("off")
    while ask(server, "/readyz") != READY:
        assert ask(server, "/healthz") == (200, {"status": "ok"})


def test_s1_server_is_ready_while_another_one_holds_the_lock_of_writes(
    server: ServerProgram, database: str
) -> None:
    with psycopg.connect(database) as other:
        other.execute(f"SELECT pg_advisory_xact_lock({LOCKS}, {WRITES})")  # type: ignore[call-overload]
        assert ask(server, "/readyz") == READY


def test_server_is_not_ready_while_the_database_hangs(server: ServerProgram, database: str) -> None:
    with stopped_sessions(database):
        # Refused as other requests are, before the time of the probe is up.
        assert ask(server, "/readyz") == UNAVAILABLE
        assert ask(server, "/healthz") == (200, {"status": "ok"})
    assert ask(server, "/readyz") == READY


def test_probe_lets_no_cache_expire(database: str) -> None:
    with closing(open_database(database)) as opened:

        async def probe() -> tuple[int, int]:
            await opened.refresh()
            before = opened.version()
            await probes.touch(opened)
            await opened.refresh()
            return before, opened.version()

        before, after = asyncio.run(probe())
    assert before == after
