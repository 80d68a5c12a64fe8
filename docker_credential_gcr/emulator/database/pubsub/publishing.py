"""Publishing: stores messages, and enters them in the backlog of each subscription that wants them."""

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, insert

from docker_credential_gcr.emulator.database.schema import backlog as table
from docker_credential_gcr.emulator.database.schema import messages

from . import backlog, subscriptions
from .backlog import Bounds
from .subscriptions import Subscription
from .topics import Topic

_INSERT = insert(messages)
_ENTER = insert(table)

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
    message_ids = []
    for message in batch:
        # Unique, and of digits alone, as Google's.
        message_id = f"{now_ms}{secrets.randbelow(10**9):09d}"
        message_ids.append(message_id)
        wanting = [each for each in receiving if wants(each.settings.get("filter", ""), message.attributes)]
        if wanting:
            _store(connection, topic, message, message_id, wanting, now_ms)
    dropped = {}
    for subscription in receiving:
        backlog.prune(connection, subscription, now_ms=now_ms)
        if count := backlog.drop_excess(connection, subscription, bounds):
            dropped[subscription.name] = count
    return Published(message_ids, dropped)


def _store(
    connection: Connection,
    topic: Topic,
    message: NewMessage,
    message_id: str,
    wanting: Sequence[Subscription],
    now_ms: int,
) -> None:
    values = {
        "project": topic.project,
        "message_id": message_id,
        "data": message.data,
        "attributes": message.attributes,
        "ordering_key": message.ordering_key,
        "published_ms": now_ms,
    }
    (row_id,) = connection.execute(_INSERT, values).inserted_primary_key or (None,)
    row = {
        "message": row_id,
        "published_ms": now_ms,
        "size": message.size,
        "ordering_key": message.ordering_key,
        "due_ms": now_ms,
        "attempts": 0,
        "lease": None,
        "acknowledged_ms": None,
    }
    connection.execute(_ENTER, [{"subscription": each.id, **row} for each in wanting])
