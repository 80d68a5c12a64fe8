"""Lease of the dispatcher: of all processes on a database, one delivers at a time.

It is renewed while deliveries are in progress. A process that was stopped for longer loses it, and finds out
in the transaction in which it would record an attempt: `is_held` is False there.
"""

import secrets
import time
from collections.abc import Callable
from functools import partial

from sqlalchemy import Connection

from docker_credential_gcr.emulator.database.engine.database import Database
from docker_credential_gcr.emulator.database.events import leases

_NAME = "events"
LIFETIME_S = 5.0
# Renewed when so much of it is over: a write may wait for others.
_RENEWED_AFTER = 1 / 3


class Lease:
    """The right to deliver; a separate `holder`, which is its token, for each time that it is taken."""

    def __init__(
        self,
        database: Database,
        *,
        lifetime_s: float = LIFETIME_S,
        system_clock: Callable[[], float] = time.time,
    ) -> None:
        self._database = database
        self._lifetime_s = lifetime_s
        self._system_clock = system_clock
        self._renewed_at: float | None = None
        self.holder = ""

    async def hold(self) -> bool:
        """Takes the lease, or renews it when that is due; returns False while another process has it."""
        now = self._now()
        if self._renewed_at is not None and now - self._renewed_at < self._lifetime_s * _RENEWED_AFTER:
            return True
        if self._renewed_at is None or now - self._renewed_at >= self._lifetime_s:
            # Expired: what was begun with it may be told again by another process, and is not recorded.
            self.holder = secrets.token_hex(8)
        work = partial(leases.acquire, name=_NAME, holder=self.holder, now=now, lifetime_s=self._lifetime_s)
        held = await self._database.write(work, durable=False)
        self._renewed_at = now if held else None
        return held

    def is_held(self, connection: Connection) -> bool:
        """Returns whether no other process has taken the lease; in the transaction that depends on it."""
        return leases.is_held(connection, _NAME, self.holder)

    async def release(self) -> None:
        """Ends the lease, so that another process need not wait."""
        if self._renewed_at is not None:
            self._renewed_at = None
            work = partial(leases.release, name=_NAME, holder=self.holder)
            await self._database.write(work, durable=False)

    def _now(self) -> float:
        return self._system_clock() + self._database.find_skew()
