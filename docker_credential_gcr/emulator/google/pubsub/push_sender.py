"""Sender of push subscriptions: sends their messages to their endpoints, one after the other.

A subscription has one slot, so that an endpoint that hangs delays no other subscription. An answer that is
no acknowledgement, or comes after the deadline, stops the subscription for a while that grows.
https://cloud.google.com/pubsub/docs/push
"""

import asyncio
import logging
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple, Protocol

from sqlalchemy import Connection

from docker_credential_gcr.emulator.database.accounts.service_accounts import ServiceAccount
from docker_credential_gcr.emulator.database.projects import enabled_apis
from docker_credential_gcr.emulator.database.pubsub import backlog, subscriptions, unfinished
from docker_credential_gcr.emulator.database.pubsub.backlog import Delivery
from docker_credential_gcr.emulator.database.pubsub.subscriptions import Subscription
from docker_credential_gcr.emulator.google.dependencies import GoogleServices
from docker_credential_gcr.emulator.google.iam.authorization import find_active_account
from docker_credential_gcr.emulator.identity.google_services import PUBSUB
from docker_credential_gcr.emulator.outgoing.errors import OutgoingError
from docker_credential_gcr.emulator.outgoing.pace import Pace

from .messages import MAX_SIZE
from .publisher import forward_dead_letters, has_dead_letters, tell_dropped
from .push_requests import format_request, make_claims

_logger = logging.getLogger(__name__)
_ACKNOWLEDGING = frozenset({102, 200, 201, 202, 204})
# https://cloud.google.com/pubsub/docs/push#push_backoff
_FIRST_DELAY_MS, _LAST_DELAY_MS = 100, 60_000
# Messages of one transaction, and for how long: each transaction delays pushes to the registry.
_MOST_TOGETHER, _TOGETHER_S = 64, 0.5


class Lease(Protocol):
    """The right to deliver, which one process has at a time; `holder` is new each time that it is taken."""

    @property
    def holder(self) -> str:
        """Returns the token of this process."""

    def is_held(self, connection: Connection) -> bool:
        """Returns whether no other process has it."""


@dataclass
class _Slot:
    """A subscription with its endpoint: the task that sends, and the failures since its last success.

    `holder` is the lease's that has taken back what an earlier one left, `count` how many are taken together.
    """

    task: "asyncio.Task[None] | None" = None
    failures: int = 0
    not_before_ms: int = 0
    holder: str = ""
    count: int = 1

    def is_busy(self) -> bool:
        return self.task is not None and not self.task.done()

    def succeed(self, accepted: int) -> None:
        self.failures = 0
        self.count = min(2 * accepted, _MOST_TOGETHER)

    def fail(self, now_ms: int, rand: Callable[[], float]) -> None:
        self.failures += 1
        self.count = 1
        self.not_before_ms = now_ms + _find_delay_ms(self.failures, rand)


class _Taken(NamedTuple):
    subscription: Subscription
    deliveries: list[Delivery]
    account: ServiceAccount | None


class PushSender:
    """Pushes messages; tokens carry the time of `system_clock`, because receivers compare it with theirs.

    `rand` returns a number from 0 to 1: how much of a delay's second half is waited for.
    """

    def __init__(
        self,
        services: GoogleServices,
        system_clock: Callable[[], float] = time.time,
        rand: Callable[[], float] = random.random,
    ) -> None:
        self._services = services
        self._system_clock, self._rand = system_clock, rand
        self._pace = Pace(services.database.version)
        # Another endpoint is another slot: it gets its messages at once.
        self._slots: dict[tuple[int, str], _Slot] = {}

    async def find_due(self) -> float | None:
        """Returns when the next message is due, by the emulator's clock; None if none waits."""
        instants = [due_ms for *_, due_ms in await self._list()]
        return min(instants) / 1000 if instants else None

    async def send_due(self, lease: Lease) -> None:
        """Starts what is due."""
        now_ms = self._now_ms()
        for subscription, slot, due_ms in await self._list():
            if due_ms <= now_ms and not slot.is_busy():
                slot.task = asyncio.ensure_future(self._run(subscription, slot, lease))

    def is_busy(self) -> bool:
        """Returns whether a request is in progress."""
        return any(slot.is_busy() for slot in self._slots.values())

    async def close(self) -> None:
        """Ends the requests in progress: their messages are delivered again."""
        tasks = [slot.task for slot in self._slots.values() if slot.task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _list(self) -> list[tuple[Subscription, _Slot, int]]:
        """Returns the subscriptions with messages, and when they are due; one that is busy is due now."""
        now_ms = self._now_ms()
        found = await self._services.database.read(partial(_list_waiting, now_ms=now_ms))
        slots = {_name_slot(each): self._slots.get(_name_slot(each), _Slot()) for each, _ in found}
        busy = {name: slot for name, slot in self._slots.items() if slot.is_busy()}
        failed = {name: slot for name, slot in self._slots.items() if slot.not_before_ms > now_ms}
        self._slots = {**failed, **busy, **slots}
        listed = []
        for subscription, due_ms in found:
            slot = slots[_name_slot(subscription)]
            due_ms = now_ms if slot.is_busy() else max(due_ms, slot.not_before_ms)
            listed.append((subscription, slot, due_ms))
        return listed

    async def _run(self, subscription: Subscription, slot: _Slot, lease: Lease) -> None:
        """Pushes until nothing is due, or the endpoint refuses a message."""
        try:
            while (taken := await self._take(subscription, slot, lease)) is not None:
                accepted, reason = await self._post_all(taken)
                await self._record(taken, accepted, reason)
                if accepted:
                    slot.succeed(accepted)
                if reason:
                    self._tell_refused(subscription, slot, reason)
                    slot.fail(self._now_ms(), self._rand)
                    return
        except Exception:
            _logger.exception("the next message of %s waits", subscription.name)
            slot.holder = ""
            slot.fail(self._now_ms(), self._rand)

    def _tell_refused(self, subscription: Subscription, slot: _Slot, reason: str) -> None:
        self._services.count_pubsub("refused", 1)
        if not slot.failures:
            _logger.warning(
                "a message of %s was not accepted, and is sent again: %s", subscription.name, reason
            )

    async def _take(self, subscription: Subscription, slot: _Slot, lease: Lease) -> _Taken | None:
        """Leases the oldest messages that are due, or that an earlier holder of the lease had begun."""
        services, now_ms, holder, count = self._services, self._now_ms(), lease.holder, slot.count

        def work(connection: Connection) -> tuple[_Taken | None, Mapping[str, int]]:
            found = _find(connection, subscription)
            if found is None or not lease.is_held(connection) or not _is_pushing(connection, found):
                return None, {}
            if slot.holder != holder:
                unfinished.take_back(connection, found, now_ms=now_ms)
            dropped = forward_dead_letters(connection, found, now_ms, services.bounds)
            delivered = backlog.deliver(connection, found, count=count, size=MAX_SIZE, now_ms=now_ms)
            if not delivered:
                return None, dropped
            email = found.settings["pushConfig"].get("oidcToken", {}).get("serviceAccountEmail")
            account = find_active_account(connection, email) if email else None
            return _Taken(found, delivered, account), dropped

        # Not durable: if it is lost, the message is delivered again.
        taken, dropped = await services.database.write(work, durable=False)
        slot.holder = holder
        tell_dropped(services.count_pubsub, dropped)
        return taken

    async def _post_all(self, taken: _Taken) -> tuple[int, str]:
        """Sends messages until one is not accepted or time is up; returns how many were, and the reason."""
        until = time.monotonic() + _TOGETHER_S
        for accepted, delivery in enumerate(taken.deliveries):
            if accepted and time.monotonic() > until:
                return accepted, ""
            request = self._post(taken.subscription, delivery, taken.account)
            late_s = (self._now_ms() - delivery.published_ms) / 1000
            if reason := await self._pace.give_way(request, late_s):
                return accepted, reason
        return len(taken.deliveries), ""

    async def _post(
        self, subscription: Subscription, delivery: Delivery, account: ServiceAccount | None
    ) -> str:
        """Sends the request; returns why the message was not accepted, which is empty if it was."""
        push, token = subscription.settings["pushConfig"], None
        if "oidcToken" in push:
            if account is None:
                return "its service account is disabled or deleted"
            claims = make_claims(push, account)
            # On a thread: the first call creates the key, which takes time.
            token = await asyncio.to_thread(self._services.id_tokens.sign, claims, self._system_clock())
        headers, body = format_request(subscription, delivery, token)
        try:
            answer = await self._services.outgoing.post(
                push["pushEndpoint"], headers, body, limit_s=subscription.deadline_ms / 1000
            )
        except OutgoingError as error:
            return str(error)
        return "" if answer.status in _ACKNOWLEDGING else f"the endpoint answered {answer.status}"

    async def _record(self, taken: _Taken, accepted: int, reason: str) -> None:
        """Acknowledges what was accepted, refuses the next one if there is a reason, returns the others."""
        now_ms = self._now_ms()
        done, rest = taken.deliveries[:accepted], taken.deliveries[accepted:]

        def work(connection: Connection) -> bool:
            found = _find(connection, taken.subscription)
            if found is None:
                return True
            count = 0
            if done:
                subscriptions.use(connection, found, now_ms=now_ms)
                ack_ids = [each.ack_id for each in done]
                count += backlog.acknowledge(connection, found, ack_ids, now_ms=now_ms)
            if reason:
                due_ms = now_ms + self._find_wait_ms(found, rest[0].attempts)
                count += backlog.refuse(connection, found, rest[0], due_ms=due_ms)
            backlog.undo(connection, found, rest[1:] if reason else rest, now_ms=now_ms)
            return count == len(done) + bool(reason)

        # Not durable: if it is lost, the messages are delivered again.
        if not await self._services.database.write(work, durable=False):
            _logger.warning(
                "an answer for %s came too late and is not recorded: "
                "the message %s was delivered again, or deleted",
                taken.subscription.name,
                taken.deliveries[0].message_id,
            )

    def _find_wait_ms(self, subscription: Subscription, attempts: int) -> int:
        """Returns how long a message waits after it was refused."""
        if "retryPolicy" in subscription.settings:
            return subscription.find_delay_ms(attempts)
        return _find_delay_ms(attempts, self._rand)

    def _now_ms(self) -> int:
        return int(self._services.clock.now() * 1000)


def _list_waiting(connection: Connection, *, now_ms: int) -> list[tuple[Subscription, int]]:
    waiting = []
    for subscription in subscriptions.list_pushing(connection):
        if not _is_pushing(connection, subscription):
            continue
        due_ms = backlog.find_next_due_ms(connection, subscription, now_ms=now_ms)
        if due_ms != now_ms and _is_waiting(connection, subscription, now_ms):
            due_ms = now_ms
        if due_ms is not None:
            waiting.append((subscription, due_ms))
    return waiting


def _is_waiting(connection: Connection, subscription: Subscription, now_ms: int) -> bool:
    """Returns whether dead letters wait, or what an earlier holder of the lease has begun."""
    has_unfinished = unfinished.is_any(connection, subscription, now_ms=now_ms)
    return has_unfinished or has_dead_letters(connection, subscription, now_ms)


def _is_pushing(connection: Connection, subscription: Subscription) -> bool:
    endpoint = subscription.settings.get("pushConfig", {}).get("pushEndpoint")
    if not endpoint or subscription.is_detached:
        return False
    return enabled_apis.find_obstacle(connection, subscription.project_id, PUBSUB) is None


def _find(connection: Connection, subscription: Subscription) -> Subscription | None:
    """Returns the subscription as it is now; another one of the same name is not it."""
    found = subscriptions.find(connection, subscription.project_id, subscription.subscription_id)
    return found if found is not None and found.id == subscription.id else None


def _name_slot(subscription: Subscription) -> tuple[int, str]:
    push: Mapping[str, Any] = subscription.settings["pushConfig"]
    return subscription.id, push["pushEndpoint"]


def _find_delay_ms(failures: int, rand: Callable[[], float]) -> int:
    """Returns how long to wait: half of it is random, so that what failed together is not sent together."""
    longest = min(_LAST_DELAY_MS, _FIRST_DELAY_MS * 2 ** min(failures - 1, 20))
    return int(longest * (1 + rand()) / 2)
