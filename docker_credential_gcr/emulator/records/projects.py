"""The projects: each a name that users choose and a number that Google gives."""

import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, bindparam, insert, select, update

from docker_credential_gcr.emulator.strict_json import decode_stored

from .insertion import insert_new
from .schema import projects


@dataclass(frozen=True)
class Project:
    """`project_id` is what images are named with, `number` is Google's, `id` is the row's.

    `deleted_at` is when its deletion was asked for, `parent` what it lies below: folders/ID.
    """

    id: int
    project_id: str
    number: str
    name: str
    created_at: int
    labels: Mapping[str, str] = field(default_factory=dict)
    deleted_at: int | None = None
    parent: str = ""


_COLUMNS = (
    projects.c.id,
    projects.c.project_id,
    projects.c.number,
    projects.c.name,
    projects.c.created_at,
    projects.c.labels,
    projects.c.deleted_at,
    projects.c.parent,
)
_INSERT = insert(projects)
_FIND = select(*_COLUMNS).where(projects.c.project_id == bindparam("wanted"))
_FIND_NUMBER = select(*_COLUMNS).where(projects.c.number == bindparam("wanted"))
_UPDATE = (
    update(projects)
    .where(projects.c.id == bindparam("wanted"))
    .values(name=bindparam("new_name"), labels=bindparam("new_labels"))
)
_SET_DELETED = (
    update(projects).where(projects.c.id == bindparam("wanted")).values(deleted_at=bindparam("instant"))
)
_SET_PARENT = update(projects).where(projects.c.id == bindparam("wanted")).values(parent=bindparam("above"))
_LIST = select(*_COLUMNS).order_by(projects.c.project_id)


def create(
    connection: Connection,
    project_id: str,
    *,
    name: str,
    labels: Mapping[str, str] | None = None,
    parent: str = "",
    now: float,
) -> Project:
    """Add a project with a number of its own. Raises AlreadyExists."""
    # Twelve digits, as Google's newer ones.
    number = str(10**11 + secrets.randbelow(9 * 10**11))
    values = {
        "project_id": project_id,
        "number": number,
        "name": name,
        "created_at": int(now),
        "labels": json.dumps(labels or {}),
        "parent": parent,
    }
    row_id = insert_new(connection, _INSERT, values, project_id)
    return Project(row_id, project_id, number, name, int(now), labels or {}, None, parent)


def find(connection: Connection, project_id: str) -> Project | None:
    """The project of that ID."""
    row = connection.execute(_FIND, {"wanted": project_id}).one_or_none()
    return None if row is None else _read(row)


def find_by_number(connection: Connection, number: str) -> Project | None:
    """The project of that number."""
    row = connection.execute(_FIND_NUMBER, {"wanted": number}).one_or_none()
    return None if row is None else _read(row)


def list_all(connection: Connection) -> list[Project]:
    """Every project, by ID."""
    return [_read(row) for row in connection.execute(_LIST).all()]


def update_texts(connection: Connection, project: Project, *, name: str, labels: Mapping[str, str]) -> None:
    """Change what people read of the project."""
    values = {"wanted": project.id, "new_name": name, "new_labels": json.dumps(labels)}
    connection.execute(_UPDATE, values)


def set_parent(connection: Connection, project: Project, parent: str) -> None:
    """Puts the project below another folder or organization."""
    connection.execute(_SET_PARENT, {"wanted": project.id, "above": parent})


def set_deleted(connection: Connection, project: Project, *, now: float | None) -> None:
    """Ask for the deletion of the project and all that is in it, or, with None, take that back."""
    connection.execute(_SET_DELETED, {"wanted": project.id, "instant": None if now is None else int(now)})


def _read(row: Sequence[Any]) -> Project:
    row_id, project_id, number, name, created_at, labels, deleted_at, parent = row
    return Project(row_id, project_id, number, name, created_at, decode_stored(labels), deleted_at, parent)
