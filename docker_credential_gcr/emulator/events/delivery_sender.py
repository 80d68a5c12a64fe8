"""Sender of deliveries: tells subscribers, one after the other, what happened to images.

Each subscriber has one slot, so that one that hangs delays no other. An attempt counts when it begins. One
that fails is made again after a while that grows; after 24 attempts, or the retention of events, the delivery
has failed and the next one follows.
"""

import asyncio
import logging
import random
from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple, Protocol

from sqlalchemy import Connection

from docker_credential_gcr.emulator.database.engine.database import Database
from docker_credential_gcr.emulator.database.events import deliveries
from docker_credential_gcr.emulator.database.events.deliveries import (
    DELIVERED,
    FAILED,
    WAITING,
    Delivery,
    Result,
)
from docker_credential_gcr.emulator.outgoing.pace import Pace

from .lease import Lease

_logger = logging.getLogger(__name__)
ATTEMPTS = 24
_FIRST_DELAY_S, _LAST_DELAY_S = 1.0, 3600.0
# What a receiver may ask for with Retry-After.
_LONGEST_WAIT_S = 24 * 3600.0
_MAX_ERROR = 500
# Deliveries of old events that fail in one transaction.
_ENDED_AT_ONCE = 100


class Outcome(NamedTuple):
    """What a subscriber said to an attempt; `error` None is success.

    `retry_after_s` is the shortest wait that it asks for. `is_final` ends the delivery; `disables` says why
    the subscriber is to get nothing more.
    """

    error: str | None = None
    status: int | None = None
    retry_after_s: float = 0.0
    is_final: bool = False
    disables: str | None = None


class Subscriber(Protocol):
    """A receiver of events; `name` is the subscriber of its deliveries."""

    @property
    def name(self) -> str:
        """Returns what its deliveries are stored under."""

    @property
    def label(self) -> str:
        """Returns how the log names it."""

    async def send(self, delivery: Delivery) -> Outcome:
        """Makes an attempt, which ends within a time of its own."""

    def disable(self, connection: Connection, reason: str) -> None:
        """Ends the deliveries to it."""


List = Callable[[Connection], Sequence[Subscriber]]
# A subscriber, the delivery whose attempt ends, and what it said; returns the next delivery.
_Ended = tuple[Delivery, Outcome]


class DeliverySender:
    """Sends the deliveries of the subscribers that `list_subscribers` returns.

    `count` counts results: delivered, refused (an attempt) and failed. `pick` returns a number from 0 to 1.
    """

    def __init__(
        self,
        database: Database,
        list_subscribers: List,
        *,
        now: Callable[[], float],
        retention_s: float,
        count: Callable[[str, int], None],
        pick: Callable[[], float] = random.random,
    ) -> None:
        self._database = database
        self._list_subscribers = list_subscribers
        self._now, self._retention_s, self._count, self._pick = now, retention_s, count, pick
        self._pace = Pace(database.version)
        self._slots: dict[str, asyncio.Task[None]] = {}
        self._refusing: set[str] = set()

    async def find_due(self) -> float | None:
        """Returns when the next delivery is due, by the emulator's clock; None if none waits."""
        instants = [due_ms for _, due_ms in await self._list_due() if due_ms is not None]
        return min(instants) / 1000 if instants else None

    async def send_due(self, lease: Lease) -> None:
        """Starts what is due."""
        now_ms = self._now_ms()
        for subscriber, due_ms in await self._list_due():
            if due_ms is not None and due_ms <= now_ms and subscriber.name not in self._slots:
                task = asyncio.ensure_future(self._run(subscriber, lease))
                self._slots[subscriber.name] = task
                task.add_done_callback(partial(self._end, subscriber.name))

    def _end(self, name: str, _task: object) -> None:
        del self._slots[name]

    def is_busy(self) -> bool:
        """Returns whether an attempt is in progress."""
        return bool(self._slots)

    async def close(self) -> None:
        """Ends the attempts in progress: their deliveries are made again."""
        tasks = list(self._slots.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _list_due(self) -> list[tuple[Subscriber, int | None]]:
        def read(connection: Connection) -> list[tuple[Subscriber, int | None]]:
            found = []
            for subscriber in self._list_subscribers(connection):
                first = deliveries.find_next(connection, subscriber.name)
                found.append((subscriber, None if first is None else first.due_ms))
            return found

        return await self._database.read(read)

    async def _run(self, subscriber: Subscriber, lease: Lease) -> None:
        """Sends until nothing is due."""
        ended: _Ended | None = None
        try:
            while (delivery := await self._step(subscriber, ended, lease)) is not None:
                late_s = self._now() - delivery.event.at_ms / 1000
                outcome = await self._pace.give_way(subscriber.send(delivery), late_s)
                self._tell(subscriber, outcome)
                ended = delivery, outcome
        except Exception:
            _logger.exception("the next event for %s waits", subscriber.label)

    async def _step(self, subscriber: Subscriber, ended: _Ended | None, lease: Lease) -> Delivery | None:
        """Records the attempt that has ended, and begins the next that is due, in one transaction."""
        counted = list[str]()

        def work(connection: Connection) -> tuple[Delivery | None, list[str]]:
            counted.clear()
            # One instant: what the attempt's end makes due is begun now, not at the next look.
            now_ms = self._now_ms()
            if not lease.is_held(connection):
                if ended is not None:
                    _logger.warning(
                        "another process sends to %s: an attempt is not recorded", subscriber.label
                    )
                return None, counted
            if ended is not None:
                self._record(connection, subscriber, *ended, now_ms, counted)
                if ended[1].disables is not None:
                    return None, counted
            return self._begin_next(connection, subscriber.name, now_ms, counted), counted

        # Not durable: what is lost is sent again.
        delivery, results = await self._database.write(work, durable=False)
        for result in results:
            self._count(result, 1)
        return delivery

    def _record(
        self,
        connection: Connection,
        subscriber: Subscriber,
        delivery: Delivery,
        outcome: Outcome,
        now_ms: int,
        counted: list[str],
    ) -> None:
        result = self._judge(delivery, outcome, now_ms)
        if not deliveries.record(connection, delivery, result, now_ms=now_ms):
            _logger.warning(
                "an attempt for %s was begun again meanwhile, and is not recorded", subscriber.label
            )
            return
        counted.append("delivered" if outcome.error is None else "refused")
        if result.state == FAILED:
            counted.append("failed")
        if outcome.disables is not None:
            subscriber.disable(connection, outcome.disables)

    def _judge(self, delivery: Delivery, outcome: Outcome, now_ms: int) -> Result:
        """Returns what becomes of a delivery after an attempt."""
        if outcome.error is None:
            return Result(DELIVERED, status=outcome.status)
        error = outcome.error[:_MAX_ERROR]
        is_last = outcome.is_final or outcome.disables is not None or delivery.attempts >= ATTEMPTS
        if is_last:
            return Result(FAILED, status=outcome.status, error=error)
        delay_s = min(_LAST_DELAY_S, _FIRST_DELAY_S * 2 ** (delivery.attempts - 1)) * (1 + self._pick()) / 2
        delay_s = max(delay_s, min(outcome.retry_after_s, _LONGEST_WAIT_S))
        return Result(WAITING, now_ms + int(delay_s * 1000), outcome.status, error)

    def _begin_next(
        self, connection: Connection, name: str, now_ms: int, counted: list[str]
    ) -> Delivery | None:
        before_ms = now_ms - int(self._retention_s * 1000)
        # The next look goes on with the rest: pushes wait for this transaction.
        for _ in range(_ENDED_AT_ONCE):
            first = deliveries.find_next(connection, name)
            if first is None or first.due_ms is None or first.due_ms > now_ms:
                return None
            if first.event.at_ms >= before_ms and first.attempts < ATTEMPTS:
                return deliveries.begin(connection, first)
            error = first.error or "the event is older than events are kept"
            result = Result(FAILED, status=first.status, error=error)
            deliveries.record(connection, first, result, now_ms=now_ms)
            counted.append("failed")
        return None

    def _tell(self, subscriber: Subscriber, outcome: Outcome) -> None:
        """Logs the first refusal after a success; a subscriber itself tells of what it ends."""
        if outcome.error is None:
            self._refusing.discard(subscriber.name)
        elif outcome.disables is not None:
            _logger.warning("%s gets no more events: %s", subscriber.label, outcome.disables)
        elif not outcome.is_final and subscriber.name not in self._refusing:
            self._refusing.add(subscriber.name)
            _logger.warning(
                "%s did not accept an event, which is sent again: %s", subscriber.label, outcome.error
            )

    def _now_ms(self) -> int:
        return int(self._now() * 1000)
