"""Buckets of images: one for each registry host of a project, created by the first push."""

from typing import NamedTuple

from sqlalchemy import Connection, bindparam, select

from docker_credential_gcr.emulator.database.engine.dialect import insert
from docker_credential_gcr.emulator.database.engine.statement import Statement
from docker_credential_gcr.emulator.database.schema import buckets, projects

_FIND = Statement(select(buckets.c.id, buckets.c.name).where(buckets.c.name == bindparam("name")))
_CREATE = (
    insert(buckets)
    .from_select(
        ["project", "name", "location", "created_at"],
        select(
            projects.c.id,
            bindparam("name", type_=buckets.c.name.type),
            bindparam("location", type_=buckets.c.location.type),
            bindparam("now", type_=buckets.c.created_at.type),
        ).where(projects.c.project_id == bindparam("project_id")),
    )
    .on_conflict_do_nothing()
)


class Bucket(NamedTuple):
    """A bucket; `name` is Google's, such as eu.artifacts.my-project.appspot.com."""

    id: int
    name: str


def find(connection: Connection, name: str) -> Bucket | None:
    """Returns the bucket of that name."""
    row = _FIND.one(connection, {"name": name})
    return None if row is None else Bucket(*row)


def create(connection: Connection, name: str, *, project_id: str, location: str, now: float) -> None:
    """Creates the bucket unless it exists."""
    connection.execute(
        _CREATE, {"name": name, "project_id": project_id, "location": location, "now": int(now)}
    )
