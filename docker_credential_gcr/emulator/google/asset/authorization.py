"""Authorization in Cloud Asset's API: the project of a call, in which the API must be enabled."""

from sqlalchemy import Connection

from docker_credential_gcr.emulator.database.projects import enabled_apis
from docker_credential_gcr.emulator.database.projects.enabled_apis import Obstacle
from docker_credential_gcr.emulator.database.projects.projects import Project
from docker_credential_gcr.emulator.google.rest.errors import ServiceDisabled
from docker_credential_gcr.emulator.identity.google_services import CLOUD_ASSET, SERVICES


def check_service(connection: Connection, project: Project) -> None:
    """Raises ServiceDisabled if the API is disabled in the project."""
    if enabled_apis.find_obstacle(connection, project.project_id, CLOUD_ASSET) is Obstacle.DISABLED:
        raise ServiceDisabled(SERVICES[CLOUD_ASSET], CLOUD_ASSET, project.number)
