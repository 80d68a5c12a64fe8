"""Topics of Pub/Sub: create, get, list, patch, delete, publish.

https://cloud.google.com/pubsub/docs/reference/rest/v1/projects.topics
"""

from collections.abc import Mapping
from operator import attrgetter
from typing import Any

from sqlalchemy import Connection

from docker_credential_gcr.emulator.database.errors import AlreadyExists
from docker_credential_gcr.emulator.database.pubsub import subscriptions, topics
from docker_credential_gcr.emulator.database.pubsub.topics import Topic
from docker_credential_gcr.emulator.google.rest.calls import Call
from docker_credential_gcr.emulator.google.rest.errors import Conflict, InvalidArgument
from docker_credential_gcr.emulator.google.rest.field_masks import list_paths, merge_message
from docker_credential_gcr.emulator.google.rest.labels import parse_labels
from docker_credential_gcr.emulator.google.rest.message_schema import (
    DURATION,
    MISSING,
    OUTPUT,
    TEXT,
    VALUE,
    Fixed,
    Map,
    Message,
)
from docker_credential_gcr.emulator.google.rest.methods import PAGE, Result
from docker_credential_gcr.emulator.google.rest.pagination import parse_page, skip_to_page

from .authorization import get_project, get_topic
from .durations import check_duration
from .messages import MAX_SIZE, PUBLISH, parse_messages
from .methods import method, reads, writes
from .names import TOPICS, check_id
from .publisher import publish_batch

TOPIC: Message = {
    "name": Fixed(TEXT),
    "labels": Map(VALUE),
    "messageRetentionDuration": DURATION,
    "kmsKeyName": TEXT,
    "messageStoragePolicy": {"allowedPersistenceRegions": VALUE, "enforceInTransit": VALUE},
    **dict.fromkeys(("satisfiesPzs", "state"), OUTPUT),
    **dict.fromkeys(("schemaSettings", "ingestionDataSourceSettings", "messageTransforms", "tags"), MISSING),
}
# Base64 and the names of the members around the messages.
_BODY_SIZE = MAX_SIZE * 3 // 2
# 10 minutes to 31 days. https://cloud.google.com/pubsub/docs/topic-properties
RETENTION_S = (600, 31 * 24 * 3600)


@method(body=TOPIC)
async def create_topic(call: Call) -> Result:
    """Creates a topic."""
    topic_id = call.path["topic"]
    check_id(TOPICS, call.path["project"], topic_id)
    settings = _parse(call.body)

    def work(connection: Connection) -> dict[str, Any]:
        project = get_project(connection, call, "pubsub.topics.create")
        try:
            topics.create(connection, project.id, topic_id, settings)
        except AlreadyExists as error:
            raise Conflict(f"Resource already exists in the project (resource={topic_id}).") from error
        return _format(get_topic(connection, call, "pubsub.topics.create"))

    return await call.services.database.write(work)


@reads()
def show_topic(connection: Connection, call: Call) -> Result:
    """Returns one topic."""
    return _format(get_topic(connection, call, "pubsub.topics.get"))


@reads(*PAGE)
def list_topics(connection: Connection, call: Call) -> Result:
    """Returns the project's topics."""
    page = parse_page(call.query)
    project = get_project(connection, call, "pubsub.topics.list")
    found = topics.list_page(connection, project.id, page.last, page.count)
    return page.format("topics", found, _format, attrgetter("topic_id"))


@method(body={"topic": TOPIC, "updateMask": TEXT})
async def patch_topic(call: Call) -> Result:
    """Changes the members that updateMask, in the body, names."""
    body, mask = call.body.get("topic", {}), call.body.get("updateMask", "")
    # Checked first: a wrong mask or value is an error for an unknown topic too.
    if not mask:
        raise InvalidArgument(
            "The update_mask in the UpdateTopicRequest must be set, and must contain a path."
        )
    list_paths(mask, body, TOPIC)
    _parse(body)

    def work(connection: Connection) -> dict[str, Any]:
        topic = get_topic(connection, call, "pubsub.topics.update")
        changed = merge_message(mask, body, _format(topic), TOPIC)
        topics.change(connection, topic, _parse(changed))
        return _format(get_topic(connection, call, "pubsub.topics.update"))

    return await call.services.database.write(work)


@writes()
def delete_topic(connection: Connection, call: Call) -> Result:
    """Deletes a topic; its subscriptions stay."""
    topics.remove(connection, get_topic(connection, call, "pubsub.topics.delete"))
    return {}


@reads(*PAGE)
def list_topic_subscriptions(connection: Connection, call: Call) -> Result:
    """Returns the names of a topic's subscriptions, strings."""
    page = parse_page(call.query)
    topic = get_topic(connection, call, "pubsub.topics.get")
    names = sorted(each.name for each in subscriptions.list_of_topic(connection, topic.id))
    return page.format("subscriptions", skip_to_page(names, page, str), str, str)


@method(body=PUBLISH, size=_BODY_SIZE)
async def publish(call: Call) -> Result:
    """Publishes messages, and returns their IDs."""
    batch = parse_messages(call.body)
    published = await publish_batch(
        call.services, lambda connection: get_topic(connection, call, "pubsub.topics.publish"), batch
    )
    return {"messageIds": published}


def _parse(body: Mapping[str, Any]) -> dict[str, Any]:
    """Returns a topic's settings. Raises InvalidArgument."""
    settings = {name: value for name, value in body.items() if name != "name" and value not in ("", {})}
    if "labels" in settings:
        settings["labels"] = parse_labels(settings["labels"])
    if "messageRetentionDuration" in settings:
        check_duration("messageRetentionDuration", settings["messageRetentionDuration"], *RETENTION_S)
    return settings


def _format(topic: Topic) -> dict[str, Any]:
    return {"name": topic.name, **topic.settings}
