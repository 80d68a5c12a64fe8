"""Backlog of a subscription: the messages that it keeps, and their deliveries.

A delivery leases a message until its deadline: `due_ms` is when it is delivered again, unless it is
acknowledged before. An ackId names the message and the nonce of its last delivery: an older one changes
nothing. https://cloud.google.com/pubsub/docs/pull
"""

import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection, and_, bindparam, delete, exists, func, or_, select, update

from docker_credential_gcr.emulator.database.schema import backlog, messages

from .subscriptions import Subscription

_OF = backlog.c.subscription == bindparam("of_subscription")
_KEPT = backlog.c.acknowledged_ms.is_(None)
_IS_ROW = and_(_OF, backlog.c.message == bindparam("of_message"))
_IS_LEASE = and_(_IS_ROW, _KEPT, backlog.c.lease == bindparam("of_lease"))
_earlier = backlog.alias("earlier")
_other = backlog.alias("other")
# An earlier message with the same key is with a subscriber, or waits for its next delivery.
_IS_BLOCKED = exists().where(
    _earlier.c.subscription == backlog.c.subscription,
    _earlier.c.ordering_key == backlog.c.ordering_key,
    _earlier.c.acknowledged_ms.is_(None),
    _earlier.c.message < backlog.c.message,
    _earlier.c.due_ms > bindparam("now"),
)
_IS_DUE = and_(_OF, _KEPT, backlog.c.due_ms <= bindparam("now"))
_IN_ORDER = or_(bindparam("is_ordered") == 0, backlog.c.ordering_key == "", ~_IS_BLOCKED)
_DUE = (
    select(
        backlog.c.message,
        *messages.c["message_id", "data", "attributes", "ordering_key", "published_ms"],
        *backlog.c["size", "attempts"],
    )
    .join(messages, messages.c.id == backlog.c.message)
    .where(_IS_DUE, _IN_ORDER)
    .order_by(backlog.c.message)
    .limit(bindparam("count"))
)
_EXHAUSTED = _DUE.where(backlog.c.attempts >= bindparam("max_attempts"))
_HAS_DUE = select(backlog.c.message).where(_IS_DUE, _IN_ORDER).limit(1)
_NEXT_DUE = select(func.min(backlog.c.due_ms)).where(_OF, _KEPT, backlog.c.due_ms > bindparam("now"))
_LEASE = (
    update(backlog)
    .where(_IS_ROW)
    .values(lease=bindparam("new_lease"), attempts=backlog.c.attempts + 1, due_ms=bindparam("new_due_ms"))
)
_UNDO = (
    update(backlog)
    .where(_IS_LEASE)
    .values(lease=None, attempts=backlog.c.attempts - 1, due_ms=bindparam("new_due_ms"))
)
_FIND_LEASE = select(*backlog.c["ordering_key", "attempts", "due_ms"]).where(_IS_LEASE)
_EXTEND = update(backlog).where(_IS_LEASE).values(due_ms=bindparam("new_due_ms"))
_RELEASE = update(backlog).where(_IS_LEASE).values(lease=None, due_ms=bindparam("new_due_ms"))
# In order: what follows a message that was refused is delivered again after it.
_RELEASE_LATER = (
    update(backlog)
    .where(
        _OF,
        _KEPT,
        backlog.c.ordering_key == bindparam("of_key"),
        backlog.c.message > bindparam("of_message"),
        backlog.c.lease.is_not(None),
    )
    .values(lease=None, due_ms=bindparam("new_due_ms"))
)
_RETAIN = update(backlog).where(_IS_LEASE).values(lease=None, acknowledged_ms=bindparam("now"))
_DELETE_LEASE = delete(backlog).where(_IS_LEASE)
_DELETE_ROW = delete(backlog).where(_IS_ROW)
_DELETE_UNKEPT = delete(messages).where(
    messages.c.id == bindparam("of_message"), ~exists().where(backlog.c.message == messages.c.id)
)
_OLDER = and_(_OF, backlog.c.published_ms < bindparam("before"))
_IS_SHARED = exists().where(
    _other.c.message == messages.c.id, _other.c.subscription != bindparam("of_subscription")
)
_DELETE_OLDER_MESSAGES = delete(messages).where(
    messages.c.id.in_(select(backlog.c.message).where(_OLDER)), ~_IS_SHARED
)
_DELETE_OLDER = delete(backlog).where(_OLDER)
_RETAIN_OLDER = update(backlog).where(_OLDER, _KEPT).values(lease=None, acknowledged_ms=bindparam("now"))
_RESTORE = (
    update(backlog)
    .where(_OF, backlog.c.acknowledged_ms.is_not(None), backlog.c.published_ms >= bindparam("since"))
    .values(acknowledged_ms=None, lease=None, attempts=0, due_ms=bindparam("now"))
)
# Later than any message.
_END = 2**62
# Exhausted deliveries that are looked at together.
_STEP = 1000


@dataclass(frozen=True)
class Delivery:
    """A message in a subscription's backlog; `row` is the message's number, `lease` is of this delivery."""

    row: int
    message_id: str
    data: str
    attributes: Mapping[str, str]
    ordering_key: str
    published_ms: int
    size: int
    attempts: int
    lease: str = ""

    @property
    def ack_id(self) -> "AckId":
        """Returns what acknowledges this delivery, and no other."""
        return AckId(self.row, self.lease)


@dataclass(frozen=True)
class AckId:
    """The message's number, and the nonce of a delivery."""

    row: int
    lease: str


def has_due(connection: Connection, subscription: Subscription, *, now_ms: int) -> bool:
    """Returns whether `deliver` returns anything."""
    return connection.execute(_HAS_DUE, _due_values(subscription, now_ms)).first() is not None


def find_next_due_ms(connection: Connection, subscription: Subscription, *, now_ms: int) -> int | None:
    """Returns when the next message is delivered, now or later; None for an empty backlog."""
    if has_due(connection, subscription, now_ms=now_ms):
        return now_ms
    # One that waits for an earlier message with its key is due after that one.
    values = {"of_subscription": subscription.id, "now": now_ms}
    due: int | None = connection.execute(_NEXT_DUE, values).scalar_one()
    return due


def deliver(
    connection: Connection, subscription: Subscription, *, count: int, size: int, now_ms: int
) -> list[Delivery]:
    """Leases the oldest due messages, at most `count`, and at most `size` bytes unless it is only one."""
    prune(connection, subscription, now_ms=now_ms)
    delivered: list[Delivery] = []
    leases = []
    for row in connection.execute(_DUE, {**_due_values(subscription, now_ms), "count": count}).all():
        found = Delivery(*row)
        size -= found.size
        if delivered and size < 0:
            break
        attempts, lease = found.attempts + 1, secrets.token_hex(8)
        due_ms = now_ms + subscription.deadline_ms + subscription.find_delay_ms(attempts)
        leases.append({**_name_row(subscription, found.row), "new_lease": lease, "new_due_ms": due_ms})
        delivered.append(replace(found, attempts=attempts, lease=lease))
    if leases:
        connection.execute(_LEASE, leases)
    return delivered


def undo(
    connection: Connection, subscription: Subscription, deliveries: Iterable[Delivery], *, now_ms: int
) -> None:
    """Takes deliveries back that no client received: they do not count."""
    undone = [{**_name_lease(subscription, each.ack_id), "new_due_ms": now_ms} for each in deliveries]
    if undone:
        connection.execute(_UNDO, undone)


def list_exhausted(connection: Connection, subscription: Subscription, *, now_ms: int) -> list[Delivery]:
    """Returns due messages that were delivered as often as the dead-letter policy allows."""
    if subscription.max_attempts is None:
        return []
    values = {**_due_values(subscription, now_ms), "max_attempts": subscription.max_attempts}
    return [Delivery(*row) for row in connection.execute(_EXHAUSTED, {**values, "count": _STEP})]


def acknowledge(
    connection: Connection, subscription: Subscription, ack_ids: Iterable[AckId], *, now_ms: int
) -> int:
    """Acknowledges deliveries, and returns how many; others are not the last of their message."""
    rows = [_name_lease(subscription, each) for each in ack_ids]
    if not rows:
        return 0
    if subscription.retains_acknowledged:
        return connection.execute(_RETAIN, [{**row, "now": now_ms} for row in rows]).rowcount
    acknowledged = connection.execute(_DELETE_LEASE, rows).rowcount
    connection.execute(_DELETE_UNKEPT, [{"of_message": row["of_message"]} for row in rows])
    return acknowledged


def extend(
    connection: Connection,
    subscription: Subscription,
    ack_ids: Iterable[AckId],
    *,
    deadline_ms: int,
    now_ms: int,
) -> None:
    """Moves the deadline of deliveries; 0 refuses them, so that their messages are delivered again."""
    for ack_id in ack_ids:
        values = _name_lease(subscription, ack_id)
        found = connection.execute(_FIND_LEASE, values).one_or_none()
        if found is None or found.due_ms <= now_ms:
            continue
        due_ms = now_ms + deadline_ms + subscription.find_delay_ms(found.attempts)
        connection.execute(_EXTEND if deadline_ms else _RELEASE, {**values, "new_due_ms": due_ms})
        if not deadline_ms and subscription.is_ordered and found.ordering_key:
            later = {"of_key": found.ordering_key, "new_due_ms": due_ms}
            connection.execute(_RELEASE_LATER, {**_name_row(subscription, ack_id.row), **later})


def refuse(
    connection: Connection,
    subscription: Subscription,
    delivery: Delivery,
    *,
    due_ms: int,
) -> bool:
    """Delivers the message again at `due_ms`; returns False if it was delivered again meanwhile."""
    values = {**_name_lease(subscription, delivery.ack_id), "new_due_ms": due_ms}
    return connection.execute(_RELEASE, values).rowcount > 0


def discard(connection: Connection, subscription: Subscription, rows: Sequence[int]) -> None:
    """Deletes messages from the backlog, whether or not they are with a subscriber."""
    if rows:
        connection.execute(_DELETE_ROW, [_name_row(subscription, row) for row in rows])
        connection.execute(_DELETE_UNKEPT, [{"of_message": row} for row in rows])


def prune(connection: Connection, subscription: Subscription, *, now_ms: int) -> None:
    """Deletes the messages that are older than the subscription's retention."""
    _delete_older(connection, subscription, now_ms - subscription.retention_ms)


def clear(connection: Connection, subscription: Subscription) -> None:
    """Deletes all messages of the subscription, before it is deleted or detached itself."""
    _delete_older(connection, subscription, _END)


def seek(connection: Connection, subscription: Subscription, instant_ms: int, *, now_ms: int) -> None:
    """Acknowledges all messages published before an instant, and delivers later ones that are kept again."""
    of = {"of_subscription": subscription.id}
    if subscription.retains_acknowledged:
        connection.execute(_RETAIN_OLDER, {**of, "before": instant_ms, "now": now_ms})
    else:
        _delete_older(connection, subscription, instant_ms)
    connection.execute(_RESTORE, {**of, "since": instant_ms, "now": now_ms})


def _delete_older(connection: Connection, subscription: Subscription, before_ms: int) -> None:
    values = {"of_subscription": subscription.id, "before": before_ms}
    connection.execute(_DELETE_OLDER_MESSAGES, values)
    connection.execute(_DELETE_OLDER, values)


def _due_values(subscription: Subscription, now_ms: int) -> dict[str, Any]:
    return {"of_subscription": subscription.id, "now": now_ms, "is_ordered": int(subscription.is_ordered)}


def _name_row(subscription: Subscription, row: int) -> dict[str, Any]:
    return {"of_subscription": subscription.id, "of_message": row}


def _name_lease(subscription: Subscription, ack_id: AckId) -> dict[str, Any]:
    return {**_name_row(subscription, ack_id.row), "of_lease": ack_id.lease}
