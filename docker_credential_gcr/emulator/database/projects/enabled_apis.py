"""Enabled APIs of a project, and the obstacles to a request to one."""

from enum import Enum

from sqlalchemy import Connection, and_, bindparam, select

from docker_credential_gcr.emulator.database.engine.dialect import insert
from docker_credential_gcr.emulator.database.schema import projects, services

from .projects import Project

_FIND = (
    select(projects.c.deleted_at, services.c.enabled)
    .select_from(projects)
    .outerjoin(services, and_(services.c.project == projects.c.id, services.c.name == bindparam("wanted")))
    .where(projects.c.project_id == bindparam("of_project"))
)
_LIST = select(services.c.name, services.c.enabled).where(services.c.project == bindparam("of_project"))
_INSERT = insert(services)
_SET = _INSERT.on_conflict_do_update(
    index_elements=["project", "name"], set_={"enabled": _INSERT.excluded.enabled}
)


class Obstacle(Enum):
    """A reason why an API refuses every request about a project."""

    DELETED = "the project is deleted"
    DISABLED = "the API is switched off"


def find_obstacle(connection: Connection, project_id: str, service: str) -> Obstacle | None:
    """Returns the obstacle to a service, such as containerregistry.googleapis.com, in a project.

    None for a project that does not exist: IAM decides who may learn that.
    """
    row = connection.execute(_FIND, {"wanted": service, "of_project": project_id}).one_or_none()
    if row is None:
        return None
    if row.deleted_at is not None:
        return Obstacle.DELETED
    return Obstacle.DISABLED if row.enabled is False else None


def list_switched(connection: Connection, project: Project) -> dict[str, bool]:
    """Returns the services that were ever switched, and whether each is on."""
    return {row.name: row.enabled for row in connection.execute(_LIST, {"of_project": project.id})}


def switch(connection: Connection, project: Project, service: str, *, on: bool) -> None:
    """Switches a service on or off."""
    connection.execute(_SET, {"project": project.id, "name": service, "enabled": on})
