"""/healthz, /readyz and /metrics, for orchestrators and Prometheus; open to everybody, as theirs are.

    GET /healthz   200 {"status": "ok"}: the process answers
    GET /readyz    200 {"status": "ok", "storage": "ok"}, 503 {"status": "stopping" | "unavailable", …}
    GET /metrics   200 in Prometheus' text format

A full disk leaves the server ready: it pulls as before, and whoever takes it out of service for that
makes "cannot push" into "cannot pull". `storage` says so, and gcr_emulator_storage_free_bytes.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from docker_credential_gcr.emulator.capacity import StorageFull, find_known
from docker_credential_gcr.emulator.hosts import find_canonical_host
from docker_credential_gcr.emulator.site_ports import find_port_site

Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]
Answer = tuple[int, str, bytes]

_JSON = "application/json"
_DATABASE_DEADLINE_S = 5.0
# With less than that a transaction may not find the room it needs.
_LITTLE_SPACE = 1024 * 1024


@dataclass(frozen=True)
class Probes:
    """What the probes ask.

    `touch_database` reads and writes, and raises where it cannot; `find_free_space` is in bytes, and raises
    where the disk is gone.
    """

    is_stopping: Callable[[], bool]
    touch_database: Callable[[], Awaitable[None]]
    find_free_space: Callable[[], int]
    describe_metrics: Callable[[], Awaitable[tuple[str, bytes]]]

    def wrap(self, app: App) -> App:
        """`app`, and the probes on hosts that serve all by path: what is Google's stays Google's."""
        table = {b"/healthz": self._live, b"/readyz": self._ready, b"/metrics": self._metrics}

        async def answer(probe: Callable[[], Awaitable[Answer]], method: str, send: Send) -> None:
            await _send(await probe(), method, send)

        # No coroutine of its own: every request would pay for it.
        def probed(scope: Message, receive: Receive, send: Send) -> Awaitable[None]:
            probe = table.get(scope["raw_path"])
            if probe is None or scope["method"] not in ("GET", "HEAD") or not _is_local(scope):
                return app(scope, receive, send)
            return answer(probe, scope["method"], send)

        return probed

    async def _live(self) -> Answer:
        return 200, _JSON, b'{"status": "ok"}'

    async def _ready(self) -> Answer:
        if self.is_stopping():
            return 503, _JSON, b'{"status": "stopping"}'
        try:
            await asyncio.wait_for(self.touch_database(), _DATABASE_DEADLINE_S)
            is_full = self.find_free_space() < _LITTLE_SPACE
        except Exception as error:  # noqa: BLE001 - whatever else it is, the answer is no
            is_full = isinstance(find_known(error), StorageFull)
            if not is_full:
                reason = {"status": "unavailable", "database": type(error).__name__}
                return 503, _JSON, json.dumps(reason).encode()
        return 200, _JSON, json.dumps({"status": "ok", "storage": "full" if is_full else "ok"}).encode()

    async def _metrics(self) -> Answer:
        content_type, page = await self.describe_metrics()
        return 200, content_type, page


def _is_local(scope: Message) -> bool:
    host = dict(scope["headers"]).get(b"host", b"").decode("latin-1")
    return find_port_site(scope) is None and find_canonical_host(host) is None


async def _send(answer: Answer, method: str, send: Send) -> None:
    status, content_type, body = answer
    headers = [
        (b"content-type", content_type.encode()),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if method == "HEAD" else body})
