"""Creates a repository on the first push to it."""

from sqlalchemy import Connection

from docker_credential_gcr.emulator.hosts import Target
from docker_credential_gcr.emulator.records import repositories
from docker_credential_gcr.emulator.records.repositories import Repository

from . import places
from .services import Services


def find_repository(services: Services, connection: Connection, target: Target) -> Repository | None:
    """Returns the repository, if it is there, which is remembered until one goes.

    Raises NameUnknown as `places.find`.
    """
    return services.repositories.recall(
        (target.bucket, target.path),
        lambda: places.find(connection, target),
        measure=lambda found: None if found is None else 0,
    )


def open_repository(services: Services, connection: Connection, target: Target) -> Repository:
    """The repository, made if it was not there, and its bucket with it. Raises NameUnknown."""
    repository = find_repository(services, connection, target)
    if repository is None:
        places.create(services, connection, target)
        repository = repositories.create(connection, target.bucket, target.path)
    if repository is None:
        raise places.describe_missing(target)
    return repository
