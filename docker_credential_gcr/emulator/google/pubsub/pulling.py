"""Pulling messages: pull, acknowledge, modifyAckDeadline.

A pull without messages waits for the next, in real time. The wait holds no message: a client that goes away
loses none. https://cloud.google.com/pubsub/docs/pull
"""

import asyncio
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection

from docker_credential_gcr.emulator.database.pubsub import backlog, subscriptions
from docker_credential_gcr.emulator.database.pubsub.backlog import Delivery
from docker_credential_gcr.emulator.database.pubsub.subscriptions import Subscription
from docker_credential_gcr.emulator.google.rest.calls import Call
from docker_credential_gcr.emulator.google.rest.errors import FailedPrecondition, InvalidArgument
from docker_credential_gcr.emulator.google.rest.message_schema import COUNT, FLAG, TEXT, List, Message
from docker_credential_gcr.emulator.google.rest.methods import Result

from .authorization import get_subscription
from .messages import MAX_MESSAGES, MAX_SIZE, format_ack_id, format_message, parse_ack_ids
from .methods import method
from .publisher import forward_dead_letters, has_dead_letters, tell_dropped

_CONSUME = "pubsub.subscriptions.consume"
_ACK_IDS: Message = {"ackIds": List(TEXT)}
_MAX_DEADLINE_S = 600
# How often a waiting pull looks for a commit of any process, and at the latest for messages that are due.
_LOOK_S = 0.02
_LOOK_REMOTE_S = 0.25
_RECHECK_S = 0.5


@method(body={"maxMessages": COUNT, "returnImmediately": FLAG})
async def pull(call: Call) -> Result:
    """Returns messages, each with the ID that acknowledges it; waits for one unless returnImmediately."""
    count = call.body.get("maxMessages", 0)
    if count < 1:
        raise InvalidArgument("No max_messages specified: it must be at least 1.")
    loop = asyncio.get_running_loop()
    is_waiting = not call.body.get("returnImmediately", False)
    until = loop.time() + (call.services.limits.pull_wait_s if is_waiting else 0)
    # After its body a client sends nothing but its disconnection.
    client = asyncio.ensure_future(call.request.receive())
    try:
        while True:
            found, deliveries = await _deliver(call, min(count, MAX_MESSAGES))
            if _is_gone(client):
                await _undo(call, found, deliveries)
                return {}
            if deliveries or not await _wait(call, client, until):
                return _format(found, deliveries)
    finally:
        client.cancel()


@method(body=_ACK_IDS)
async def acknowledge(call: Call) -> Result:
    """Acknowledges deliveries: their messages are delivered no more."""
    ack_ids = parse_ack_ids(call.body)

    def work(connection: Connection) -> None:
        found = get_subscription(connection, call, _CONSUME)
        now_ms = call.now_ms
        backlog.acknowledge(connection, found, ack_ids, now_ms=now_ms)
        subscriptions.use(connection, found, now_ms=now_ms)

    await call.services.database.write(work)
    return {}


@method(body={**_ACK_IDS, "ackDeadlineSeconds": COUNT})
async def modify_ack_deadline(call: Call) -> Result:
    """Moves the deadline of deliveries; 0 refuses them."""
    ack_ids, seconds = parse_ack_ids(call.body), call.body.get("ackDeadlineSeconds", 0)
    if seconds > _MAX_DEADLINE_S:
        raise InvalidArgument(
            f"Invalid ackDeadlineSeconds {seconds}: it must be from 0 to {_MAX_DEADLINE_S}."
        )

    def work(connection: Connection) -> None:
        found = get_subscription(connection, call, _CONSUME)
        now_ms = call.now_ms
        backlog.extend(connection, found, ack_ids, deadline_ms=seconds * 1000, now_ms=now_ms)
        subscriptions.use(connection, found, now_ms=now_ms)

    await call.services.database.write(work)
    return {}


async def _deliver(call: Call, count: int) -> tuple[Subscription, list[Delivery]]:
    """Leases messages to the caller. Raises the errors of `get_subscription`, and FailedPrecondition."""
    services = call.services

    def work(connection: Connection) -> tuple[Subscription, list[Delivery], Mapping[str, int]]:
        found = get_subscription(connection, call, _CONSUME)
        if found.is_detached:
            raise FailedPrecondition("The subscription is detached from its topic: it gets no messages.")
        if found.settings.get("pushConfig", {}).get("pushEndpoint"):
            raise FailedPrecondition("This method is not supported for this subscription type.")
        now_ms = call.now_ms
        dropped = forward_dead_letters(connection, found, now_ms, services.bounds)
        subscriptions.use(connection, found, now_ms=now_ms)
        delivered = backlog.deliver(connection, found, count=count, size=MAX_SIZE, now_ms=now_ms)
        return found, delivered, dropped

    # Not durable: if it is lost, the messages are delivered again.
    found, delivered, dropped = await services.database.write(work, durable=False)
    tell_dropped(services.count_pubsub, dropped)
    return found, delivered


async def _wait(call: Call, client: "asyncio.Future[Any]", until: float) -> bool:
    """Waits until a message may be due; returns False at the end of the pull, or when the client is gone."""
    database, loop = call.services.database, asyncio.get_running_loop()
    before, recheck = database.version(), loop.time() + _RECHECK_S
    while (now := loop.time()) < until and not _is_gone(client):
        await asyncio.sleep(min(_LOOK_REMOTE_S if database.is_remote else _LOOK_S, until - now))
        await database.refresh()
        if database.version() != before or now >= recheck:
            before, recheck = database.version(), loop.time() + _RECHECK_S
            if await database.read(lambda connection: _may_deliver(connection, call)):
                return True
    return False


def _may_deliver(connection: Connection, call: Call) -> bool:
    found = get_subscription(connection, call, _CONSUME)
    now_ms = call.now_ms
    return (
        found.is_detached
        or backlog.has_due(connection, found, now_ms=now_ms)
        or has_dead_letters(connection, found, now_ms)
    )


async def _undo(call: Call, subscription: Subscription, deliveries: list[Delivery]) -> None:
    """Takes deliveries back whose client has gone: the next pull gets them at once, and they do not count."""
    now_ms = call.now_ms
    if deliveries:
        await call.services.database.write(
            lambda connection: backlog.undo(connection, subscription, deliveries, now_ms=now_ms),
            durable=False,
        )


def _is_gone(client: "asyncio.Future[Any]") -> bool:
    return client.done() and client.result()["type"] == "http.disconnect"


def _format(subscription: Subscription, deliveries: list[Delivery]) -> dict[str, Any]:
    counts = subscription.max_attempts is not None
    received = [
        {
            "ackId": format_ack_id(each.ack_id),
            "message": format_message(each),
            **({"deliveryAttempt": each.attempts} if counts else {}),
        }
        for each in deliveries
    ]
    return {"receivedMessages": received} if received else {}
