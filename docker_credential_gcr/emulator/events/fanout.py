"""Fan-out: which subscribers are told of admitted events, and how many deliveries may wait for each."""

from collections.abc import Callable, Sequence

from sqlalchemy import Connection

from docker_credential_gcr.emulator.database.events import deliveries, webhooks
from docker_credential_gcr.emulator.database.events.outbox import Event

# Google's Pub/Sub emulator as a subscriber; webhooks have hexadecimal names.
PUBSUB_EMULATOR = "pubsub"


class DeliveryQueue:
    """Adds deliveries: at most `most` wait for one subscriber, and those of old events are deleted.

    Beyond that the oldest are dropped: they have failed, and `count` counts them.
    """

    def __init__(
        self, *, now: Callable[[], float], most: int, retention_s: float, count: Callable[[str, int], None]
    ) -> None:
        self._now, self._most, self._retention_s, self._count = now, most, retention_s, count

    def add(self, connection: Connection, events: Sequence[Event], subscriber: str) -> None:
        """Adds a delivery for each event, in their order."""
        if not events:
            return
        now = self._now()
        now_ms, before_ms = int(now * 1000), int((now - self._retention_s) * 1000)
        deliveries.add(connection, subscriber, events, now_ms=now_ms)
        dropped = deliveries.limit(
            connection, subscriber, most=self._most, before_ms=before_ms, now_ms=now_ms
        )
        if dropped:
            self._count("dropped", dropped)


class WebhookFanout:
    """Consumer of events: adds a delivery for each webhook that wants the event."""

    def __init__(self, queue: DeliveryQueue) -> None:
        self._queue = queue

    def __call__(self, connection: Connection, events: Sequence[Event]) -> None:
        """Adds the deliveries, in the transaction that admits the events."""
        for webhook in webhooks.list_all(connection):
            self._queue.add(connection, [event for event in events if webhook.wants(event)], webhook.name)
