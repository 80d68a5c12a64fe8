"""Subscriptions of Pub/Sub: create, get, list, patch, delete, modifyPushConfig, detach, seek.

https://cloud.google.com/pubsub/docs/reference/rest/v1/projects.subscriptions
"""

from collections.abc import Mapping
from datetime import datetime, timezone
from operator import attrgetter
from typing import Any

from sqlalchemy import Connection

from docker_credential_gcr.emulator.database.errors import AlreadyExists
from docker_credential_gcr.emulator.database.pubsub import backlog, subscriptions
from docker_credential_gcr.emulator.database.pubsub.subscriptions import Subscription
from docker_credential_gcr.emulator.google.authorization import find_project
from docker_credential_gcr.emulator.google.rest.calls import Call
from docker_credential_gcr.emulator.google.rest.errors import Conflict, InvalidArgument
from docker_credential_gcr.emulator.google.rest.field_masks import list_paths, merge_message
from docker_credential_gcr.emulator.google.rest.message_schema import MISSING, TEXT
from docker_credential_gcr.emulator.google.rest.methods import PAGE, Result
from docker_credential_gcr.emulator.google.rest.pagination import parse_page

from .authorization import get_named_topic, get_project, get_subscription
from .methods import method, reads, writes
from .names import SUBSCRIPTIONS, TOPICS, check_id, parse_name
from .push_endpoints import check_push_config, check_push_endpoint
from .subscription_resource import PUSH_CONFIG, SUBSCRIPTION, format_subscription, parse_settings

_UPDATE = "pubsub.subscriptions.update"
_TIME_SIZE = 40


@method(body=SUBSCRIPTION)
async def create_subscription(call: Call) -> Result:
    """Creates a subscription of a topic, which may be in another project."""
    subscription_id = call.path["subscription"]
    check_id(SUBSCRIPTIONS, call.path["project"], subscription_id)
    topic_name = parse_name(TOPICS, call.body.get("topic"))
    settings = parse_settings(call.body)
    create = "pubsub.subscriptions.create"
    await check_push_endpoint(
        call, settings.get("pushConfig", {}), lambda connection: get_project(connection, call, create)
    )

    def work(connection: Connection) -> dict[str, Any]:
        project = get_project(connection, call, create)
        topic = get_named_topic(connection, call, *topic_name, "pubsub.topics.attachSubscription")
        check_push_config(connection, call, settings)
        values = _find_dead_letter_topic(connection, call, settings)
        now_ms = call.now_ms
        try:
            subscriptions.create(connection, project.id, subscription_id, topic.id, values, now_ms=now_ms)
        except AlreadyExists as error:
            raise Conflict(f"Resource already exists in the project (resource={subscription_id}).") from error
        return format_subscription(get_subscription(connection, call, create))

    return await call.services.database.write(work)


@reads()
def show_subscription(connection: Connection, call: Call) -> Result:
    """Returns one subscription."""
    return format_subscription(get_subscription(connection, call, "pubsub.subscriptions.get"))


@reads(*PAGE)
def list_subscriptions(connection: Connection, call: Call) -> Result:
    """Returns the project's subscriptions."""
    page = parse_page(call.query)
    project = get_project(connection, call, "pubsub.subscriptions.list")
    found = subscriptions.list_page(connection, project.id, page.last, page.count)
    return page.format("subscriptions", found, format_subscription, attrgetter("subscription_id"))


@method(body={"subscription": SUBSCRIPTION, "updateMask": TEXT})
async def patch_subscription(call: Call) -> Result:
    """Changes the members that updateMask, in the body, names."""
    body, mask = call.body.get("subscription", {}), call.body.get("updateMask", "")
    # Checked first: a wrong mask or value is an error for an unknown subscription too.
    if not mask:
        raise InvalidArgument(
            "The update_mask in the UpdateSubscriptionRequest must be set, and must contain a path."
        )
    list_paths(mask, body, SUBSCRIPTION)
    parse_settings(body)
    await _check_new_endpoint(call, body.get("pushConfig", {}))
    return await _change(
        call, lambda current: merge_message(mask, body, format_subscription(current), SUBSCRIPTION)
    )


@method(body={"pushConfig": PUSH_CONFIG})
async def modify_push_config(call: Call) -> Result:
    """Replaces the push configuration; an empty one makes a subscription that clients pull."""
    push = call.body.get("pushConfig", {})
    await _check_new_endpoint(call, push)
    await _change(call, lambda current: {**current.settings, "pushConfig": push})
    return {}


@writes()
def delete_subscription(connection: Connection, call: Call) -> Result:
    """Deletes a subscription with its messages."""
    found = get_subscription(connection, call, "pubsub.subscriptions.delete")
    backlog.clear(connection, found)
    subscriptions.remove(connection, found)
    return {}


@writes()
def detach_subscription(connection: Connection, call: Call) -> Result:
    """Detaches a subscription from its topic, for administrators of the topic: it gets no more messages."""
    found = get_subscription_of_topic(connection, call, "pubsub.topics.detachSubscription")
    backlog.clear(connection, found)
    subscriptions.detach(connection, found)
    return {}


@method(body={"time": TEXT, "snapshot": MISSING})
async def seek(call: Call) -> Result:
    """Acknowledges the messages before an instant, and delivers later ones again."""
    instant_ms = _parse_instant(call.body.get("time"))

    def work(connection: Connection) -> None:
        found = get_subscription(connection, call, "pubsub.subscriptions.consume")
        now_ms = call.now_ms
        backlog.seek(connection, found, instant_ms, now_ms=now_ms)
        subscriptions.use(connection, found, now_ms=now_ms)

    await call.services.database.write(work)
    return {}


def get_subscription_of_topic(connection: Connection, call: Call, permission: str) -> Subscription:
    """Returns the subscription in the path, if the caller has the permission on its topic.

    Raises the errors of `get_subscription`.
    """
    project = find_project(connection, call.path["project"])
    project_id = project.project_id if project else call.path["project"]
    found = subscriptions.find(connection, project_id, call.path["subscription"])
    if found is None or found.topic is None:
        return get_subscription(connection, call, permission)
    _, topic_project, _, topic_id = found.topic_name.split("/")
    get_named_topic(connection, call, topic_project, topic_id, permission)
    return found


async def _check_new_endpoint(call: Call, push_config: Mapping[str, Any]) -> None:
    def authorize(connection: Connection) -> Subscription:
        return get_subscription(connection, call, _UPDATE)

    await check_push_endpoint(call, push_config, authorize)


async def _change(call: Call, change: Any) -> dict[str, Any]:
    def work(connection: Connection) -> dict[str, Any]:
        found = get_subscription(connection, call, _UPDATE)
        settings = parse_settings({**change(found), "name": found.name})
        settings = {
            name: value for name, value in settings.items() if name in SUBSCRIPTION and name not in _SHOWN
        }
        if settings.get("pushConfig") != found.settings.get("pushConfig"):
            check_push_config(connection, call, settings)
        if settings.get("deadLetterPolicy") != found.settings.get("deadLetterPolicy"):
            settings = _find_dead_letter_topic(connection, call, settings)
        subscriptions.change(connection, found, settings, now_ms=call.now_ms)
        return format_subscription(get_subscription(connection, call, _UPDATE))

    return await call.services.database.write(work)


# Shown, and set by the server.
_SHOWN = ("state", "detached")


def _find_dead_letter_topic(connection: Connection, call: Call, settings: dict[str, Any]) -> dict[str, Any]:
    """Returns the settings with the dead-letter topic's name by its project's ID.

    The caller needs the permission that Pub/Sub's service agent needs at Google. Raises the errors of
    `get_named_topic`.
    """
    policy = settings.get("deadLetterPolicy")
    if policy is None:
        return settings
    project, topic_id = parse_name(TOPICS, policy["deadLetterTopic"])
    topic = get_named_topic(connection, call, project, topic_id, "pubsub.topics.publish")
    return {**settings, "deadLetterPolicy": {**policy, "deadLetterTopic": topic.name}}


def _parse_instant(text: str | None) -> int:
    """Returns a timestamp of RFC 3339 in milliseconds. Raises InvalidArgument."""
    try:
        if text is None or len(text) > _TIME_SIZE:
            raise ValueError(text)
        instant = datetime.fromisoformat(text)
        if instant.tzinfo is None:
            instant = instant.replace(tzinfo=timezone.utc)
        return max(0, int(instant.timestamp() * 1000))
    except (ValueError, OverflowError) as error:
        raise InvalidArgument(
            "Invalid value for time: it must be a timestamp, such as 2026-01-01T00:00:00Z."
        ) from error
