"""google-cloud-pubsub, unchanged, over REST with a key for google-auth.

https://cloud.google.com/python/docs/reference/pubsub/latest
"""

from collections.abc import Callable
from typing import Any

import pytest
from google.api_core import exceptions
from google.api_core.client_options import ClientOptions
from google.cloud import pubsub_v1
from google.protobuf.field_mask_pb2 import FieldMask
from google.pubsub_v1.services.publisher import PublisherClient
from google.pubsub_v1.services.subscriber import SubscriberClient
from google.pubsub_v1.types import Subscription

SignIn = Callable[..., Any]
TOPIC = "projects/my-project/topics/news"
SUBSCRIPTION = "projects/my-project/subscriptions/builds"


@pytest.fixture
def publisher(sign_in: SignIn, options: ClientOptions) -> PublisherClient:
    credentials = sign_in("roles/pubsub.admin")
    return PublisherClient(credentials=credentials, client_options=options, transport="rest")


@pytest.fixture
def subscriber(sign_in: SignIn, options: ClientOptions) -> SubscriberClient:
    credentials = sign_in("roles/pubsub.editor")
    return SubscriberClient(credentials=credentials, client_options=options, transport="rest")


def test_a_message_is_published_pulled_and_acknowledged(
    publisher: PublisherClient, subscriber: SubscriberClient
) -> None:
    publisher.create_topic(name=TOPIC)
    subscriber.create_subscription(name=SUBSCRIPTION, topic=TOPIC)
    message = pubsub_v1.types.PubsubMessage(data=b"hello", attributes={"kind": "greeting"})
    published = publisher.publish(topic=TOPIC, messages=[message])

    (received,) = subscriber.pull(subscription=SUBSCRIPTION, max_messages=10).received_messages
    subscriber.acknowledge(subscription=SUBSCRIPTION, ack_ids=[received.ack_id])

    assert [received.message.message_id] == list(published.message_ids)
    assert (received.message.data, dict(received.message.attributes)) == (b"hello", {"kind": "greeting"})
    assert list(publisher.list_topic_subscriptions(topic=TOPIC)) == [SUBSCRIPTION]


def test_a_subscription_is_changed_by_a_mask(
    publisher: PublisherClient, subscriber: SubscriberClient
) -> None:
    publisher.create_topic(name=TOPIC)
    subscriber.create_subscription(name=SUBSCRIPTION, topic=TOPIC)
    wanted = Subscription(name=SUBSCRIPTION, ack_deadline_seconds=30, labels={"env": "test"})
    mask = FieldMask(paths=["ack_deadline_seconds"])

    changed = subscriber.update_subscription(subscription=wanted, update_mask=mask)

    assert (changed.ack_deadline_seconds, dict(changed.labels)) == (30, {})


def test_what_exists_or_is_missing_is_googles_error(publisher: PublisherClient) -> None:
    publisher.create_topic(name=TOPIC)
    with pytest.raises(exceptions.Conflict):
        publisher.create_topic(name=TOPIC)
    publisher.delete_topic(topic=TOPIC)
    with pytest.raises(exceptions.NotFound):
        publisher.get_topic(topic=TOPIC)
