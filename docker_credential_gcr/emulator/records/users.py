"""The people who log in: those who were made, and those whom a policy names."""

import secrets
from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, select, update
from sqlalchemy.dialects.sqlite import insert

from docker_credential_gcr.emulator.identity.names import is_user_email

from . import policies
from .schema_people import users


@dataclass(frozen=True)
class User:
    """`unique_id` is Google's number for a person: the `sub` of ID tokens."""

    id: int
    email: str
    unique_id: str
    name: str


_COLUMNS = (users.c.id, users.c.email, users.c.unique_id, users.c.name)
_FIND = select(*_COLUMNS).where(users.c.email == bindparam("wanted"))
_LIST = select(users.c.email, users.c.name)
_INSERT = insert(users).on_conflict_do_nothing(index_elements=[users.c.email])
_RENAME = update(users).where(users.c.email == bindparam("wanted")).values(name=bindparam("new_name"))


def find(connection: Connection, email: str) -> User | None:
    """The person who was made with that address."""
    row = connection.execute(_FIND, {"wanted": email}).one_or_none()
    return None if row is None else User(*row)


def put(connection: Connection, email: str, *, name: str = "", now: float) -> User:
    """The person with that address, made where there is none; a name replaces the one before."""
    # 21 digits beginning with 1, as Google's.
    unique_id = str(10**20 + secrets.randbelow(10**20))
    values = {"email": email, "unique_id": unique_id, "name": "", "created_at": int(now)}
    connection.execute(_INSERT, values)
    if name:
        connection.execute(_RENAME, {"wanted": email, "new_name": name})
    return User(*connection.execute(_FIND, {"wanted": email}).one())


def is_known(connection: Connection, email: str) -> bool:
    """Whether somebody was made with that address, or a policy names it."""
    return find(connection, email) is not None or email in _list_named(connection)


def list_known(connection: Connection) -> list[tuple[str, str]]:
    """The address and the name of each, by address; of those whom only policies name, no name."""
    made = {row.email: row.name for row in connection.execute(_LIST)}
    return sorted({**dict.fromkeys(_list_named(connection), ""), **made}.items())


def _list_named(connection: Connection) -> set[str]:
    members = {
        member
        for _, policy in policies.list_all(connection)
        for binding in policy.bindings
        for member in binding.members
    }
    emails = {member.removeprefix("user:") for member in members if member.startswith("user:")}
    return {email for email in emails if is_user_email(email)}
