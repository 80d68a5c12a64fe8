"""Sender that is loaded when there is something to deliver: a ready server needs no module of it before."""

import asyncio
from collections.abc import Callable

from sqlalchemy import Connection

from docker_credential_gcr.emulator.database.engine.database import Database

from .dispatcher import Sender
from .lease import Lease


class LazySender:
    """Sender that `build` returns, from the first time that `has_work` returns True."""

    def __init__(
        self, database: Database, has_work: Callable[[Connection], bool], build: Callable[[], Sender]
    ) -> None:
        self._database, self._has_work, self._build = database, has_work, build
        self._sender: Sender | None = None

    async def find_due(self) -> float | None:
        """Returns when the next delivery is due; None without a subscriber."""
        if not await self._database.read(self._has_work):
            return None
        if self._sender is None:
            self._sender = await asyncio.to_thread(self._build)
        return await self._sender.find_due()

    async def send_due(self, lease: Lease) -> None:
        """Starts what is due."""
        if self._sender is not None:
            await self._sender.send_due(lease)

    def is_busy(self) -> bool:
        """Returns whether a delivery is in progress."""
        return self._sender is not None and self._sender.is_busy()

    async def close(self) -> None:
        """Ends the deliveries in progress."""
        if self._sender is not None:
            await self._sender.close()
