"""Dispatcher: admits the events of the outbox, and lets the senders deliver what is due.

Each process has one. Any process admits; senders work only with the lease, so one process delivers at a time.
A commit of this process wakes it, and it looks twice a second for commits of others. While nothing changes, a
look compares two numbers.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Callable, Sequence
from functools import partial
from typing import Protocol

from docker_credential_gcr.emulator.database.engine.database import Database
from docker_credential_gcr.emulator.database.engine.errors import translate_error
from docker_credential_gcr.emulator.database.events import outbox
from docker_credential_gcr.emulator.database.events.outbox import PRUNED_AT_ONCE, Consumer
from docker_credential_gcr.emulator.runtime.errors import StorageFull, Unavailable

from .lease import Lease

_logger = logging.getLogger(__name__)

_LOOK_S = 0.5
# The promise of a shutdown is two seconds.
_CLOSE_S = 1.0
# Between two looks: while clients push, admissions gather events.
_PAUSE_S = 0.25
# Between two deletions of old events, and one for that many new ones.
_PRUNE_S = 60.0
_PRUNE_EVENTS = 1000


class Wakeup:
    """Wakes the dispatcher of this process after a commit; it exists before the database is opened."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._woken = asyncio.Event()

    def note_commit(self) -> None:
        """Ends the wait; any thread may call it."""
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):  # the loop was closed meanwhile
                self._loop.call_soon_threadsafe(self._woken.set)

    async def wait(self, timeout_s: float) -> None:
        """Waits for a commit since the last wait, or for the end of the time."""
        self._loop = asyncio.get_running_loop()
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._woken.wait(), timeout_s)
        self._woken.clear()

    def close(self) -> None:
        """Ignores later commits."""
        self._loop = None


class Sender(Protocol):
    """Delivers to subscribers, each in a slot of its own, so that one that hangs delays no other one."""

    async def find_due(self) -> float | None:
        """Returns when the next delivery is due, by the emulator's clock; None if nothing waits."""

    async def send_due(self, lease: Lease) -> None:
        """Starts what is due, and does not wait for the receivers."""

    def is_busy(self) -> bool:
        """Returns whether a delivery is in progress: then the lease is renewed."""

    async def close(self) -> None:
        """Ends the deliveries in progress, within the time of a shutdown."""


class Dispatcher:
    """The task of one process that admits events and runs the senders.

    `consumers` get the newly admitted events, in the transaction that admits them; `retention_s` and `count`
    say how long, and how many, admitted events are kept.
    """

    def __init__(
        self,
        database: Database,
        *,
        now: Callable[[], float],
        retention_s: float,
        count: int,
        wakeup: Wakeup | None = None,
        consumers: Sequence[Consumer] = (),
        senders: Sequence[Sender] = (),
        lease: Lease | None = None,
    ) -> None:
        self._database = database
        self._now = now
        self._retention_s = retention_s
        self._count = count
        self._consumers = consumers
        self._senders = senders
        self._lease = lease or Lease(database)
        self._wakeup = wakeup or Wakeup()
        self._seen: int | None = None
        # The clock that tests set may jump: the instant is compared with it at each look.
        self._due_at: float | None = None
        self._unpruned = 0
        self._pruned_at = time.monotonic()

    async def admit(self) -> None:
        """Admits all events that are committed; a reader then finds what was acknowledged before it came."""
        while await self._database.read(outbox.has_pending):
            admitted = await self._database.write(
                partial(outbox.admit, consumers=self._consumers), durable=False
            )
            self._unpruned += admitted

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Runs while the block runs; ends the deliveries in progress within a second after it."""
        task = asyncio.ensure_future(self.run())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.wait([task], timeout=_CLOSE_S)

    async def run(self) -> None:
        """Admits and delivers until the task is cancelled; then ends the deliveries in progress."""
        try:
            while True:
                await self._look_safely()
                # Readers admit what they need: without consumers there is no hurry. Each admission holds up
                # the pushes of all servers on a database.
                is_quick = self._consumers and not self._database.is_remote
                await asyncio.sleep(_PAUSE_S if is_quick else _LOOK_S)
                await self._wakeup.wait(_LOOK_S)
        finally:
            self._wakeup.close()
            for sender in self._senders:
                await sender.close()

    async def _look_safely(self) -> None:
        try:
            await self._look()
        except Exception as error:
            # The others are told by the answers to requests, and by /readyz.
            if not isinstance(translate_error(error), (StorageFull, Unavailable)):
                _logger.exception("events wait, the next look tries again")

    async def _look(self) -> None:
        await self._database.refresh()
        version = self._database.version()
        changed = version != self._seen
        if changed:
            await self.admit()
            # Commits of this look, and those during it, lead to one more.
            self._seen = version
        if self._senders and (changed or self._is_due() or self._is_busy()):
            await self._send()
        await self._prune()

    async def _send(self) -> None:
        instants = [await sender.find_due() for sender in self._senders]
        self._due_at = min((instant for instant in instants if instant is not None), default=None)
        if not (self._is_due() or self._is_busy()):
            # Writes only if the lease is held: a commit for each look would wake the next one.
            await self._lease.release()
        elif await self._lease.hold():
            for sender in self._senders:
                await sender.send_due(self._lease)
            if not self._is_busy():
                await self._lease.release()

    def _is_busy(self) -> bool:
        return any(sender.is_busy() for sender in self._senders)

    def _is_due(self) -> bool:
        return self._due_at is not None and self._now() >= self._due_at

    async def _prune(self) -> None:
        """Deletes old events, some thousand at a time."""
        elapsed = time.monotonic() - self._pruned_at
        if self._unpruned < _PRUNE_EVENTS and (elapsed < _PRUNE_S or not self._unpruned):
            return
        before_ms = int((self._now() - self._retention_s) * 1000)
        work = partial(outbox.prune, before_ms=before_ms, count=self._count)
        deleted = await self._database.write(work, durable=False)
        self._pruned_at = time.monotonic()
        self._unpruned = 0 if deleted < PRUNED_AT_ONCE else _PRUNE_EVENTS
