"""Locations of Artifact Registry's repositories (artifactregistry.googleapis.com).

https://cloud.google.com/artifact-registry/docs/reference/rest/v1/projects.locations
"""

from sqlalchemy import Connection

from docker_credential_gcr.emulator.database.projects.projects import Project
from docker_credential_gcr.emulator.google.rest.calls import Call
from docker_credential_gcr.emulator.google.rest.errors import NotFound
from docker_credential_gcr.emulator.google.rest.list_filters import parse_filter
from docker_credential_gcr.emulator.google.rest.methods import PAGE, Result, reads
from docker_credential_gcr.emulator.google.rest.pagination import parse_page, skip_to_page
from docker_credential_gcr.emulator.sites.locations import LOCATIONS

from .authorization import get_project


@reads("filter", *PAGE)
def list_locations(connection: Connection, call: Call) -> Result:
    """Returns the locations that pass the filter."""
    page, test = parse_page(call.query), parse_filter(call.query, ("name", "locationId"))
    project = get_project(connection, call, "artifactregistry.locations.list")
    found = [name for name in sorted(LOCATIONS) if test is None or test(_format(project, name))]
    return page.format("locations", skip_to_page(found, page, str), lambda name: _format(project, name), str)


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
