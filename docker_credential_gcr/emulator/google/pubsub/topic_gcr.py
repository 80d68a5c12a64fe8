"""Topic `gcr`: publishes what happened to images, as Container Registry and Artifact Registry do.

    {"action": "INSERT", "digest": "gcr.io/my-project/app@sha256:…", "tag": "gcr.io/my-project/app:v1"}

https://cloud.google.com/container-registry/docs/configuring-notifications
https://cloud.google.com/artifact-registry/docs/configure-notifications
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby
from typing import Generic

from sqlalchemy import Connection

from docker_credential_gcr.emulator.database.pubsub import subscriptions, topics
from docker_credential_gcr.emulator.database.pubsub.topics import GCR, Topic
from docker_credential_gcr.emulator.settings import Limits

from .gcr_permission import E, Event, GcrPermission, find_publishing


class GcrPublisher:
    """Publishes events in the transaction that admits them; they are published at their own instant.

    `count_pubsub` counts the messages that subscriptions lose by it.
    """

    def __init__(
        self,
        limits: Limits,
        count_pubsub: Callable[[str, int], None],
    ) -> None:
        self._limits = limits
        self._count_pubsub = count_pubsub
        self._permission = GcrPermission()

    def __call__(self, connection: Connection, events: Sequence[Event]) -> None:
        """Publishes the events of each project to its topic, in their order."""
        for project_id, of_project in _group(events):
            self._publish(connection, project_id, of_project)

    def _publish(self, connection: Connection, project_id: str, events: Iterable[Event]) -> None:
        project, topic = find_publishing(connection, project_id), topics.find(connection, project_id, GCR)
        if project is None or topic is None or not subscriptions.has_any(connection, topic.id):
            return
        if allowed := self._permission.list_allowed(connection, project, events):
            self._send(connection, topic, allowed)

    def _send(self, connection: Connection, topic: Topic, events: Sequence[Event]) -> None:
        # 14 ms, which a ready server does not need.
        from docker_credential_gcr.emulator.database.pubsub.excess import Bounds
        from docker_credential_gcr.emulator.database.pubsub.publishing import NewMessage

        from .publisher import publish, tell_dropped

        batch = [NewMessage(event.encode_message(), {}) for event in events]
        bounds = Bounds(self._limits.pubsub_messages, self._limits.pubsub_size)
        published = publish(connection, topic, batch, events[-1].at_ms, bounds)
        tell_dropped(self._count_pubsub, published.dropped)


class GcrForwarder(Generic[E]):
    """Gives the events that are published to `add`, for a Pub/Sub elsewhere, which has its own topics."""

    def __init__(self, add: Callable[[Connection, Sequence[E]], None]) -> None:
        self._add = add
        self._permission = GcrPermission()

    def __call__(self, connection: Connection, events: Sequence[E]) -> None:
        """Adds the events of each project, in their order."""
        for project_id, of_project in _group(events):
            project = find_publishing(connection, project_id)
            if project is not None and (
                allowed := self._permission.list_allowed(connection, project, of_project)
            ):
                self._add(connection, allowed)


def _group(events: Iterable[E]) -> Iterator[tuple[str, Iterator[E]]]:
    """Returns the events of each project, in their order."""
    in_order = sorted(events, key=lambda event: event.project)  # stable
    return groupby(in_order, key=lambda event: event.project)
