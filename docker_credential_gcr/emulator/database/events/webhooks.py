"""Webhooks: receivers of events that the operator has registered."""

import secrets
from collections.abc import Mapping
from typing import NamedTuple

from sqlalchemy import Connection, bindparam, delete, insert, select, update

from docker_credential_gcr.emulator.database.engine.statement import Statement
from docker_credential_gcr.emulator.database.schema import webhooks

from . import deliveries
from .outbox import DELETE, INSERT, Event

# What clients call the actions, and the formats of requests.
ACTIONS: Mapping[str, str] = {"insert": INSERT, "delete": DELETE}
FORMATS = DOCKER, CLOUDEVENTS = ("docker", "cloudevents")


class Webhook(NamedTuple):
    """A receiver; `project` None is all projects, `disabled` the reason why nothing is sent any more."""

    name: str
    url: str
    project: str | None
    actions: list[str]
    format: str
    secrets: list[str]
    created_ms: int
    disabled: str | None = None

    def wants(self, event: Event) -> bool:
        """Returns whether the receiver is told of the event."""
        return (
            self.disabled is None and event.action in self.actions and self.project in (None, event.project)
        )


_COLUMNS = [webhooks.c[name] for name in Webhook._fields]
_LIST = select(*_COLUMNS).order_by(webhooks.c.id)
_FIND = select(*_COLUMNS).where(webhooks.c.name == bindparam("wanted"))
_INSERT = insert(webhooks)
_SET_DISABLED = (
    update(webhooks).where(webhooks.c.name == bindparam("wanted")).values(disabled=bindparam("reason"))
)
_DELETE = delete(webhooks).where(webhooks.c.name == bindparam("wanted"))
_ANY = Statement(select(webhooks.c.id).limit(1))


def new_name() -> str:
    """Returns the name of a new webhook, which is its ID for clients."""
    return secrets.token_hex(6)


def create(connection: Connection, webhook: Webhook) -> None:
    """Adds a webhook."""
    connection.execute(_INSERT, webhook._asdict())


def has_any(connection: Connection) -> bool:
    """Returns whether there is a webhook."""
    return _ANY.one(connection, {}) is not None


def list_all(connection: Connection) -> list[Webhook]:
    """Returns all webhooks, the oldest first."""
    # Most emulators have none, and each admission of events asks.
    return [Webhook(*row) for row in connection.execute(_LIST)] if has_any(connection) else []


def find(connection: Connection, name: str) -> Webhook | None:
    """Returns the webhook of that name."""
    row = connection.execute(_FIND, {"wanted": name}).one_or_none()
    return None if row is None else Webhook(*row)


def disable(connection: Connection, name: str, reason: str) -> None:
    """Ends deliveries to a webhook: what waits for it has failed."""
    connection.execute(_SET_DISABLED, {"wanted": name, "reason": reason})
    deliveries.fail_waiting(connection, name, reason)


def enable(connection: Connection, name: str) -> None:
    """Lets events go to a webhook again."""
    connection.execute(_SET_DISABLED, {"wanted": name, "reason": None})


def remove(connection: Connection, name: str) -> bool:
    """Deletes a webhook with its deliveries; returns False if there is none of that name."""
    deliveries.remove_all(connection, name)
    return connection.execute(_DELETE, {"wanted": name}).rowcount > 0
