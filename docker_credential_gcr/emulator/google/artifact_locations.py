"""artifactregistry.googleapis.com: where repositories can be.

https://cloud.google.com/artifact-registry/docs/reference/rest/v1/projects.locations
"""

from starlette.requests import Request
from starlette.responses import JSONResponse

from docker_credential_gcr.emulator.locations import LOCATIONS
from docker_credential_gcr.emulator.records.projects import Project

from .access import find_caller
from .artifact_access import get_project
from .errors import NotFound
from .paging import cut, parse_page
from .services import Services


async def list_locations(request: Request, services: Services) -> JSONResponse:
    """Every location."""
    caller = find_caller(request, services)
    page = parse_page(request)
    with services.database.reading() as connection:
        project = get_project(connection, request, caller, "artifactregistry.locations.list")
    found = cut(sorted(LOCATIONS), page, str)
    return JSONResponse(page.format("locations", found, lambda name: _format(project, name), str))


async def get_location(request: Request, services: Services) -> JSONResponse:
    """One location."""
    caller = find_caller(request, services)
    name = check_location(request)

    with services.database.reading() as connection:
        project = get_project(connection, request, caller, "artifactregistry.locations.get")
    return JSONResponse(_format(project, name))


def check_location(request: Request) -> str:
    """The location in the path. Raises NotFound."""
    name: str = request.path_params["location"]
    if name not in LOCATIONS:
        raise NotFound(f"Location {name} is not found or access is unauthorized.")
    return name


def _format(project: Project, name: str) -> dict[str, str]:
    return {"name": f"projects/{project.project_id}/locations/{name}", "locationId": name}
