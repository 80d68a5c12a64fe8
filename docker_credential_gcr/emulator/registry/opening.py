"""A repository comes to be with the first thing that is pushed to it."""

from sqlalchemy import Connection

from docker_credential_gcr.emulator.hosts import Target
from docker_credential_gcr.emulator.records import repositories
from docker_credential_gcr.emulator.records.repositories import Repository

from .errors import NameUnknown
from .services import Services
from .token import create_bucket


def open_repository(services: Services, connection: Connection, target: Target) -> Repository:
    """The repository, made if it was not there, and its bucket with it. Raises NameUnknown."""
    repository = repositories.find(connection, target.bucket, target.path)
    if repository is None:
        create_bucket(services, connection, target)
        repository = repositories.create(connection, target.bucket, target.path)
    if repository is None:
        raise NameUnknown(f"Project 'project:{target.project_id}' not found or deleted.")
    return repository
