"""Composition of notifications: who is told what happened to images, and the dispatcher that tells them."""

from collections.abc import Callable
from functools import partial

from sqlalchemy import Connection

from .database.engine.database import Database
from .database.events import webhooks
from .database.events.outbox import Event
from .database.events.webhooks import Webhook
from .database.pubsub import subscriptions
from .events.dispatcher import Dispatcher, Sender, Wakeup
from .events.fanout import PUBSUB_EMULATOR, DeliveryQueue, WebhookFanout
from .events.lazy_sender import LazySender
from .google.dependencies import GoogleServices
from .google.pubsub.topic_gcr import GcrForwarder, GcrPublisher
from .outgoing.client import OutgoingClient
from .settings import Settings
from .telemetry.metrics import DELIVERIES, PUBSUB, Counts


class Notifications:
    """The consumers and senders of one process; `build_google` returns what push subscriptions need.

    With --pubsub, the topics `gcr` are in the Pub/Sub emulator by Google that it names.
    """

    def __init__(
        self,
        database: Database,
        settings: Settings,
        counts: Counts,
        outgoing: OutgoingClient,
        *,
        now: Callable[[], float],
        wakeup: Wakeup,
        build_google: Callable[[], GoogleServices],
    ) -> None:
        limits, self._pubsub = settings.limits, settings.pubsub
        self._database, self._limits, self._outgoing, self._now = database, limits, outgoing, now
        self._build_google = build_google
        self._count_delivery = partial(counts.count_result, DELIVERIES)
        queue = DeliveryQueue(
            now=now,
            most=limits.deliveries,
            retention_s=limits.event_lifetime_s,
            count=self._count_delivery,
        )
        publisher = (
            GcrPublisher(limits, partial(counts.count_result, PUBSUB))
            if self._pubsub is None
            else GcrForwarder[Event](partial(queue.add, subscriber=PUBSUB_EMULATOR))
        )
        self.dispatcher = Dispatcher(
            database,
            now=now,
            retention_s=limits.event_lifetime_s,
            count=limits.events,
            wakeup=wakeup,
            consumers=[publisher, WebhookFanout(queue)],
            senders=[
                LazySender(database, subscriptions.has_pushing, self._build_push_sender),
                LazySender(database, self._has_subscriber, self._build_delivery_sender),
            ],
        )

    async def admit(self) -> None:
        """Gives every event that is committed to the consumers."""
        await self.dispatcher.admit()

    async def check_url(self, url: str) -> None:
        """Raises OutgoingError for a URL that the server may not send to."""
        await self._outgoing.check(url)

    async def try_webhook(self, webhook: Webhook) -> tuple[int | None, str | None]:
        """Sends an event that never was; returns the receiver's status, and the error."""
        from .events.webhook_subscriber import WebhookSubscriber  # as below

        outcome = await WebhookSubscriber(webhook, self._outgoing).try_out(int(self._now() * 1000))
        return outcome.status, outcome.error

    def _has_subscriber(self, connection: Connection) -> bool:
        return self._pubsub is not None or webhooks.has_any(connection)

    def _build_push_sender(self) -> Sender:
        from .google.pubsub.push_sender import PushSender  # 10 ms

        return PushSender(self._build_google())

    def _build_delivery_sender(self) -> Sender:
        from .events.delivery_sender import DeliverySender, Subscriber  # not before there is a webhook
        from .events.pubsub_subscriber import PubSubSubscriber
        from .events.webhook_subscriber import list_subscribers

        emulators = [] if self._pubsub is None else [PubSubSubscriber(self._pubsub, self._outgoing)]

        def find(connection: Connection) -> "list[Subscriber]":
            return [*list_subscribers(connection, self._outgoing), *emulators]

        return DeliverySender(
            self._database,
            find,
            now=self._now,
            retention_s=self._limits.event_lifetime_s,
            count=self._count_delivery,
        )
