"""Waiting for a change: one that comes while the content is being read is not missed."""

import asyncio
from types import SimpleNamespace
from typing import Any

from docker_credential_gcr.emulator.gce_instance import CurrentInstance, build_instance
from docker_credential_gcr.emulator.google.metadata.server import MetadataServer

LIMIT_S = 30


class Database:
    """Reads nothing; the instance is gone when the read of that number ends."""

    def __init__(self, current: CurrentInstance, *, last: int) -> None:
        self._current, self._left = current, last

    async def read(self, _work: object) -> None:
        self._left -= 1
        if self._left == 0:
            self._current.instance = None


async def _ask(last: int) -> bool:
    """Returns whether a request that waits heard that the server is gone."""
    current = CurrentInstance(build_instance("ci@my-project.iam.gserviceaccount.com", ()))
    is_gone, is_asked = asyncio.Event(), asyncio.Event()

    async def fall_back(*_: object) -> None:
        is_gone.set()

    async def refresh() -> None:
        """Another worker has set nothing."""

    async def receive() -> dict[str, Any]:
        if is_asked.is_set():
            await asyncio.Event().wait()
        is_asked.set()
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(_message: object) -> None:
        """Nothing reads the answer."""

    services: Any = SimpleNamespace(database=Database(current, last=last))
    server = MetadataServer(services, current, fall_back, refresh=refresh, takes_any_host=True)
    path = "/computeMetadata/v1/instance/attributes/"
    scope = {
        "type": "http",
        "method": "GET",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"recursive=true&wait_for_change=true",
        "headers": [(b"host", b"metadata.google.internal"), (b"metadata-flavor", b"Google")],
    }
    await asyncio.wait_for(server(scope, receive, send), LIMIT_S)
    return is_gone.is_set()


def test_a_change_within_any_of_the_reads_is_heard() -> None:
    # The resource is looked for, rendered, rendered for its ETag, and compared with that.
    assert [asyncio.run(_ask(number)) for number in (1, 2, 3, 4)] == [True] * 4
