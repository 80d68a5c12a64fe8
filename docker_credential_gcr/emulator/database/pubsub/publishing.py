"""Publishing: stores messages, and enters them in the backlog of each subscription that wants them."""

import json
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, insert

from docker_credential_gcr.emulator.database.engine.statement import Statement
from docker_credential_gcr.emulator.database.schema import backlog as table
from docker_credential_gcr.emulator.database.schema import messages

from . import excess, subscriptions
from .excess import Bounds
from .topics import Topic

_INSERT = Statement(
    insert(messages).returning(messages.c.id),
    ["project", "message_id", "data", "attributes", "ordering_key", "published_ms"],
)
_ENTER = Statement(insert(table))

# (filter of a subscription, attributes of a message) -> whether the subscription wants the message
Wants = Callable[[str, Mapping[str, str]], bool]


@dataclass(frozen=True)
class NewMessage:
    """A message to publish; `data` is base64."""

    data: str
    attributes: Mapping[str, str]
    ordering_key: str = ""

    @property
    def size(self) -> int:
        """Returns the bytes that count for limits."""
        texts = (self.ordering_key, *self.attributes, *self.attributes.values())
        return len(self.data) * 3 // 4 - self.data.count("=") + sum(len(text.encode()) for text in texts)


@dataclass(frozen=True)
class Published:
    """The IDs of the messages, and how many each subscription lost because it keeps no more."""

    message_ids: list[str]
    dropped: Mapping[str, int]


def publish(
    connection: Connection,
    topic: Topic,
    batch: Sequence[NewMessage],
    *,
    now_ms: int,
    wants: Wants,
    bounds: Bounds,
) -> Published:
    """Publishes messages, in a write that runs alone: the rows' numbers are their order."""
    receiving = subscriptions.list_of_topic(connection, topic.id)
    # Of digits alone, as Google's, and unique: a batch has consecutive ones.
    first = secrets.randbelow(10**9)
    message_ids = [f"{now_ms}{first + number:010d}" for number in range(len(batch))]
    rows: list[dict[str, object]] = []
    for message, message_id in zip(batch, message_ids, strict=True):
        wanting = [each for each in receiving if wants(each.settings.get("filter", ""), message.attributes)]
        if wanting:
            row = _store(connection, topic, message, message_id, now_ms)
            rows += ({"subscription": each.id, **row} for each in wanting)
    if rows:
        _ENTER.run_many(connection, rows)
    dropped = {}
    for subscription in receiving:
        if count := excess.drop(connection, subscription, bounds, now_ms=now_ms):
            dropped[subscription.name] = count
    return Published(message_ids, dropped)


def _store(
    connection: Connection, topic: Topic, message: NewMessage, message_id: str, now_ms: int
) -> dict[str, object]:
    """Stores a message; returns the columns of its row in a backlog."""
    values = {
        "project": topic.project,
        "message_id": message_id,
        "data": message.data,
        "attributes": json.dumps(message.attributes),
        "ordering_key": message.ordering_key,
        "published_ms": now_ms,
    }
    stored = _INSERT.one(connection, values)
    assert stored is not None  # noqa: S101 - an INSERT returns its row
    return {
        "message": stored[0],
        "published_ms": now_ms,
        "size": message.size,
        "ordering_key": message.ordering_key,
        "due_ms": now_ms,
        "attempts": 0,
        "lease": None,
        "acknowledged_ms": None,
    }
