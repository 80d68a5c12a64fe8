"""A database that goes while an upload is received: the request is answered after one wait, not two."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from docker_credential_gcr.emulator.database.images.uploads import Upload
from docker_credential_gcr.emulator.registry.uploads.sessions import Session, append, finish
from docker_credential_gcr.emulator.runtime.clock import Clock
from docker_credential_gcr.emulator.runtime.errors import DatabaseUnavailable
from docker_credential_gcr.emulator.settings import Limits
from docker_credential_gcr.emulator.sites.hosts import locate
from docker_credential_gcr.emulator.storage.filesystem import FileStore

BODY = b"a" * 100_000
DIGEST = f"sha256:{hashlib.sha256(BODY).hexdigest()}"


class LostDatabase:
    """A database that answers the first call, and no other."""

    is_remote = True

    def __init__(self) -> None:
        self.calls: list[str] = []

    async def add(self, _work: Any, *, durable: bool = True) -> None:
        self._call(f"add {durable}")

    async def write(self, _work: Any, *, durable: bool = True) -> None:
        self._call(f"write {durable}")

    def _call(self, name: str) -> None:
        self.calls.append(name)
        if len(self.calls) > 1:
            raise DatabaseUnavailable


async def send() -> AsyncIterator[bytes]:
    yield BODY


Call = Callable[[Any, Session], Awaitable[object]]
REQUESTS: dict[str, tuple[Call, str]] = {
    "PATCH": (lambda services, session: append(services, session, send()), "add False"),
    "PUT": (lambda services, session: finish(services, session, send(), DIGEST), "add True"),
}


@pytest.mark.parametrize("method", REQUESTS)
def test_a_lost_database_is_not_asked_again_to_discard_the_bytes(tmp_path: Path, method: str) -> None:
    call, last = REQUESTS[method]
    database = LostDatabase()
    services = SimpleNamespace(
        database=database, store=FileStore(tmp_path), clock=Clock(), limits=Limits(), hashers={}
    )
    session = Session(locate("gcr.io", "p/app"), Upload("a" * 32, "user:ada@example.com", 1, 0, None, b""))
    with pytest.raises(DatabaseUnavailable):
        asyncio.run(call(services, session))  # type: ignore[arg-type]
    assert database.calls == ["add True", last]
