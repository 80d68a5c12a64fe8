"""Subscriptions in JSON: their members, defaults and rules.

https://cloud.google.com/pubsub/docs/reference/rest/v1/projects.subscriptions#Subscription
"""

from collections.abc import Mapping
from typing import Any

from docker_credential_gcr.emulator.database.pubsub.subscriptions import (
    DEFAULTS,
    Subscription,
    parse_milliseconds,
)
from docker_credential_gcr.emulator.google.rest.errors import InvalidArgument
from docker_credential_gcr.emulator.google.rest.labels import parse_labels
from docker_credential_gcr.emulator.google.rest.message_schema import (
    COUNT,
    DURATION,
    FLAG,
    MISSING,
    OUTPUT,
    TEXT,
    VALUE,
    Fixed,
    Map,
    Message,
)

from .durations import check_duration
from .message_filters import InvalidFilter, parse_filter
from .names import TOPICS, parse_name
from .topics import RETENTION_S

PUSH_CONFIG: Message = {
    "pushEndpoint": TEXT,
    "oidcToken": {"serviceAccountEmail": TEXT, "audience": TEXT},
    "attributes": Map(TEXT),
    "noWrapper": {"writeMetadata": FLAG},
    "pubsubWrapper": {},
}
SUBSCRIPTION: Message = {
    "name": Fixed(TEXT),
    "topic": Fixed(TEXT),
    "pushConfig": PUSH_CONFIG,
    "ackDeadlineSeconds": COUNT,
    "retainAckedMessages": FLAG,
    "messageRetentionDuration": DURATION,
    "labels": Map(VALUE),
    "enableMessageOrdering": Fixed(FLAG),
    "expirationPolicy": {"ttl": DURATION},
    "filter": Fixed(TEXT),
    "deadLetterPolicy": {"deadLetterTopic": TEXT, "maxDeliveryAttempts": COUNT},
    "retryPolicy": {"minimumBackoff": DURATION, "maximumBackoff": DURATION},
    "enableExactlyOnceDelivery": FLAG,
    **dict.fromkeys(("detached", "state", "topicMessageRetentionDuration"), OUTPUT),
    "analyticsHubSubscriptionInfo": OUTPUT,
    **dict.fromkeys(("bigqueryConfig", "cloudStorageConfig", "bigtableConfig"), MISSING),
    **dict.fromkeys(("messageTransforms", "tags"), MISSING),
}
_DAY_S = 24 * 3600
_BACKOFF_S = (0, 600)
_DEFAULT_BACKOFF = {"minimumBackoff": "10s", "maximumBackoff": "600s"}
_ATTEMPTS = (5, 100)
DEADLINE_S = (10, 600)
# The members that are columns of their own.
_NAMES = ("name", "topic")


def format_subscription(subscription: Subscription) -> dict[str, Any]:
    """Returns {"name", "topic", "pushConfig", "ackDeadlineSeconds", …, "state": "ACTIVE"}."""
    document = {
        "name": subscription.name,
        "topic": subscription.topic_name,
        "pushConfig": {},
        **DEFAULTS,
        **subscription.settings,
        "state": "ACTIVE",
    }
    return {**document, "detached": True} if subscription.is_detached else document


def parse_settings(body: Mapping[str, Any]) -> dict[str, Any]:
    """Returns a subscription's settings, without defaults. Raises InvalidArgument."""
    settings = {
        name: value
        for name, value in body.items()
        # An empty expirationPolicy is one that never expires.
        if name not in _NAMES and (name == "expirationPolicy" or value not in ("", 0, False, {}))
    }
    if "labels" in settings:
        settings["labels"] = parse_labels(settings["labels"])
    _check_times(settings)
    if "deadLetterPolicy" in settings:
        settings["deadLetterPolicy"] = _parse_dead_letters(settings["deadLetterPolicy"])
    if "retryPolicy" in settings:
        settings["retryPolicy"] = _parse_retries(settings["retryPolicy"])
    try:
        parse_filter(settings.get("filter", ""))
    except InvalidFilter as error:
        raise InvalidArgument(f"Invalid filter: {error}.") from error
    return settings


def check_deadline(seconds: int) -> None:
    """Raises InvalidArgument for a deadline that no subscription can have."""
    least, most = DEADLINE_S
    if not least <= seconds <= most:
        raise InvalidArgument(f"Invalid ackDeadlineSeconds {seconds}: it must be from {least} to {most}.")


def _check_times(settings: Mapping[str, Any]) -> None:
    if "ackDeadlineSeconds" in settings:
        check_deadline(settings["ackDeadlineSeconds"])
    retention = settings.get("messageRetentionDuration", DEFAULTS["messageRetentionDuration"])
    check_duration("messageRetentionDuration", retention, *RETENTION_S)
    lifetime = settings.get("expirationPolicy", {}).get("ttl")
    if lifetime is None:
        return
    if parse_milliseconds(lifetime) < max(_DAY_S * 1000, parse_milliseconds(retention)):
        raise InvalidArgument(
            f"Invalid expirationPolicy.ttl {lifetime}: it must be at least a day, and the "
            "messageRetentionDuration."
        )


def _parse_dead_letters(policy: Mapping[str, Any]) -> dict[str, Any]:
    project, topic_id = parse_name(TOPICS, policy.get("deadLetterTopic"))
    attempts, (least, most) = policy.get("maxDeliveryAttempts") or _ATTEMPTS[0], _ATTEMPTS
    if not least <= attempts <= most:
        raise InvalidArgument(f"Invalid maxDeliveryAttempts {attempts}: it must be from {least} to {most}.")
    return {"deadLetterTopic": f"projects/{project}/topics/{topic_id}", "maxDeliveryAttempts": attempts}


def _parse_retries(policy: Mapping[str, Any]) -> dict[str, Any]:
    parsed = {**_DEFAULT_BACKOFF, **policy}
    for name, duration in parsed.items():
        check_duration(f"retryPolicy.{name}", duration, *_BACKOFF_S)
    first, last = parsed["minimumBackoff"], parsed["maximumBackoff"]
    if parse_milliseconds(first) > parse_milliseconds(last):
        raise InvalidArgument("Invalid retryPolicy: minimumBackoff must not be more than maximumBackoff.")
    return parsed
