"""Health endpoints /healthz, /readyz and /metrics, for orchestrators and Prometheus; without a credential.

    GET /healthz   200 {"status": "ok"}: the process answers
    GET /readyz    200 {"status": "ok", "storage": "ok"}, 503 {"status": "stopping" | "unavailable", …}
    GET /metrics   200 in Prometheus' text format

With a full disk the server is still ready, because it can serve pulls; taking it out of service would stop
them too. `storage` and the metric gcr_emulator_storage_free_bytes report it. An object store that does not
answer makes no server unready either: all would be taken out of service at once, while small blobs and
manifests can still be pulled.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from docker_credential_gcr.emulator.runtime.asgi import Message, Receive, Send
from docker_credential_gcr.emulator.runtime.errors import StorageFull

# Status, media type, body.
ProbeResponse = tuple[int, str, bytes]

_JSON = "application/json"
_DATABASE_DEADLINE_S = 5.0
# A transaction may need that much.
_MIN_FREE_SIZE = 1024 * 1024


@dataclass(frozen=True)
class Probes:
    """ASGI application of the probes.

    `touch_database` reads and writes; it raises StorageFull if the disk is full, and any other error if the
    database cannot be used. `find_free_space` is in bytes, without a limit for an object store, and raises
    where the disk is gone.
    """

    is_stopping: Callable[[], bool]
    touch_database: Callable[[], Awaitable[None]]
    find_free_space: Callable[[], float]
    describe_metrics: Callable[[], Awaitable[tuple[str, bytes]]]

    async def __call__(self, scope: Message, _receive: Receive, send: Send) -> None:
        """Answers a request to one of PATHS."""
        status, content_type, body = await PATHS[scope["raw_path"]](self)
        headers = [
            (b"content-type", content_type.encode()),
            (b"content-length", str(len(body)).encode()),
            (b"cache-control", b"no-store"),
        ]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})

    async def live(self) -> ProbeResponse:
        """Answers that the process runs."""
        return 200, _JSON, b'{"status": "ok"}'

    async def ready(self) -> ProbeResponse:
        """Answers whether the database works, and whether the disk has space."""
        if self.is_stopping():
            return 503, _JSON, b'{"status": "stopping"}'
        try:
            await asyncio.wait_for(self.touch_database(), _DATABASE_DEADLINE_S)
            is_full = self.find_free_space() < _MIN_FREE_SIZE
        except StorageFull:
            is_full = True
        except Exception as error:  # noqa: BLE001 - any error means unavailable
            reason = {"status": "unavailable", "database": type(error).__name__}
            return 503, _JSON, json.dumps(reason).encode()
        return 200, _JSON, json.dumps({"status": "ok", "storage": "full" if is_full else "ok"}).encode()

    async def metrics(self) -> ProbeResponse:
        """Answers with the metrics."""
        content_type, page = await self.describe_metrics()
        return 200, content_type, page


PATHS: dict[bytes, Callable[[Probes], Awaitable[ProbeResponse]]] = {
    b"/healthz": Probes.live,
    b"/readyz": Probes.ready,
    b"/metrics": Probes.metrics,
}
