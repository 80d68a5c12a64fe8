"""Topics of Pub/Sub."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, bindparam, delete, insert, select, update

from docker_credential_gcr.emulator.database.engine import dialect
from docker_credential_gcr.emulator.database.engine.statement import insert_new
from docker_credential_gcr.emulator.database.schema import policies, projects, topics

# The registries publish to it. https://cloud.google.com/container-registry/docs/configuring-notifications
GCR = "gcr"

_SELECT = select(
    topics.c.id, topics.c.project, projects.c.project_id, *topics.c["topic_id", "settings"]
).join(projects, projects.c.id == topics.c.project)
_FIND = _SELECT.where(
    projects.c.project_id == bindparam("of_project"), topics.c.topic_id == bindparam("wanted")
)
_LIST = (
    _SELECT.where(topics.c.project == bindparam("of_project"), topics.c.topic_id > bindparam("after"))
    .order_by(topics.c.topic_id)
    .limit(bindparam("count"))
)
_INSERT = insert(topics)
_ENSURE = dialect.insert(topics).on_conflict_do_nothing()
_UPDATE = update(topics).where(topics.c.id == bindparam("wanted")).values(settings=bindparam("new_settings"))
_DELETE = delete(topics).where(topics.c.id == bindparam("wanted"))
_DELETE_POLICY = delete(policies).where(policies.c.resource == bindparam("wanted"))


@dataclass(frozen=True)
class Topic:
    """A topic; `id` and `project` are numbers of rows, `settings` what a client has set."""

    id: int
    project: int
    project_id: str
    topic_id: str
    settings: Mapping[str, Any]

    @property
    def name(self) -> str:
        """Returns projects/my-project/topics/gcr, which is also the key of its policy."""
        return format_topic(self.project_id, self.topic_id)


def format_topic(project_id: str, topic_id: str) -> str:
    """Returns the name of a topic: projects/my-project/topics/gcr."""
    return f"projects/{project_id}/topics/{topic_id}"


def find(connection: Connection, project_id: str, topic_id: str) -> Topic | None:
    """Returns the topic of that ID."""
    row = connection.execute(_FIND, {"of_project": project_id, "wanted": topic_id}).one_or_none()
    return None if row is None else Topic(*row)


def find_named(connection: Connection, name: str) -> Topic | None:
    """Returns the topic projects/P/topics/T, where P is the project's ID."""
    _, project_id, _, topic_id = name.split("/")
    return find(connection, project_id, topic_id)


def list_page(connection: Connection, project: int, after: str, count: int) -> Iterable[Topic]:
    """Returns at most `count` topics of the project, those with greater IDs than `after`."""
    values = {"of_project": project, "after": after, "count": count}
    return [Topic(*row) for row in connection.execute(_LIST, values)]


def create(connection: Connection, project: int, topic_id: str, settings: Mapping[str, Any]) -> None:
    """Creates a topic. Raises AlreadyExists."""
    values = {"project": project, "topic_id": topic_id, "settings": settings}
    insert_new(connection, _INSERT, values, topic_id)


def ensure_gcr(connection: Connection, project: int) -> None:
    """Creates the topic `gcr` of a project unless it exists."""
    connection.execute(_ENSURE, {"project": project, "topic_id": GCR, "settings": {}})


def change(connection: Connection, topic: Topic, settings: Mapping[str, Any]) -> None:
    """Replaces the settings."""
    connection.execute(_UPDATE, {"wanted": topic.id, "new_settings": settings})


def remove(connection: Connection, topic: Topic) -> None:
    """Deletes a topic and its policy; its subscriptions stay, with their messages."""
    connection.execute(_DELETE, {"wanted": topic.id})
    connection.execute(_DELETE_POLICY, {"wanted": topic.name})
