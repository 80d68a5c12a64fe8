"""Initial state of the database: the projects of the settings; at the server's start, and after a reset."""

from sqlalchemy import Connection, delete

from docker_credential_gcr.emulator.database import control_documents, schema
from docker_credential_gcr.emulator.database.accounts import service_accounts
from docker_credential_gcr.emulator.database.images import doomed, uploads
from docker_credential_gcr.emulator.database.projects import projects
from docker_credential_gcr.emulator.database.schema import federation, users
from docker_credential_gcr.emulator.gce_instance import Instance
from docker_credential_gcr.emulator.identity.redirection import RegistryKind
from docker_credential_gcr.emulator.settings import Settings

# The tables that a reset empties; the rows of all other tables depend on theirs.
_RESET_TABLES = (
    schema.operations,
    schema.events,
    schema.watermarks,
    schema.webhooks,
    schema.deliveries,
    schema.policies,
    schema.projects,
    users.users,
    federation.spent_tokens,
    federation.aws_access_keys,
)


def prepare(connection: Connection, settings: Settings, now: float) -> None:
    """Creates the projects; clears the control state and unfinished writes of earlier servers.

    Those of other servers on the database are left: they may be in progress.
    """
    _create_projects(connection, settings, now)
    if settings.database is None:
        control_documents.clear(connection)
        doomed.end_writes(connection)


def reset(connection: Connection, settings: Settings, now: float) -> None:
    """Deletes everything, and creates the projects of the settings again."""
    for table in _RESET_TABLES:
        connection.execute(delete(table))
    _create_projects(connection, settings, now)


def _create_projects(connection: Connection, settings: Settings, now: float) -> None:
    for project_id in settings.projects:
        if projects.find(connection, project_id) is None:
            projects.create(connection, project_id, name=project_id, kind=settings.registry, now=now)
    if settings.instance is not None:
        _create_account(connection, settings.instance, settings.registry, now)
    uploads.end_stale(connection, before=now - settings.limits.upload_lifetime_s)


def _create_account(connection: Connection, instance: Instance, kind: RegistryKind, now: float) -> None:
    """Creates the project and the service account of the instance if they are absent."""
    project = projects.find(connection, instance.project) or projects.create(
        connection, instance.project, name=instance.project, kind=kind, now=now
    )
    if instance.account is not None and service_accounts.find(connection, instance.account) is None:
        account = instance.account.partition("@")[0]
        service_accounts.create(connection, project, account, display_name="", now=now)
