"""Locations of Artifact Registry's repositories (artifactregistry.googleapis.com).

https://cloud.google.com/artifact-registry/docs/reference/rest/v1/projects.locations
"""

from sqlalchemy import Connection

from docker_credential_gcr.emulator.database.projects.projects import Project
from docker_credential_gcr.emulator.google.rest.calls import Call
from docker_credential_gcr.emulator.google.rest.errors import NotFound
from docker_credential_gcr.emulator.google.rest.methods import PAGE, Result, reads
from docker_credential_gcr.emulator.google.rest.pagination import parse_page, skip_to_page
from docker_credential_gcr.emulator.sites.locations import LOCATIONS

from .authorization import get_project


@reads(*PAGE)
def list_locations(connection: Connection, call: Call) -> Result:
    """Returns every location."""
    page = parse_page(call.query)
    project = get_project(connection, call, "artifactregistry.locations.list")
    found = skip_to_page(sorted(LOCATIONS), page, str)
    return page.format("locations", found, lambda name: _format(project, name), str)


@reads()
def show_location(connection: Connection, call: Call) -> Result:
    """Returns one location."""
    name = get_location(call)
    return _format(get_project(connection, call, "artifactregistry.locations.get"), name)


def get_location(call: Call) -> str:
    """Returns the location in the path. Raises NotFound."""
    name = call.path["location"]
    if name not in LOCATIONS:
        raise NotFound(f"Location {name} is not found or access is unauthorized.")
    return name


def _format(project: Project, name: str) -> dict[str, str]:
    return {"name": f"projects/{project.project_id}/locations/{name}", "locationId": name}
