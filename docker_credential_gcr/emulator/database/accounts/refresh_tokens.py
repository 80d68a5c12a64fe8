"""Refresh tokens: each is a login of a user at a client, and ends when it is revoked."""

import hashlib
import secrets
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Select, bindparam, delete, insert, select

from docker_credential_gcr.emulator.database.engine.statement import Statement
from docker_credential_gcr.emulator.database.schema.users import logins, users
from docker_credential_gcr.emulator.identity.credentials import LOGIN_PREFIX
from docker_credential_gcr.emulator.identity.oauth.scopes import split_scope

from .users import User

# As Google's tokens.
REFRESH_TOKEN_PREFIX = "1//"


@dataclass(frozen=True)
class Login:
    """A user's grant to a client; access tokens hold its `id`."""

    id: str
    user: User
    client_id: str
    oauth_scopes: frozenset[str]


_SELECT = select(*logins.c["id", "client_id", "scope"], *users.c["id", "email", "unique_id", "name"]).join(
    users, users.c.id == logins.c.user
)
_FIND = _SELECT.where(logins.c.digest == bindparam("wanted"))
_FIND_BY_ID = _SELECT.where(logins.c.id == bindparam("wanted"))
_IS_ACTIVE = Statement(select(logins.c.id).where(logins.c.id == bindparam("wanted")))
_INSERT = insert(logins)
_DELETE = delete(logins).where(logins.c.id == bindparam("wanted"))


def begin(
    connection: Connection, user: User, client_id: str, oauth_scopes: frozenset[str], *, now: float
) -> tuple[Login, str]:
    """Returns a new login and its refresh token, of which only a digest is stored."""
    refresh_token = REFRESH_TOKEN_PREFIX + secrets.token_urlsafe(48)
    login = Login(LOGIN_PREFIX + secrets.token_hex(16), user, client_id, oauth_scopes)
    values = {
        "id": login.id,
        "user": user.id,
        "client_id": client_id,
        "scope": " ".join(sorted(oauth_scopes)),
        "digest": digest_secret(refresh_token),
        "created_at": int(now),
    }
    connection.execute(_INSERT, values)
    return login, refresh_token


def find(connection: Connection, refresh_token: str) -> Login | None:
    """Returns the active login of that refresh token."""
    return _find(connection, _FIND, digest_secret(refresh_token))


def find_by_id(connection: Connection, login_id: str) -> Login | None:
    """Returns the login of that ID, if it is active."""
    return _find(connection, _FIND_BY_ID, login_id)


def is_active(connection: Connection, login_id: str) -> bool:
    """Returns whether the login of that ID is active."""
    return _IS_ACTIVE.one(connection, {"wanted": login_id}) is not None


def end(connection: Connection, login_id: str) -> None:
    """Ends the login: its refresh token and its access tokens are refused from now on."""
    connection.execute(_DELETE, {"wanted": login_id})


def digest_secret(secret: str) -> str:
    """Returns the digest of a secret to store. No salt: the secret has too many random bits to be guessed."""
    return hashlib.sha256(secret.encode()).hexdigest()


def _find(connection: Connection, statement: "Select[Any]", wanted: str) -> Login | None:
    row = connection.execute(statement, {"wanted": wanted}).one_or_none()
    if row is None:
        return None
    login_id, client_id, scope, *user = row
    return Login(login_id, User(*user), client_id, split_scope(scope))
