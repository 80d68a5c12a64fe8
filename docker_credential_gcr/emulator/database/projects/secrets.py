"""Secrets of Secret Manager and their versions."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import Connection, bindparam, delete, insert, null, select, update

from docker_credential_gcr.emulator.database.engine.statement import insert_new
from docker_credential_gcr.emulator.database.schema import policies, projects
from docker_credential_gcr.emulator.database.schema.secrets import secret_versions, secrets

ENABLED, DISABLED, DESTROYED = "ENABLED", "DISABLED", "DESTROYED"

_SELECT = select(
    secrets.c.id,
    projects.c.project_id,
    projects.c.number,
    *secrets.c["secret_id", "settings", "created_ms", "updated_ms", "last"],
).join(projects, projects.c.id == secrets.c.project)
_FIND = _SELECT.where(
    projects.c.project_id == bindparam("of_project"), secrets.c.secret_id == bindparam("wanted")
)
_LIST = (
    _SELECT.where(secrets.c.project == bindparam("of_project"), secrets.c.secret_id > bindparam("after"))
    .order_by(secrets.c.secret_id)
    .limit(bindparam("count"))
)
_INSERT = insert(secrets)
_UPDATE = (
    update(secrets)
    .where(secrets.c.id == bindparam("wanted"))
    .values(settings=bindparam("new_settings"), updated_ms=bindparam("now_ms"))
)
_DELETE = delete(secrets).where(secrets.c.id == bindparam("wanted"))
_DELETE_POLICY = delete(policies).where(policies.c.resource == bindparam("wanted"))
_OF_SECRET = secret_versions.c.secret_row == bindparam("of_secret")
_NUMBERED = (_OF_SECRET, secret_versions.c.number == bindparam("wanted"))
_COLUMNS = secret_versions.c["number", "state", "is_checked", "created_ms", "destroyed_ms"]
_FIND_VERSION = select(*_COLUMNS).where(*_NUMBERED)
_LIST_VERSIONS = (
    select(*_COLUMNS)
    .where(_OF_SECRET, secret_versions.c.number < bindparam("before"))
    .order_by(secret_versions.c.number.desc())
    .limit(bindparam("count"))
)
_READ = select(secret_versions.c.data).where(*_NUMBERED)
_ADD_VERSION = insert(secret_versions)
_COUNT_VERSION = update(secrets).where(secrets.c.id == bindparam("wanted")).values(last=bindparam("number"))
_SET_STATE = update(secret_versions).where(*_NUMBERED).values(state=bindparam("new_state"))
_DESTROY = (
    update(secret_versions)
    .where(*_NUMBERED)
    .values(state=DESTROYED, data=null(), destroyed_ms=bindparam("now_ms"))
)


@dataclass(frozen=True)
class Secret:
    """A secret; `id` is its row, `settings` what a client has set, `last` its newest version's number."""

    id: int
    project_id: str
    project_number: str
    secret_id: str
    settings: Mapping[str, Any]
    created_ms: int
    updated_ms: int
    last: int

    @property
    def policy_name(self) -> str:
        """Returns projects/my-project/secrets/password, the key of its policy."""
        return format_secret(self.project_id, self.secret_id)

    @property
    def name(self) -> str:
        """Returns projects/123456789012/secrets/password, the name that Google's API shows."""
        return format_secret(self.project_number, self.secret_id)


class Version(NamedTuple):
    """A version without its data; `is_checked` if the client sent a checksum."""

    number: int
    state: str
    is_checked: bool
    created_ms: int
    destroyed_ms: int | None


def format_secret(project: str, secret_id: str) -> str:
    """Returns the name of a secret in a project, by ID or number."""
    return f"projects/{project}/secrets/{secret_id}"


def find(connection: Connection, project_id: str, secret_id: str) -> Secret | None:
    """Returns the secret of that ID."""
    row = connection.execute(_FIND, {"of_project": project_id, "wanted": secret_id}).one_or_none()
    return None if row is None else Secret(*row)


def list_page(connection: Connection, project: int, after: str, count: int) -> Iterable[Secret]:
    """Returns at most `count` secrets of the project, those with greater IDs than `after`."""
    values = {"of_project": project, "after": after, "count": count}
    return [Secret(*row) for row in connection.execute(_LIST, values)]


def create(
    connection: Connection, project: int, secret_id: str, settings: Mapping[str, Any], *, now_ms: int
) -> None:
    """Creates a secret without a version. Raises AlreadyExists."""
    values = {
        "project": project,
        "secret_id": secret_id,
        "settings": settings,
        "created_ms": now_ms,
        "updated_ms": now_ms,
        "last": 0,
    }
    insert_new(connection, _INSERT, values, secret_id)


def change(connection: Connection, secret: Secret, settings: Mapping[str, Any], *, now_ms: int) -> None:
    """Replaces the settings."""
    connection.execute(_UPDATE, {"wanted": secret.id, "new_settings": settings, "now_ms": now_ms})


def remove(connection: Connection, secret: Secret) -> None:
    """Deletes a secret with its versions and its policy."""
    connection.execute(_DELETE, {"wanted": secret.id})
    connection.execute(_DELETE_POLICY, {"wanted": secret.policy_name})


def add_version(
    connection: Connection, secret: Secret, data: bytes, *, is_checked: bool, now_ms: int
) -> Version:
    """Adds a version, which is enabled."""
    number = secret.last + 1
    version = Version(number, ENABLED, is_checked, now_ms, None)
    connection.execute(_ADD_VERSION, {"secret_row": secret.id, "data": data, **version._asdict()})
    connection.execute(_COUNT_VERSION, {"wanted": secret.id, "number": number})
    return version


def find_version(connection: Connection, secret: Secret, number: int) -> Version | None:
    """Returns the version of that number."""
    row = connection.execute(_FIND_VERSION, {"of_secret": secret.id, "wanted": number}).one_or_none()
    return None if row is None else Version(*row)


def list_versions(connection: Connection, secret: Secret, before: int, count: int) -> Iterable[Version]:
    """Returns at most `count` versions with smaller numbers than `before`, the newest first."""
    values = {"of_secret": secret.id, "before": before, "count": count}
    return [Version(*row) for row in connection.execute(_LIST_VERSIONS, values)]


def read(connection: Connection, secret: Secret, number: int) -> bytes:
    """Returns the data of a version that is not destroyed."""
    data: bytes = connection.execute(_READ, {"of_secret": secret.id, "wanted": number}).scalar_one()
    return data


def set_state(connection: Connection, secret: Secret, number: int, state: str, *, now_ms: int) -> None:
    """Enables, disables or destroys a version: the data of a destroyed one is deleted."""
    values = {"of_secret": secret.id, "wanted": number}
    if state == DESTROYED:
        connection.execute(_DESTROY, {**values, "now_ms": now_ms})
    else:
        connection.execute(_SET_STATE, {**values, "new_state": state})
