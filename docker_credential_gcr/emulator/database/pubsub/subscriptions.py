"""Subscriptions of Pub/Sub."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection, bindparam, delete, insert, select, update

from docker_credential_gcr.emulator.database.engine.statement import insert_new
from docker_credential_gcr.emulator.database.schema import policies, projects, subscriptions, topics

# The topic of a subscription whose topic was deleted.
# https://cloud.google.com/pubsub/docs/reference/rest/v1/projects.subscriptions#Subscription
DELETED_TOPIC = "_deleted-topic_"
# https://cloud.google.com/pubsub/docs/subscription-properties
DEFAULTS: Mapping[str, Any] = {
    "ackDeadlineSeconds": 10,
    "messageRetentionDuration": "604800s",
    "expirationPolicy": {"ttl": "2678400s"},
}

_of_topic = projects.alias("topic_projects")
_SELECT = (
    select(
        *subscriptions.c["id", "project"],
        projects.c.project_id,
        *subscriptions.c["subscription_id", "topic"],
        _of_topic.c.project_id.label("topic_project"),
        topics.c.topic_id,
        *subscriptions.c["settings", "is_detached"],
    )
    .join(projects, projects.c.id == subscriptions.c.project)
    .outerjoin(topics, topics.c.id == subscriptions.c.topic)
    .outerjoin(_of_topic, _of_topic.c.id == topics.c.project)
)
_FIND = _SELECT.where(
    projects.c.project_id == bindparam("of_project"), subscriptions.c.subscription_id == bindparam("wanted")
)
_LIST = (
    _SELECT.where(
        subscriptions.c.project == bindparam("of_project"),
        subscriptions.c.subscription_id > bindparam("after"),
    )
    .order_by(subscriptions.c.subscription_id)
    .limit(bindparam("count"))
)
_OF_TOPIC = (
    _SELECT.where(
        subscriptions.c.topic == bindparam("of_topic"), subscriptions.c.is_detached == bindparam("detached")
    )
    .order_by(subscriptions.c.id)
    .limit(bindparam("count"))
)
_ANY = select(subscriptions.c.id).where(subscriptions.c.topic == bindparam("of_topic")).limit(1)
_DEAD_LETTERING = _SELECT.where(subscriptions.c.dead_letter_topic == bindparam("wanted"))
_PUSHING = _SELECT.where(subscriptions.c.push_endpoint.is_not(None)).order_by(subscriptions.c.id)
_HAS_PUSHING = select(subscriptions.c.id).where(subscriptions.c.push_endpoint.is_not(None)).limit(1)
_EXPIRED = _SELECT.where(subscriptions.c.expires_ms <= bindparam("now"))
_HAS_EXPIRED = select(subscriptions.c.id).where(subscriptions.c.expires_ms <= bindparam("now")).limit(1)
_INSERT = insert(subscriptions)
_UPDATE = (
    update(subscriptions)
    .where(subscriptions.c.id == bindparam("wanted"))
    .values(
        settings=bindparam("new_settings"),
        dead_letter_topic=bindparam("new_dead_letter_topic"),
        push_endpoint=bindparam("new_push_endpoint"),
        expires_ms=bindparam("new_expires_ms"),
    )
)
_USE = (
    update(subscriptions)
    .where(subscriptions.c.id == bindparam("wanted"))
    .values(expires_ms=bindparam("new_expires_ms"))
)
_DETACH = update(subscriptions).where(subscriptions.c.id == bindparam("wanted")).values(is_detached=True)
_DELETE = delete(subscriptions).where(subscriptions.c.id == bindparam("wanted"))
_DELETE_POLICY = delete(policies).where(policies.c.resource == bindparam("wanted"))
# A topic has at most 10,000 subscriptions. https://cloud.google.com/pubsub/quotas
MAX_OF_TOPIC = 10_000


@dataclass(frozen=True)
class Subscription:
    """A subscription; `id`, `project` and `topic` are numbers of rows.

    `settings` are the members that a client has set; DEFAULTS has the others.
    """

    id: int
    project: int
    project_id: str
    subscription_id: str
    topic: int | None
    topic_name: str
    settings: Mapping[str, Any]
    is_detached: bool

    @property
    def name(self) -> str:
        """Returns projects/my-project/subscriptions/builds, which is also the key of its policy."""
        return format_subscription(self.project_id, self.subscription_id)

    @property
    def deadline_ms(self) -> int:
        """Returns how long a subscriber has to acknowledge a message."""
        return int(self._get("ackDeadlineSeconds")) * 1000

    @property
    def retention_ms(self) -> int:
        """Returns how long a message is kept."""
        return parse_milliseconds(self._get("messageRetentionDuration"))

    @property
    def retains_acknowledged(self) -> bool:
        """Returns whether acknowledged messages are kept for `seek`."""
        return bool(self.settings.get("retainAckedMessages"))

    @property
    def is_ordered(self) -> bool:
        """Returns whether messages with the same ordering key are delivered in their order."""
        return bool(self.settings.get("enableMessageOrdering"))

    @property
    def max_attempts(self) -> int | None:
        """Returns after how many deliveries a message goes to the dead-letter topic; None is never."""
        policy = self.settings.get("deadLetterPolicy")
        return policy["maxDeliveryAttempts"] if policy else None

    def find_delay_ms(self, attempts: int) -> int:
        """Returns how long a message waits for its next delivery after that many that failed."""
        policy = self.settings.get("retryPolicy")
        if policy is None:
            return 0
        first, last = (parse_milliseconds(policy[name]) for name in ("minimumBackoff", "maximumBackoff"))
        return min(last, first * 2 ** min(attempts - 1, 30)) if attempts else 0

    def find_expiry_ms(self, now_ms: int) -> int | None:
        """Returns when the subscription is deleted if it is used now for the last time; None is never."""
        lifetime = self._get("expirationPolicy").get("ttl")
        return None if lifetime is None else now_ms + parse_milliseconds(lifetime)

    def _get(self, name: str) -> Any:
        return self.settings.get(name, DEFAULTS[name])


def parse_milliseconds(duration: str) -> int:
    """Returns a duration such as 10s or 1.500s in milliseconds."""
    return round(float(duration.removesuffix("s")) * 1000)


def format_subscription(project_id: str, subscription_id: str) -> str:
    """Returns the name of a subscription: projects/my-project/subscriptions/builds."""
    return f"projects/{project_id}/subscriptions/{subscription_id}"


def find(connection: Connection, project_id: str, subscription_id: str) -> Subscription | None:
    """Returns the subscription of that ID."""
    row = connection.execute(_FIND, {"of_project": project_id, "wanted": subscription_id}).one_or_none()
    return None if row is None else _read(row)


def list_page(connection: Connection, project: int, after: str, count: int) -> list[Subscription]:
    """Returns at most `count` subscriptions of the project, those with greater IDs than `after`."""
    return _list(connection, _LIST, of_project=project, after=after, count=count)


def list_of_topic(connection: Connection, topic: int) -> list[Subscription]:
    """Returns the subscriptions of a topic that are not detached."""
    return _list(connection, _OF_TOPIC, of_topic=topic, detached=False, count=MAX_OF_TOPIC)


def has_any(connection: Connection, topic: int) -> bool:
    """Returns whether a topic has subscriptions."""
    return connection.execute(_ANY, {"of_topic": topic}).first() is not None


def list_dead_lettering(connection: Connection, topic_name: str) -> list[Subscription]:
    """Returns the subscriptions whose dead letters go to the topic."""
    return _list(connection, _DEAD_LETTERING, wanted=topic_name)


def list_pushing(connection: Connection) -> list[Subscription]:
    """Returns the subscriptions of all projects whose messages are pushed."""
    return _list(connection, _PUSHING)


def has_pushing(connection: Connection) -> bool:
    """Returns whether `list_pushing` returns any."""
    return connection.execute(_HAS_PUSHING).first() is not None


def list_expired(connection: Connection, now_ms: int) -> list[Subscription]:
    """Returns the subscriptions that no subscriber has used for their lifetime."""
    return _list(connection, _EXPIRED, now=now_ms)


def has_expired(connection: Connection, now_ms: int) -> bool:
    """Returns whether `list_expired` returns any."""
    return connection.execute(_HAS_EXPIRED, {"now": now_ms}).first() is not None


def create(
    connection: Connection,
    project: int,
    subscription_id: str,
    topic: int,
    settings: Mapping[str, Any],
    *,
    now_ms: int,
) -> None:
    """Creates a subscription of a topic. Raises AlreadyExists."""
    made = Subscription(0, project, "", subscription_id, topic, "", settings, False)
    values = {
        "project": project,
        "subscription_id": subscription_id,
        "topic": topic,
        "settings": settings,
        "is_detached": False,
        **_derive(made, now_ms),
    }
    insert_new(connection, _INSERT, values, subscription_id)


def change(
    connection: Connection, subscription: Subscription, settings: Mapping[str, Any], *, now_ms: int
) -> None:
    """Replaces the settings."""
    changed = replace(subscription, settings=settings)
    derived = {f"new_{name}": value for name, value in _derive(changed, now_ms).items()}
    connection.execute(_UPDATE, {"wanted": subscription.id, "new_settings": settings, **derived})


def use(connection: Connection, subscription: Subscription, *, now_ms: int) -> None:
    """Records that a subscriber uses the subscription: it expires later."""
    values = {"wanted": subscription.id, "new_expires_ms": subscription.find_expiry_ms(now_ms)}
    connection.execute(_USE, values)


def detach(connection: Connection, subscription: Subscription) -> None:
    """Detaches the subscription from its topic, for ever."""
    connection.execute(_DETACH, {"wanted": subscription.id})


def remove(connection: Connection, subscription: Subscription) -> None:
    """Deletes a subscription and its policy; `backlog.clear` deletes its messages before."""
    connection.execute(_DELETE, {"wanted": subscription.id})
    connection.execute(_DELETE_POLICY, {"wanted": subscription.name})


def _derive(subscription: Subscription, now_ms: int) -> dict[str, Any]:
    """Returns the columns that repeat a part of the settings, for statements that search them."""
    settings = subscription.settings
    return {
        "dead_letter_topic": settings.get("deadLetterPolicy", {}).get("deadLetterTopic"),
        "push_endpoint": settings.get("pushConfig", {}).get("pushEndpoint") or None,
        "expires_ms": subscription.find_expiry_ms(now_ms),
    }


def _list(connection: Connection, statement: Any, **values: object) -> list[Subscription]:
    return [_read(row) for row in connection.execute(statement, values)]


def _read(row: Sequence[Any]) -> Subscription:
    row_id, project, project_id, subscription_id, topic, topic_project, topic_id, settings, is_detached = row
    name = DELETED_TOPIC if topic is None else f"projects/{topic_project}/topics/{topic_id}"
    return Subscription(
        row_id, project, project_id, subscription_id, topic, name, settings, bool(is_detached)
    )
