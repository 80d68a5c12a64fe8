"""Service account keys: the public halves of user-managed ones, and system-managed ones in whole."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Select, bindparam, delete, insert, select, update

from docker_credential_gcr.emulator.database.engine.statement import Statement, insert_new
from docker_credential_gcr.emulator.database.schema import projects, service_account_keys, service_accounts
from docker_credential_gcr.emulator.identity.assertions import RegisteredKey
from docker_credential_gcr.emulator.identity.keys.service_account_keys import NEVER

from .service_accounts import ServiceAccount

_SELECT: Select[Any] = (
    select(
        service_account_keys.c.key_id,
        service_accounts.c.email,
        projects.c.project_id,
        *service_account_keys.c["public_key", "expires_at", "created_at"],
        projects.c.deleted_at.is_not(None),
    )
    .join(service_accounts, service_accounts.c.id == service_account_keys.c.account)
    .join(projects, projects.c.id == service_accounts.c.project)
)
# A key is active if neither it nor its account is disabled.
_SELECT_ACTIVE = _SELECT.where(service_account_keys.c.disabled == 0, service_accounts.c.disabled == 0)
_FIND = Statement(_SELECT_ACTIVE.where(service_account_keys.c.key_id == bindparam("wanted")))
# The most keys that a signature without a key ID is checked with: twice the number that Google lets an
# account have, because a client needs no credential to ask for the check. https://cloud.google.com/iam/quotas
_MAX_CANDIDATES = 20
_FIND_NEWEST = Statement(
    _SELECT_ACTIVE.where(service_accounts.c.email == bindparam("wanted"))
    .order_by(service_account_keys.c.id.desc())
    .limit(_MAX_CANDIDATES)
)
_SELECT_STORED = _SELECT.add_columns(
    *service_account_keys.c["disabled", "uploaded"], service_account_keys.c.private_key.is_not(None)
)
_FIND_STORED = _SELECT_STORED.where(service_account_keys.c.key_id == bindparam("wanted"))
_LIST = _SELECT_STORED.where(service_account_keys.c.account == bindparam("wanted")).order_by(
    service_account_keys.c.id
)
_FIND_SYSTEM = select(service_account_keys.c.key_id, service_account_keys.c.private_key).where(
    service_account_keys.c.account == bindparam("wanted"), service_account_keys.c.private_key.is_not(None)
)
_INSERT = insert(service_account_keys)
_SET_DISABLED = (
    update(service_account_keys)
    .where(service_account_keys.c.key_id == bindparam("wanted"))
    .values(disabled=bindparam("disabled_now"))
)
_DELETE = delete(service_account_keys).where(service_account_keys.c.key_id == bindparam("wanted"))


@dataclass(frozen=True)
class StoredKey:
    """A key as the owner of its account sees it; `uploaded` if the user created it.

    A system-managed key is the one with which Google itself signs for the account.
    """

    key: RegisteredKey
    disabled: bool = False
    uploaded: bool = False
    is_system_managed: bool = False


@dataclass(frozen=True, repr=False)
class SystemKey:
    """The key with which Google signs for an account; the private half is a PEM, and a secret."""

    key_id: str
    private_key: str


def add(
    connection: Connection,
    account: ServiceAccount,
    key_id: str,
    public_key: str,
    *,
    now: float,
    expires_at: int = NEVER,
    uploaded: bool = False,
    private_key: str | None = None,
) -> StoredKey:
    """Adds a key of the account: the public half as PEM, and the private half of a system-managed key.

    Raises AlreadyExists.
    """
    values = {
        "account": account.id,
        "key_id": key_id,
        "public_key": public_key,
        "created_at": int(now),
        "expires_at": expires_at,
        "uploaded": uploaded,
        "private_key": private_key,
    }
    insert_new(connection, _INSERT, values, key_id)
    key = RegisteredKey(key_id, account.email, account.project_id, public_key, expires_at, int(now))
    return StoredKey(key, uploaded=uploaded, is_system_managed=private_key is not None)


def find(connection: Connection, key_id: str) -> RegisteredKey | None:
    """Returns the active key of that ID."""
    row = _FIND.one(connection, {"wanted": key_id})
    return None if row is None else RegisteredKey(*row)


def find_candidates(connection: Connection, email: str, key_id: str) -> Sequence[RegisteredKey]:
    """Returns the account's active key of that ID; for an empty ID its newest active keys."""
    if not key_id:
        return [RegisteredKey(*row) for row in _FIND_NEWEST.all(connection, {"wanted": email})]
    key = find(connection, key_id)
    return [] if key is None or key.email != email else [key]


def find_stored(connection: Connection, key_id: str) -> StoredKey | None:
    """Returns the key of that ID, active or not."""
    row = connection.execute(_FIND_STORED, {"wanted": key_id}).one_or_none()
    return None if row is None else _read(row)


def find_system(connection: Connection, account: ServiceAccount) -> SystemKey | None:
    """Returns the system-managed key of the account, if it was ever needed."""
    row = connection.execute(_FIND_SYSTEM, {"wanted": account.id}).first()
    return None if row is None else SystemKey(*row)


def list_of(connection: Connection, account: ServiceAccount) -> list[StoredKey]:
    """Returns the account's keys, the oldest first."""
    return [_read(row) for row in connection.execute(_LIST, {"wanted": account.id})]


def set_disabled(connection: Connection, key_id: str, *, disabled: bool) -> None:
    """Disables or enables the key."""
    connection.execute(_SET_DISABLED, {"wanted": key_id, "disabled_now": disabled})


def remove(connection: Connection, key_id: str) -> None:
    """Deletes the key: its signatures are refused from now on."""
    connection.execute(_DELETE, {"wanted": key_id})


def _read(row: Sequence[Any]) -> StoredKey:
    *key, disabled, uploaded, is_system_managed = row
    return StoredKey(RegisteredKey(*key), disabled, uploaded, is_system_managed)
