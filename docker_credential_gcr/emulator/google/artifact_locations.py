"""Where Artifact Registry has repositories: a table.

https://cloud.google.com/artifact-registry/docs/repositories/repo-locations
"""

from starlette.requests import Request
from starlette.responses import JSONResponse

from docker_credential_gcr.emulator.records.projects import Project

from .access import find_caller
from .artifact_access import get_project
from .errors import NotFound
from .paging import cut, parse_page
from .services import Services

# Name -> what people call it; those of several regions first.
LOCATIONS = {
    "asia": "Asia",
    "europe": "Europe",
    "us": "United States",
    "africa-south1": "Johannesburg",
    "asia-east1": "Taiwan",
    "asia-east2": "Hong Kong",
    "asia-northeast1": "Tokyo",
    "asia-northeast2": "Osaka",
    "asia-northeast3": "Seoul",
    "asia-south1": "Mumbai",
    "asia-south2": "Delhi",
    "asia-southeast1": "Singapore",
    "asia-southeast2": "Jakarta",
    "australia-southeast1": "Sydney",
    "australia-southeast2": "Melbourne",
    "europe-central2": "Warsaw",
    "europe-north1": "Finland",
    "europe-southwest1": "Madrid",
    "europe-west1": "Belgium",
    "europe-west2": "London",
    "europe-west3": "Frankfurt",
    "europe-west4": "Netherlands",
    "europe-west6": "Zürich",
    "europe-west8": "Milan",
    "europe-west9": "Paris",
    "europe-west10": "Berlin",
    "europe-west12": "Turin",
    "me-central1": "Doha",
    "me-central2": "Dammam",
    "me-west1": "Tel Aviv",
    "northamerica-northeast1": "Montréal",
    "northamerica-northeast2": "Toronto",
    "southamerica-east1": "São Paulo",
    "southamerica-west1": "Santiago",
    "us-central1": "Iowa",
    "us-east1": "South Carolina",
    "us-east4": "Northern Virginia",
    "us-east5": "Columbus",
    "us-south1": "Dallas",
    "us-west1": "Oregon",
    "us-west2": "Los Angeles",
    "us-west3": "Salt Lake City",
    "us-west4": "Las Vegas",
}


async def list_locations(request: Request, services: Services) -> JSONResponse:
    """Every location."""
    caller = find_caller(request, services)
    page = parse_page(request)
    with services.database.read() as connection:
        project = get_project(connection, request, caller, "artifactregistry.locations.list")
    found = cut(sorted(LOCATIONS), page, str)
    return JSONResponse(page.format("locations", found, lambda name: _format(project, name), str))


async def get_location(request: Request, services: Services) -> JSONResponse:
    """One location."""
    caller = find_caller(request, services)
    name = check_location(request)

    with services.database.read() as connection:
        project = get_project(connection, request, caller, "artifactregistry.locations.get")
    return JSONResponse(_format(project, name))


def check_location(request: Request) -> str:
    """The location in the path. Raises NotFound."""
    name: str = request.path_params["location"]
    if name not in LOCATIONS:
        raise NotFound(f"Location {name} is not found or access is unauthorized.")
    return name


def _format(project: Project, name: str) -> dict[str, str]:
    return {
        "name": f"projects/{project.project_id}/locations/{name}",
        "locationId": name,
        "displayName": LOCATIONS[name],
    }
