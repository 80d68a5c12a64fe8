"""Projects: each has an ID that users choose and a number that Google assigns."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field, fields

from sqlalchemy import Connection, bindparam, insert, select, update

from docker_credential_gcr.emulator.database.engine.statement import insert_new
from docker_credential_gcr.emulator.database.pubsub import topics
from docker_credential_gcr.emulator.database.schema import projects
from docker_credential_gcr.emulator.identity.redirection import DEFAULT_KIND, RegistryKind


@dataclass(frozen=True)
class Project:
    """A project; `project_id` is in the names of images, `number` is Google's, `id` is the row's.

    `deleted_at` is when its deletion was requested, `parent` is folders/ID or organizations/ID.
    """

    id: int
    project_id: str
    number: str
    name: str
    created_at: int
    labels: Mapping[str, str] = field(default_factory=dict)
    deleted_at: int | None = None
    parent: str = ""


_SELECT = select(*(projects.c[column.name] for column in fields(Project)))
_INSERT = insert(projects)
_FIND = _SELECT.where(projects.c.project_id == bindparam("wanted"))
_FIND_NUMBER = _SELECT.where(projects.c.number == bindparam("wanted"))
_UPDATE = (
    update(projects)
    .where(projects.c.id == bindparam("wanted"))
    .values(name=bindparam("new_name"), labels=bindparam("new_labels"))
)
_SET_DELETED = (
    update(projects).where(projects.c.id == bindparam("wanted")).values(deleted_at=bindparam("instant"))
)
_SET_PARENT = (
    update(projects).where(projects.c.id == bindparam("wanted")).values(parent=bindparam("new_parent"))
)
_LIST = _SELECT.order_by(projects.c.project_id)


def create(
    connection: Connection,
    project_id: str,
    *,
    name: str,
    labels: Mapping[str, str] | None = None,
    parent: str = "",
    kind: RegistryKind = DEFAULT_KIND,
    now: float,
) -> Project:
    """Creates a project with a new number; with the topic `gcr` if it has Container Registry.

    Raises AlreadyExists.
    """
    # Twelve digits, as newer projects have at Google.
    number = str(10**11 + secrets.randbelow(9 * 10**11))
    values = {
        "project_id": project_id,
        "number": number,
        "name": name,
        "created_at": int(now),
        "labels": labels or {},
        "parent": parent,
        "registry_kind": kind.value,
    }
    row_id = insert_new(connection, _INSERT, values, project_id)
    if kind is RegistryKind.CONTAINER_REGISTRY:
        topics.ensure_gcr(connection, row_id)
    return Project(row_id, project_id, number, name, int(now), labels or {}, None, parent)


def find(connection: Connection, project_id: str) -> Project | None:
    """Returns the project of that ID."""
    row = connection.execute(_FIND, {"wanted": project_id}).one_or_none()
    return None if row is None else Project(*row)


def find_by_number(connection: Connection, number: str) -> Project | None:
    """Returns the project of that number."""
    row = connection.execute(_FIND_NUMBER, {"wanted": number}).one_or_none()
    return None if row is None else Project(*row)


def list_all(connection: Connection) -> list[Project]:
    """Returns every project, sorted by ID."""
    return [Project(*row) for row in connection.execute(_LIST)]


def update_texts(connection: Connection, project: Project, *, name: str, labels: Mapping[str, str]) -> None:
    """Replaces the name and the labels."""
    values = {"wanted": project.id, "new_name": name, "new_labels": labels}
    connection.execute(_UPDATE, values)


def set_parent(connection: Connection, project: Project, parent: str) -> None:
    """Moves the project into a folder or organization."""
    connection.execute(_SET_PARENT, {"wanted": project.id, "new_parent": parent})


def set_deleted(connection: Connection, project: Project, *, now: float | None) -> None:
    """Requests the deletion of the project with its content; None undeletes it."""
    connection.execute(_SET_DELETED, {"wanted": project.id, "instant": None if now is None else int(now)})
