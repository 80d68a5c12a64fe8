"""Projects at /_emulator/: what serves their gcr.io names, for which Google has no API.

{"projectId": "my-project", "registry": "container-registry",
 "legacyRedirectionState": "REDIRECTION_FROM_GCR_IO_DISABLED", "pullPercent": 0}
"""

from sqlalchemy import Connection
from starlette.responses import JSONResponse, Response

from docker_credential_gcr.emulator.database.engine.database import Database
from docker_credential_gcr.emulator.database.projects import redirection
from docker_credential_gcr.emulator.identity.redirection import KINDS, Redirection, RegistryKind

from .request_body import InvalidBody


def parse_kind(document: object) -> RegistryKind:
    """Returns the kind that a body names. Raises InvalidBody."""
    if not isinstance(document, dict) or [*document] != ["registry"] or document["registry"] not in KINDS:
        raise InvalidBody(f'expected {{"registry": KIND}}, where KIND is {", ".join(KINDS)}')
    return RegistryKind(document["registry"])


async def show_project(database: Database, project_id: str) -> Response:
    """Returns the response that shows the project, or says that there is none."""
    found = await database.read(lambda connection: redirection.find(connection, project_id))
    return _format(project_id, found)


async def change_project(database: Database, project_id: str, kind: RegistryKind) -> Response:
    """Changes the kind, and forgets the redirection that was set; returns the response that shows both."""

    def work(connection: Connection) -> Redirection | None:
        redirection.set_kind(connection, project_id, kind)
        return redirection.find(connection, project_id)

    return _format(project_id, await database.write(work))


def _format(project_id: str, found: Redirection | None) -> Response:
    if found is None:
        return JSONResponse({"error": f"there is no project {project_id[:100]!r}"}, 404)
    return JSONResponse(
        {
            "projectId": project_id,
            "registry": found.kind.value,
            "legacyRedirectionState": found.reported_state,
            "pullPercent": found.pull_percent,
        }
    )
