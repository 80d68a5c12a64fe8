"""Health and readiness: when a server is ready, and which requests the probes pass on."""

import asyncio
import errno
import json
import math

import pytest

from docker_credential_gcr.emulator.middleware.host_router import check_request_head
from docker_credential_gcr.emulator.runtime.errors import StorageFull
from docker_credential_gcr.emulator.telemetry.health import PATHS, Probes

MIB = 1024 * 1024


class DatabaseGone(Exception):
    """The error of a database that cannot be read."""


async def touch() -> None:
    """Succeeds: the database is healthy."""


async def find_no_space() -> None:
    raise StorageFull


def find_no_disk() -> int:
    raise OSError(errno.EIO, "secret/path")


async def fail() -> None:
    raise DatabaseGone("secret/path")


def ask(
    path,
    *,
    method="GET",
    host=b"localhost",
    is_stopping=False,
    touch_database=touch,
    free=MIB,
    find_free=None,
):
    """Returns status and body of the probes' response; (0, "") if they pass the request on."""
    sent = []

    async def app(_scope, _receive, _send):
        sent.append({"status": 0})
        sent.append({"body": b'""'})

    async def describe():
        return "text/plain", b'"metrics"'

    async def send(message):
        sent.append(message)

    probes = Probes(
        is_stopping=lambda: is_stopping,
        touch_database=touch_database,
        find_free_space=find_free or (lambda: free),
        describe_metrics=describe,
    )
    scope = {"raw_path": path, "method": method, "headers": [(b"host", host)]}
    asyncio.run(check_request_head(app, probes=dict.fromkeys(PATHS, probes))(scope, None, send))
    start, body = sent
    return start["status"], json.loads(body["body"] or b"null")


@pytest.mark.parametrize(
    ("state", "answer"),
    [
        ({}, (200, {"status": "ok", "storage": "ok"})),
        ({"free": math.inf}, (200, {"status": "ok", "storage": "ok"})),
        ({"free": MIB - 1}, (200, {"status": "ok", "storage": "full"})),
        ({"touch_database": find_no_space}, (200, {"status": "ok", "storage": "full"})),
        ({"find_free": find_no_disk}, (503, {"status": "unavailable", "database": "OSError"})),
        ({"is_stopping": True}, (503, {"status": "stopping"})),
        ({"touch_database": fail}, (503, {"status": "unavailable", "database": "DatabaseGone"})),
    ],
    ids=[
        "well",
        "S1-object store",
        "full disk",
        "B-Z26-full database",
        "B-Z26-no disk",
        "stopping",
        "no database",
    ],
)
def test_server_is_ready_as_long_as_it_can_serve(state, answer):
    assert ask(b"/readyz", **state) == answer
    assert ask(b"/healthz", **state) == (200, {"status": "ok"})
    assert ask(b"/metrics", **state) == (200, "metrics")


@pytest.mark.parametrize(
    "request_",
    [
        {"path": b"/readyz", "method": "POST"},
        {"path": b"/readyz/"},
        {"path": b"/v2/"},
        {"path": b"/readyz", "host": b"gcr.io"},
        {"path": b"/metrics", "host": b"iam.googleapis.com"},
    ],
    ids=str,
)
def test_all_but_the_probes_is_passed_to_the_application(request_):
    assert ask(**request_) == (0, "")


def test_head_has_no_body():
    assert ask(b"/healthz", method="HEAD") == (200, None)
