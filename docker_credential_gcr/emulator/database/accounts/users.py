"""Users who log in: those that were created, and those that a policy names."""

import re
import secrets
from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, select, update

from docker_credential_gcr.emulator.database.engine.dialect import insert
from docker_credential_gcr.emulator.database.projects import policies
from docker_credential_gcr.emulator.database.schema.users import users
from docker_credential_gcr.emulator.identity.resource_names import is_user_email


@dataclass(frozen=True)
class User:
    """A user; `unique_id` is the number that Google gives a user, the `sub` of ID tokens."""

    id: int
    email: str
    unique_id: str
    name: str


# In a policy's JSON.
_NAMED = re.compile(r'"user:([^"\\]+)"')
_FIND = select(*users.c["id", "email", "unique_id", "name"]).where(users.c.email == bindparam("wanted"))
_LIST = select(users.c.email, users.c.name).order_by(users.c.email).limit(bindparam("count"))
_INSERT = insert(users).on_conflict_do_nothing(index_elements=[users.c.email])
_RENAME = update(users).where(users.c.email == bindparam("wanted")).values(name=bindparam("new_name"))


def find(connection: Connection, email: str) -> User | None:
    """Returns the user that was created with that address."""
    row = connection.execute(_FIND, {"wanted": email}).one_or_none()
    return None if row is None else User(*row)


def put(connection: Connection, email: str, *, name: str = "", now: float) -> User:
    """Returns the user of that address, created if missing; a name replaces the earlier one."""
    # 21 digits beginning with 1, as Google's.
    unique_id = str(10**20 + secrets.randbelow(10**20))
    values = {"email": email, "unique_id": unique_id, "name": "", "created_at": int(now)}
    connection.execute(_INSERT, values)
    if name:
        connection.execute(_RENAME, {"wanted": email, "new_name": name})
    return User(*connection.execute(_FIND, {"wanted": email}).one())


def is_known(connection: Connection, email: str) -> bool:
    """Returns whether a user was created with that address, or a policy names it."""
    if find(connection, email) is not None:
        return True
    return is_user_email(email) and bool(policies.list_naming(connection, f"user:{email}"))


def list_known(connection: Connection, *, count: int) -> list[tuple[str, str]]:
    """Returns (address, name) of at most `count` users, sorted; one that only a policy names has no name."""
    known = {row.email: row.name for row in connection.execute(_LIST, {"count": count})}
    for document in policies.list_documents(connection, "user"):
        if len(known) >= count:
            break
        for email in _NAMED.findall(document):
            if is_user_email(email):
                known.setdefault(email, "")
    return sorted(known.items())[:count]
