"""The public halves of the service account keys; the private ones are kept nowhere."""

from sqlalchemy import Connection, bindparam, delete, insert, select

from docker_credential_gcr.emulator.identity.assertions import RegisteredKey
from docker_credential_gcr.emulator.identity.service_account_keys import NEVER, ServiceAccountKey

from .schema import projects, service_account_keys, service_accounts
from .service_accounts import ServiceAccount
from .statement import Statement

_COLUMNS = (
    service_account_keys.c.key_id,
    service_accounts.c.email,
    projects.c.project_id,
    service_account_keys.c.public_key,
    service_account_keys.c.expires_at,
    service_account_keys.c.created_at,
)
_SELECT = (
    select(*_COLUMNS)
    .join(service_accounts, service_accounts.c.id == service_account_keys.c.account)
    .join(projects, projects.c.id == service_accounts.c.project)
)
_FIND = Statement(_SELECT.where(service_account_keys.c.key_id == bindparam("wanted")))
_LIST = _SELECT.where(service_account_keys.c.account == bindparam("wanted")).order_by(
    service_account_keys.c.id
)
_INSERT = insert(service_account_keys)
_DELETE = delete(service_account_keys).where(service_account_keys.c.key_id == bindparam("wanted"))


def add(
    connection: Connection, account: ServiceAccount, key: ServiceAccountKey, *, now: float
) -> RegisteredKey:
    """Register the public half of a key of the account."""
    values = {
        "account": account.id,
        "key_id": key.key_id,
        "public_key": key.public_key,
        "created_at": int(now),
        "expires_at": NEVER,
    }
    connection.execute(_INSERT, values)
    return RegisteredKey(key.key_id, account.email, account.project_id, key.public_key, NEVER, int(now))


def find(connection: Connection, key_id: str) -> RegisteredKey | None:
    """The registered key of that ID."""
    row = _FIND.one(connection, {"wanted": key_id})
    return None if row is None else RegisteredKey(*row)


def list_of(connection: Connection, account: ServiceAccount) -> list[RegisteredKey]:
    """The account's keys, oldest first."""
    return [RegisteredKey(*row) for row in connection.execute(_LIST, {"wanted": account.id})]


def remove(connection: Connection, key_id: str) -> None:
    """Forget the key: whatever it has signed is refused from now on."""
    connection.execute(_DELETE, {"wanted": key_id})
