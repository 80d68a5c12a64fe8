"""Deliveries: an event for one subscriber, from its admission until it is delivered or has failed.

The deliveries of one repository to one subscriber are made in their order: of those that wait, the first
alone has an instant at which it is due; what ends it lets the next one follow.
"""

import json
import secrets
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, and_, bindparam, delete, func, insert, null, or_, select, update

from docker_credential_gcr.emulator.database.engine.statement import Statement
from docker_credential_gcr.emulator.database.schema import deliveries
from docker_credential_gcr.emulator.runtime.strict_json import decode_stored

from .outbox import Event

WAITING, DELIVERED, FAILED = STATES = ("waiting", "delivered", "failed")


class Delivery(NamedTuple):
    """A delivery; `id` is its row, `name` what clients see. `due_ms` is None while another one goes first."""

    id: int
    name: str
    subscriber: str
    repository: str
    event: Event
    state: str
    attempts: int
    due_ms: int | None
    status: int | None
    error: str | None


class Result(NamedTuple):
    """What became of an attempt: the next state, the instant of the next attempt, what the receiver said."""

    state: str
    due_ms: int | None = None
    status: int | None = None
    error: str | None = None


_PRUNED_AT_ONCE = 100
_COLUMNS = [deliveries.c[name] for name in Delivery._fields]
_EVENT = Delivery._fields.index("event")
_OF_SUBSCRIBER = deliveries.c.subscriber == bindparam("of")
_WAITS = deliveries.c.state == WAITING
_OF_REPOSITORY = (_OF_SUBSCRIBER, _WAITS, deliveries.c.repository == bindparam("within"))
_ROW = deliveries.c.id == bindparam("row")
_NEW = ["name", "subscriber", "repository", "event", "at_ms", "state", "attempts", "due_ms"]
_ADD = Statement(insert(deliveries), _NEW)
_FIRST_WAITING = Statement(select(deliveries.c.id).where(*_OF_REPOSITORY).order_by(deliveries.c.id).limit(1))
_NEXT = Statement(
    select(*_COLUMNS)
    .where(_OF_SUBSCRIBER, deliveries.c.due_ms.is_not(None))
    .order_by(deliveries.c.due_ms, deliveries.c.id)
    .limit(1)
)
_BEGIN = Statement(update(deliveries).where(_ROW).values(attempts=deliveries.c.attempts + 1))
# An attempt that was begun again since, by another process or after a redelivery, is not recorded.
_RECORD = Statement(
    update(deliveries)
    .where(_ROW, deliveries.c.attempts == bindparam("begun"))
    .values({name: bindparam(f"new_{name}") for name in Result._fields})
)
_SET_DUE = Statement(update(deliveries).where(_ROW).values(due_ms=bindparam("at")))
_COUNT = Statement(
    select(deliveries.c.state, func.count()).where(_OF_SUBSCRIBER).group_by(deliveries.c.state)
)
_FAIL = update(deliveries).where(_WAITS).values(state=FAILED, due_ms=null(), error=bindparam("why"))
_FAIL_ALL = _FAIL.where(_OF_SUBSCRIBER)
_OLDEST = select(deliveries.c.id).where(_OF_SUBSCRIBER).order_by(deliveries.c.id)
_ENDED = or_(deliveries.c.state == DELIVERED, deliveries.c.state == FAILED)
# One statement each, whatever the number: pushes wait for the transaction.
_DROP = Statement(
    _FAIL.where(deliveries.c.id.in_(_OLDEST.where(_WAITS).limit(bindparam("count")))).returning(
        deliveries.c.repository
    )
)
_REMOVE_ENDED = Statement(
    delete(deliveries).where(deliveries.c.id.in_(_OLDEST.where(_ENDED).limit(bindparam("count"))))
)
_WAIT_AGAIN = (
    update(deliveries)
    .where(_OF_SUBSCRIBER)
    .values(state=WAITING, attempts=0, due_ms=null(), status=null(), error=null())
    .returning(deliveries.c.repository)
)
_HOLD_BACK = Statement(update(deliveries).where(*_OF_REPOSITORY).values(due_ms=null()))
# Of the oldest of a state alone: a look at all of them would take milliseconds at each admission.
_REMOVE_OLD = Statement(
    delete(deliveries).where(
        deliveries.c.id.in_(_OLDEST.where(deliveries.c.state == bindparam("ended")).limit(_PRUNED_AT_ONCE)),
        deliveries.c.at_ms < bindparam("before_ms"),
    )
)
_REMOVE_ALL = delete(deliveries).where(_OF_SUBSCRIBER)


def add(connection: Connection, subscriber: str, events: Iterable[Event], *, now_ms: int) -> None:
    """Adds a delivery for each event, in their order."""
    rows, repositories = list[dict[str, object]](), set[str]()
    for event in events:
        goes_first = (
            event.repository not in repositories
            and _find_first_waiting(connection, subscriber, event.repository) is None
        )
        repositories.add(event.repository)
        rows.append(
            {
                "name": secrets.token_hex(16),
                "subscriber": subscriber,
                "repository": event.repository,
                "event": json.dumps(event._asdict()),
                "at_ms": event.at_ms,
                "state": WAITING,
                "attempts": 0,
                "due_ms": now_ms if goes_first else None,
            }
        )
    _ADD.run_many(connection, rows)


def find_next(connection: Connection, subscriber: str) -> Delivery | None:
    """Returns the delivery that is due first; None if none waits."""
    row = _NEXT.one(connection, {"of": subscriber})
    return None if row is None else _make(row, decode_stored(row[_EVENT]))


def begin(connection: Connection, delivery: Delivery) -> Delivery:
    """Counts the attempt that begins."""
    _BEGIN.run(connection, {"row": delivery.id})
    return delivery._replace(attempts=delivery.attempts + 1)


def record(connection: Connection, delivery: Delivery, result: Result, *, now_ms: int) -> bool:
    """Records what became of the attempt; returns False if another attempt has begun since."""
    values = {f"new_{name}": value for name, value in result._asdict().items()}
    changed = _RECORD.run(connection, {"row": delivery.id, "begun": delivery.attempts, **values})
    if changed and result.state != WAITING:
        _promote(connection, delivery.subscriber, delivery.repository, now_ms=now_ms)
    return changed > 0


def fail_waiting(connection: Connection, subscriber: str, reason: str) -> None:
    """Lets all deliveries fail that wait for a subscriber."""
    connection.execute(_FAIL_ALL, {"of": subscriber, "why": reason})


def limit(connection: Connection, subscriber: str, *, most: int, before_ms: int, now_ms: int) -> int:
    """Keeps at most so many deliveries that wait, and about as many that have ended; returns what it dropped.

    Those dropped are the oldest that waited: they have failed. Ended ones are deleted when they are a tenth
    too many, and those of events from before the instant, some of them at each call.
    """
    counts = {str(state): int(count) for state, count in _COUNT.all(connection, {"of": subscriber})}
    beyond = max(0, counts.get(WAITING, 0) - most)
    if beyond:
        why = f"dropped: more than {most} deliveries waited"
        dropped = _DROP.all(connection, {"of": subscriber, "count": beyond, "why": why})
        for repository in {str(name) for (name,) in dropped}:
            _promote(connection, subscriber, repository, now_ms=now_ms)
    surplus = sum(counts.values()) - counts.get(WAITING, 0) + beyond - most
    # Not one by one: to find the oldest takes as long as to delete a thousand.
    if surplus > most // 10:
        _REMOVE_ENDED.run(connection, {"of": subscriber, "count": surplus})
    for state in (DELIVERED, FAILED):
        _REMOVE_OLD.run(connection, {"of": subscriber, "ended": state, "before_ms": before_ms})
    return beyond


def list_newest(
    connection: Connection, subscriber: str, *, states: Sequence[str] = STATES, count: int
) -> list[Delivery]:
    """Returns at most `count` deliveries to a subscriber, the newest first."""
    wanted = select(*_COLUMNS).where(deliveries.c.subscriber == subscriber, deliveries.c.state.in_(states))
    return [
        _make(row, row.event)
        for row in connection.execute(wanted.order_by(deliveries.c.id.desc()).limit(count))
    ]


def redeliver(connection: Connection, subscriber: str, names: Sequence[str] | None, *, now_ms: int) -> int:
    """Lets deliveries wait once more, those of the names, or all that have failed; returns their number.

    They go in their old order, before what waits.
    """
    chosen = (
        deliveries.c.state == FAILED
        if names is None
        else and_(deliveries.c.state != WAITING, deliveries.c.name.in_(names))
    )
    repositories = connection.execute(_WAIT_AGAIN.where(chosen), {"of": subscriber}).scalars().all()
    for repository in set(repositories):
        _HOLD_BACK.run(connection, {"of": subscriber, "within": repository})
        _promote(connection, subscriber, repository, now_ms=now_ms)
    return len(repositories)


def remove_all(connection: Connection, subscriber: str) -> None:
    """Deletes the deliveries to a subscriber."""
    connection.execute(_REMOVE_ALL, {"of": subscriber})


def _find_first_waiting(connection: Connection, subscriber: str, repository: str) -> int | None:
    row = _FIRST_WAITING.one(connection, {"of": subscriber, "within": repository})
    return None if row is None else int(row[0])


def _promote(connection: Connection, subscriber: str, repository: str, *, now_ms: int) -> None:
    """Makes the first delivery that waits due now."""
    first = _find_first_waiting(connection, subscriber, repository)
    if first is not None:
        _SET_DUE.run(connection, {"row": first, "at": now_ms})


def _make(row: Sequence[Any], event: Any) -> Delivery:
    values = dict(zip(Delivery._fields, row, strict=True))
    return Delivery(**{**values, "event": Event(**event)})
