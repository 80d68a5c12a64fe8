"""projectSettings: whether Artifact Registry serves the gcr.io names of a project.

https://cloud.google.com/artifact-registry/docs/reference/rest/v1/ProjectSettings
"""

from typing import Any

from sqlalchemy import Connection

from docker_credential_gcr.emulator.database.projects import redirection
from docker_credential_gcr.emulator.database.projects.projects import Project
from docker_credential_gcr.emulator.google.rest.calls import Call
from docker_credential_gcr.emulator.google.rest.errors import FailedPrecondition, InvalidArgument
from docker_credential_gcr.emulator.google.rest.field_masks import list_paths
from docker_credential_gcr.emulator.google.rest.methods import Result, method, reads
from docker_credential_gcr.emulator.google.rest.request_messages import PROJECT_SETTINGS
from docker_credential_gcr.emulator.identity.redirection import (
    FINALIZED,
    PARTIAL,
    PARTIAL_AND_COPYING,
    STATES,
    Redirection,
)

from .authorization import get_project

_STATE, _PERCENT = "legacyRedirectionState", "pullPercent"


@reads()
def show_settings(connection: Connection, call: Call) -> Result:
    """Returns the settings of a project."""
    project = get_project(connection, call, "artifactregistry.projectsettings.get")
    return _format(project, _get(connection, project))


@method("updateMask", body=PROJECT_SETTINGS)
async def patch_settings(call: Call) -> Result:
    """Changes the state, and the share of the reads that Artifact Registry answers in a partial one.

    gcloud sends the share without naming it in the mask: it counts with the state.
    """
    paths = list_paths(call.query.get("updateMask", ""), call.body, PROJECT_SETTINGS)
    named = {name for (name,) in paths}
    state, percent = call.body.get(_STATE), call.body.get(_PERCENT, 0)
    if _STATE in named and state is None:
        raise InvalidArgument(f"{_STATE} must be one of {', '.join(STATES)}")
    if percent > 100:
        raise InvalidArgument(f"{_PERCENT} must be a number from 0 to 100")

    def work(connection: Connection) -> dict[str, Any]:
        project = get_project(connection, call, "artifactregistry.projectsettings.update")
        current = _get(connection, project)
        if named:
            new = (state if _STATE in named else current.reported_state) or ""
            _check(current, new, percent)
            redirection.set_state(connection, project.project_id, new, percent)
        return _format(project, _get(connection, project))

    return await call.services.database.write(work)


def _check(current: Redirection, state: str, percent: int) -> None:
    """Raises FailedPrecondition or InvalidArgument for a state that cannot follow the current one."""
    if current.state == FINALIZED and state != FINALIZED:
        raise FailedPrecondition("Redirection has already been finalized: its state cannot be changed.")
    if percent and state not in (PARTIAL, PARTIAL_AND_COPYING):
        raise InvalidArgument(f"{_PERCENT} needs the state {PARTIAL} or {PARTIAL_AND_COPYING}")


def _get(connection: Connection, project: Project) -> Redirection:
    found = redirection.find(connection, project.project_id)
    assert found is not None  # noqa: S101 - `get_project` found it in this transaction
    return found


def _format(project: Project, found: Redirection) -> dict[str, Any]:
    document: dict[str, Any] = {
        "name": f"projects/{project.project_id}/projectSettings",
        _STATE: found.reported_state,
    }
    return {**document, _PERCENT: found.pull_percent} if found.pull_percent else document
