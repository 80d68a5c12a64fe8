"""Excess of a backlog: what a subscription keeps at most; beyond that the oldest messages are dropped."""

from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, func, select

from docker_credential_gcr.emulator.database.schema import backlog

from .backlog import discard
from .subscriptions import Subscription

_OF = backlog.c.subscription == bindparam("of_subscription")
_TOTALS = select(func.count(), func.coalesce(func.sum(backlog.c.size), 0)).where(_OF)
_OLDEST = (
    select(*backlog.c["message", "size", "published_ms"])
    .where(_OF)
    .order_by(backlog.c.message)
    .limit(bindparam("count"))
)
# Rows that are looked at together.
_STEP = 1000


@dataclass(frozen=True)
class Bounds:
    """What a subscription keeps at most: messages, and bytes of messages."""

    messages: int
    size: int


def drop(connection: Connection, subscription: Subscription, bounds: Bounds, *, now_ms: int) -> int:
    """Deletes the oldest messages of a backlog that is too large; returns how many were not out of date."""
    of = {"of_subscription": subscription.id}
    kept_since_ms, dropped = now_ms - subscription.retention_ms, 0
    count, size = connection.execute(_TOTALS, of).one()
    while count > bounds.messages or size > bounds.size:
        rows = []
        for row, each, published_ms in connection.execute(_OLDEST, {**of, "count": _STEP}).all():
            if count <= bounds.messages and size <= bounds.size:
                break
            rows.append(row)
            count, size = count - 1, size - each
            dropped += published_ms >= kept_since_ms
        discard(connection, subscription, rows)
    return dropped
