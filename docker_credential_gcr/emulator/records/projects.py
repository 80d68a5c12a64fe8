"""The projects: each a name that users choose and a number that Google gives."""

import secrets
from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, insert, select
from sqlalchemy.exc import IntegrityError

from .errors import AlreadyExists as AlreadyExists
from .schema import projects


@dataclass(frozen=True)
class Project:
    """`project_id` is what images are named with, `number` is Google's, `id` is the row's."""

    id: int
    project_id: str
    number: str
    name: str
    created_at: int


_COLUMNS = (projects.c.id, projects.c.project_id, projects.c.number, projects.c.name, projects.c.created_at)
_INSERT = insert(projects)
_FIND = select(*_COLUMNS).where(projects.c.project_id == bindparam("wanted"))
_FIND_NUMBER = select(*_COLUMNS).where(projects.c.number == bindparam("wanted"))
_LIST = select(*_COLUMNS).order_by(projects.c.project_id)


def create(connection: Connection, project_id: str, *, name: str, now: float) -> Project:
    """Add a project with a number of its own. Raises AlreadyExists."""
    # Twelve digits, as Google's newer ones.
    number = str(10**11 + secrets.randbelow(9 * 10**11))
    values = {"project_id": project_id, "number": number, "name": name, "created_at": int(now)}
    try:
        result = connection.execute(_INSERT, values)
    except IntegrityError as error:
        raise AlreadyExists(project_id) from error
    (row_id,) = result.inserted_primary_key or (0,)
    return Project(row_id, project_id, number, name, int(now))


def find(connection: Connection, project_id: str) -> Project | None:
    """The project of that ID."""
    row = connection.execute(_FIND, {"wanted": project_id}).one_or_none()
    return None if row is None else Project(*row)


def find_by_number(connection: Connection, number: str) -> Project | None:
    """The project of that number."""
    row = connection.execute(_FIND_NUMBER, {"wanted": number}).one_or_none()
    return None if row is None else Project(*row)


def list_all(connection: Connection) -> list[Project]:
    """Every project, by ID."""
    return [Project(*row) for row in connection.execute(_LIST).all()]
