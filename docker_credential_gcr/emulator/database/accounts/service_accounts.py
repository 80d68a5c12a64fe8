"""Service accounts of the projects."""

import secrets
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Select, bindparam, delete, insert, select, update

from docker_credential_gcr.emulator.database.engine.statement import insert_new
from docker_credential_gcr.emulator.database.projects.projects import Project
from docker_credential_gcr.emulator.database.schema import projects, service_accounts
from docker_credential_gcr.emulator.identity.resource_names import format_email


@dataclass(frozen=True)
class ServiceAccount:
    """A service account; `unique_id` is its number, which no later account of the same address has."""

    id: int
    project_id: str
    email: str
    unique_id: str
    display_name: str
    created_at: int
    description: str = ""
    disabled: bool = False
    in_deleted_project: bool = False

    @property
    def is_active(self) -> bool:
        """Returns whether the account's keys and tokens are accepted."""
        return not self.disabled and not self.in_deleted_project


_SELECT: Select[Any] = select(
    service_accounts.c.id,
    projects.c.project_id,
    *service_accounts.c["email", "unique_id", "display_name", "created_at", "description", "disabled"],
    projects.c.deleted_at.is_not(None),
).join(projects, projects.c.id == service_accounts.c.project)
_FIND = _SELECT.where(service_accounts.c.email == bindparam("wanted"))
_LIST = _SELECT.where(service_accounts.c.project == bindparam("wanted")).order_by(service_accounts.c.email)
_INSERT = insert(service_accounts)
_FIND_UNIQUE_ID = _SELECT.where(service_accounts.c.unique_id == bindparam("wanted"))
_UPDATE = (
    update(service_accounts)
    .where(service_accounts.c.email == bindparam("wanted"))
    .values(display_name=bindparam("new_name"), description=bindparam("new_text"))
)
_SET_DISABLED = (
    update(service_accounts)
    .where(service_accounts.c.email == bindparam("wanted"))
    .values(disabled=bindparam("disabled_now"))
)
_DELETE = delete(service_accounts).where(service_accounts.c.email == bindparam("wanted"))


def create(
    connection: Connection,
    project: Project,
    account: str,
    *,
    display_name: str,
    description: str = "",
    now: float,
) -> ServiceAccount:
    """Creates an account in the project. Raises AlreadyExists."""
    email = format_email(account, project.project_id)
    # 21 digits beginning with 1, as Google's.
    unique_id = str(10**20 + secrets.randbelow(10**20))
    values = {
        "project": project.id,
        "email": email,
        "unique_id": unique_id,
        "display_name": display_name,
        "description": description,
        "created_at": int(now),
    }
    row_id = insert_new(connection, _INSERT, values, email)
    return ServiceAccount(row_id, project.project_id, email, unique_id, display_name, int(now), description)


def find(connection: Connection, name: str) -> ServiceAccount | None:
    """Returns the account of that address, or of that unique ID."""
    statement = _FIND if "@" in name else _FIND_UNIQUE_ID
    row = connection.execute(statement, {"wanted": name}).one_or_none()
    return None if row is None else ServiceAccount(*row)


def list_in(connection: Connection, project: Project) -> list[ServiceAccount]:
    """Returns the project's accounts, sorted by address."""
    return [ServiceAccount(*row) for row in connection.execute(_LIST, {"wanted": project.id})]


def update_texts(connection: Connection, email: str, *, display_name: str, description: str) -> None:
    """Replaces the display name and the description."""
    connection.execute(_UPDATE, {"wanted": email, "new_name": display_name, "new_text": description})


def set_disabled(connection: Connection, email: str, *, disabled: bool) -> None:
    """Disables or enables the account."""
    connection.execute(_SET_DISABLED, {"wanted": email, "disabled_now": disabled})


def remove(connection: Connection, email: str) -> None:
    """Deletes the account and its keys."""
    connection.execute(_DELETE, {"wanted": email})
