"""Creates a repository on the first push to it."""

from sqlalchemy import Connection

from docker_credential_gcr.emulator.hosts import Target
from docker_credential_gcr.emulator.records import repositories
from docker_credential_gcr.emulator.records.repositories import Repository

from . import places
from .services import Services


def open_repository(services: Services, connection: Connection, target: Target) -> Repository:
    """Returns the repository, made if it was not there, and its bucket with it. Raises NameUnknown."""
    repository = places.find(connection, target)
    if repository is None:
        places.create(services, connection, target)
        repository = repositories.create(connection, target.bucket, target.path)
    if repository is None:
        raise places.describe_missing(target)
    return repository
