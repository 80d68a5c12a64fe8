"""Redirections: what serves the gcr.io names of each project."""

from sqlalchemy import Connection, bindparam, select, update

from docker_credential_gcr.emulator.database.schema import projects
from docker_credential_gcr.emulator.identity.redirection import Redirection, RegistryKind

_OF_PROJECT = projects.c.project_id == bindparam("wanted")
_FIND = select(*projects.c["registry_kind", "redirection_state", "pull_percent"]).where(_OF_PROJECT)
_SET_STATE = (
    update(projects)
    .where(_OF_PROJECT)
    .values(redirection_state=bindparam("new_state"), pull_percent=bindparam("new_percent"))
)
_SET_KIND = update(projects).where(_OF_PROJECT).values(registry_kind=bindparam("new_kind"))


def find(connection: Connection, project_id: str) -> Redirection | None:
    """Returns the project's redirection; None for a project that does not exist."""
    row = connection.execute(_FIND, {"wanted": project_id}).one_or_none()
    return None if row is None else Redirection(RegistryKind(row[0]), row[1], row[2])


def set_state(connection: Connection, project_id: str, state: str, pull_percent: int) -> None:
    """Sets the state, one of identity.redirection.STATES, and the share of the reads, 0 to 100."""
    values = {"wanted": project_id, "new_state": state, "new_percent": pull_percent}
    connection.execute(_SET_STATE, values)


def set_kind(connection: Connection, project_id: str, kind: RegistryKind) -> None:
    """Sets the kind, and forgets the state, as of a project that was just created."""
    connection.execute(_SET_STATE, {"wanted": project_id, "new_state": None, "new_percent": 0})
    connection.execute(_SET_KIND, {"wanted": project_id, "new_kind": kind.value})
