"""Unfinished deliveries: messages that are with a subscriber, and whose deadline is not over.

Those of a push subscription are being made by its sender. Where no sender of this process makes them, the
process that began them has ended, or has lost its lease.
"""

from sqlalchemy import Connection, and_, bindparam, select, update

from docker_credential_gcr.emulator.database.schema import backlog

from .subscriptions import Subscription

_IS_UNFINISHED = and_(
    backlog.c.subscription == bindparam("of_subscription"),
    backlog.c.acknowledged_ms.is_(None),
    backlog.c.lease.is_not(None),
    backlog.c.due_ms > bindparam("now"),
)
_FIND = select(backlog.c.message).where(_IS_UNFINISHED).limit(1)
_TAKE_BACK = update(backlog).where(_IS_UNFINISHED).values(lease=None, due_ms=bindparam("now"))


def is_any(connection: Connection, subscription: Subscription, *, now_ms: int) -> bool:
    """Returns whether a message is with a subscriber."""
    return connection.execute(_FIND, _name(subscription, now_ms)).first() is not None


def take_back(connection: Connection, subscription: Subscription, *, now_ms: int) -> None:
    """Makes these messages due; their deliveries count, and are not acknowledged any more."""
    connection.execute(_TAKE_BACK, _name(subscription, now_ms))


def _name(subscription: Subscription, now_ms: int) -> dict[str, int]:
    return {"of_subscription": subscription.id, "now": now_ms}
