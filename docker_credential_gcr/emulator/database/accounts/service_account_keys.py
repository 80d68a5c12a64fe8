"""The keys of service accounts: the public halves of those of users, and the one that Google keeps whole."""

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
# Neither a key that is disabled, nor one of an account that is, opens anything.
_SELECT_OPENING = _SELECT.where(service_account_keys.c.disabled == 0, service_accounts.c.disabled == 0)
_FIND = Statement(_SELECT_OPENING.where(service_account_keys.c.key_id == bindparam("wanted")))
# How many keys a signature without the ID of one is checked with, without a credential: twice as many
# as Google lets an account have. https://cloud.google.com/iam/quotas
_MAX_CANDIDATES = 20
_FIND_NEWEST = Statement(
    _SELECT_OPENING.where(service_accounts.c.email == bindparam("wanted"))
    .order_by(service_account_keys.c.id.desc())
    .limit(_MAX_CANDIDATES)
)
_SELECT_KEPT = _SELECT.add_columns(
    *service_account_keys.c["disabled", "uploaded"], service_account_keys.c.private_key.is_not(None)
)
_FIND_KEPT = _SELECT_KEPT.where(service_account_keys.c.key_id == bindparam("wanted"))
_LIST = _SELECT_KEPT.where(service_account_keys.c.account == bindparam("wanted")).order_by(
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
    """A key as its account's owner sees it: it may be disabled, or have been made by the user.

    One that is `is_system_managed` is Google's own for the account.
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
    """Register a key of the account: the public half, a PEM, and of Google's own the private one too.

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
    """The registered key of that ID, if it opens anything."""
    row = _FIND.one(connection, {"wanted": key_id})
    return None if row is None else RegisteredKey(*row)


def find_candidates(connection: Connection, email: str, key_id: str) -> Sequence[RegisteredKey]:
    """Returns the account's key of that ID; for an empty ID its newest keys. All of them open something."""
    if not key_id:
        return [RegisteredKey(*row) for row in _FIND_NEWEST.all(connection, {"wanted": email})]
    key = find(connection, key_id)
    return [] if key is None or key.email != email else [key]


def find_stored(connection: Connection, key_id: str) -> StoredKey | None:
    """The registered key of that ID, disabled or not."""
    row = connection.execute(_FIND_KEPT, {"wanted": key_id}).one_or_none()
    return None if row is None else _read(row)


def find_system(connection: Connection, account: ServiceAccount) -> SystemKey | None:
    """The key that Google keeps for the account, if it was ever needed."""
    row = connection.execute(_FIND_SYSTEM, {"wanted": account.id}).first()
    return None if row is None else SystemKey(*row)


def list_of(connection: Connection, account: ServiceAccount) -> list[StoredKey]:
    """The account's keys, oldest first."""
    return [_read(row) for row in connection.execute(_LIST, {"wanted": account.id})]


def set_disabled(connection: Connection, key_id: str, *, disabled: bool) -> None:
    """Let the key open nothing, or let it open what it did."""
    connection.execute(_SET_DISABLED, {"wanted": key_id, "disabled_now": disabled})


def remove(connection: Connection, key_id: str) -> None:
    """Forget the key: whatever it has signed is refused from now on."""
    connection.execute(_DELETE, {"wanted": key_id})


def _read(row: Sequence[Any]) -> StoredKey:
    *key, disabled, uploaded, is_system_managed = row
    return StoredKey(RegisteredKey(*key), disabled, uploaded, is_system_managed)
