"""Publisher: stores messages for the subscriptions whose filters match, and forwards dead letters."""

import logging
from collections.abc import Callable, Mapping, Sequence

from sqlalchemy import Connection

from docker_credential_gcr.emulator.database.pubsub import backlog, publishing, subscriptions, topics
from docker_credential_gcr.emulator.database.pubsub.backlog import Delivery
from docker_credential_gcr.emulator.database.pubsub.excess import Bounds
from docker_credential_gcr.emulator.database.pubsub.publishing import NewMessage, Published
from docker_credential_gcr.emulator.database.pubsub.subscriptions import Subscription
from docker_credential_gcr.emulator.database.pubsub.topics import Topic
from docker_credential_gcr.emulator.google.dependencies import GoogleServices
from docker_credential_gcr.emulator.runtime.timestamps import format_milliseconds

from .message_filters import matches

_logger = logging.getLogger(__name__)
# https://cloud.google.com/pubsub/docs/handling-failures#dead_letter_topic
_SOURCE = "CloudPubSubDeadLetterSource"


async def publish_batch(
    services: GoogleServices, find_topic: Callable[[Connection], Topic], batch: Sequence[NewMessage]
) -> list[str]:
    """Publishes messages to the topic that `find_topic` returns; returns their IDs."""
    now_ms = int(services.clock.now() * 1000)
    published = await services.database.write(
        lambda connection: publish(connection, find_topic(connection), batch, now_ms, services.bounds)
    )
    tell_dropped(services.count_pubsub, published.dropped)
    return published.message_ids


def publish(
    connection: Connection, topic: Topic, batch: Sequence[NewMessage], now_ms: int, bounds: Bounds
) -> Published:
    """Publishes messages in a write that runs alone."""
    return publishing.publish(connection, topic, batch, now_ms=now_ms, wants=matches, bounds=bounds)


def tell_dropped(count_pubsub: Callable[[str, int], None], dropped: Mapping[str, int]) -> None:
    """Counts the messages that subscriptions have lost, and writes them to the log."""
    for name, count in dropped.items():
        count_pubsub("dropped", count)
        _logger.warning(
            "%s keeps no more messages: its oldest %d were dropped (--limit pubsub_messages, pubsub_size)",
            name,
            count,
        )


def has_dead_letters(connection: Connection, subscription: Subscription, now_ms: int) -> bool:
    """Returns whether messages wait to be forwarded to the subscription's topic, as dead letters."""
    sources = subscriptions.list_dead_lettering(connection, subscription.topic_name)
    return any(backlog.list_exhausted(connection, source, now_ms=now_ms) for source in sources)


def forward_dead_letters(
    connection: Connection, subscription: Subscription, now_ms: int, bounds: Bounds
) -> Mapping[str, int]:
    """Forwards messages that were delivered too often, from the subscription and to its topic.

    Returns how many messages each subscription lost because it keeps no more.
    """
    dropped: dict[str, int] = {}
    sources = subscriptions.list_dead_lettering(connection, subscription.topic_name)
    for source in (subscription, *sources):
        exhausted = backlog.list_exhausted(connection, source, now_ms=now_ms)
        target = topics.find_named(connection, _find_target(source)) if exhausted else None
        if target is not None:
            letters = [_wrap(source, each) for each in exhausted]
            dropped |= publish(connection, target, letters, now_ms, bounds).dropped
            backlog.discard(connection, source, [each.row for each in exhausted])
    return dropped


def _find_target(subscription: Subscription) -> str:
    policy: Mapping[str, str] = subscription.settings["deadLetterPolicy"]
    return policy["deadLetterTopic"]


def _wrap(subscription: Subscription, delivery: Delivery) -> NewMessage:
    attributes = {
        **delivery.attributes,
        f"{_SOURCE}DeliveryCount": str(delivery.attempts),
        f"{_SOURCE}Subscription": subscription.subscription_id,
        f"{_SOURCE}SubscriptionProject": subscription.project_id,
        f"{_SOURCE}TopicPublishTime": format_milliseconds(delivery.published_ms),
    }
    return NewMessage(delivery.data, attributes, delivery.ordering_key)
