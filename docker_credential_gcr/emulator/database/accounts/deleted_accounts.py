"""Deleted service accounts that can be undeleted, each stored as a document.

{"account": {row}, "keys": [{row}, …], "policy": {the IAM policy of the account}}
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, bindparam, delete, insert, select

from docker_credential_gcr.emulator.database.engine.statement import insert_new
from docker_credential_gcr.emulator.database.projects.projects import Project
from docker_credential_gcr.emulator.database.schema import (
    deleted_accounts,
    service_account_keys,
    service_accounts,
)

from .service_accounts import ServiceAccount

# https://cloud.google.com/iam/docs/service-accounts-delete-undelete
RETENTION_S = 30 * 24 * 3600

_ACCOUNT = select(service_accounts).where(service_accounts.c.id == bindparam("wanted"))
_KEYS = select(service_account_keys).where(service_account_keys.c.account == bindparam("wanted"))
_INSERT = insert(deleted_accounts)
_EXPIRE = delete(deleted_accounts).where(deleted_accounts.c.deleted_at <= bindparam("before"))
_FIND = select(deleted_accounts.c.document).where(
    deleted_accounts.c.unique_id == bindparam("wanted"),
    deleted_accounts.c.project == bindparam("of_project"),
    deleted_accounts.c.deleted_at > bindparam("before"),
)
_DELETE = delete(deleted_accounts).where(deleted_accounts.c.unique_id == bindparam("wanted"))


@dataclass(frozen=True)
class Restored:
    """The address of an undeleted account, and the policy that it had."""

    email: str
    policy: Mapping[str, Any]


def save(connection: Connection, account: ServiceAccount, policy: Mapping[str, Any], *, now: float) -> None:
    """Saves an account that is about to be deleted, with its keys and its policy."""
    (row,) = connection.execute(_ACCOUNT, {"wanted": account.id}).mappings()
    keys = [dict(key) for key in connection.execute(_KEYS, {"wanted": account.id}).mappings()]
    values = {
        "unique_id": account.unique_id,
        "project": row["project"],
        "deleted_at": int(now),
        "document": {"account": dict(row), "keys": keys, "policy": policy},
    }
    connection.execute(_EXPIRE, {"before": int(now) - RETENTION_S})
    connection.execute(_INSERT, values)


def restore(connection: Connection, project: Project, unique_id: str, *, now: float) -> Restored | None:
    """Restores the project's account; None if it was not deleted, or more than RETENTION_S ago.

    Raises AlreadyExists if another account has its address or one of its keys: a certificate can be uploaded
    again after the deletion.
    """
    values = {"wanted": unique_id, "of_project": project.id, "before": int(now) - RETENTION_S}
    stored = connection.execute(_FIND, values).scalar_one_or_none()
    if stored is None:
        return None
    email: str = stored["account"]["email"]
    address = f"Service account {email} exists"
    account = _insert_row(connection, insert(service_accounts), stored["account"], address)
    for key in stored["keys"]:
        taken = f"Key {key['key_id']} exists in another service account"
        _insert_row(connection, insert(service_account_keys), {**key, "account": account}, taken)
    connection.execute(_DELETE, {"wanted": unique_id})
    return Restored(email, stored["policy"])


def _insert_row(connection: Connection, statement: Any, row: Mapping[str, Any], taken: str) -> int:
    """Returns the number of the new row: the old number may be in use. Raises AlreadyExists(taken)."""
    values = {name: value for name, value in row.items() if name != "id"}
    row_id: int = insert_new(connection, statement, values, taken)
    return row_id
