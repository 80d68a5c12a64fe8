"""Authorization codes: a browser brings one to a client, valid for one use and ten minutes.

https://www.rfc-editor.org/rfc/rfc6749#section-4.1.2
"""

import secrets
from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, delete, insert, select, update

from docker_credential_gcr.emulator.database.schema.users import authorization_codes, users
from docker_credential_gcr.emulator.identity.oauth.scopes import split_scope

from .refresh_tokens import digest_secret
from .users import User

LIFETIME_S = 600
# As Google's codes.
_PREFIX = "4/"


@dataclass(frozen=True)
class CodeGrant:
    """Access that a user granted: the client, its redirect URI, the scopes and the PKCE challenge.

    `challenge` is empty where the client sent none; `nonce` is for the ID token.
    """

    client_id: str
    redirect_uri: str
    oauth_scopes: frozenset[str]
    challenge: str = ""
    challenge_method: str = "plain"
    nonce: str = ""


@dataclass(frozen=True)
class Code:
    """An issued code; `login_id` is the login that it was exchanged for."""

    digest: str
    user: User
    grant: CodeGrant
    expires_at: int
    login_id: str | None


_TABLE = authorization_codes.c
_INSERT = insert(authorization_codes)
_FIND = (
    select(
        *_TABLE["expires_at", "login", "client_id", "redirect_uri"],
        *_TABLE["scope", "challenge", "challenge_method", "nonce"],
        *users.c["id", "email", "unique_id", "name"],
    )
    .join(users, users.c.id == _TABLE.user)
    .where(_TABLE.digest == bindparam("wanted"))
)
_SPEND = (
    update(authorization_codes)
    .where(_TABLE.digest == bindparam("wanted"))
    .values(login=bindparam("exchanged_for"))
)
_DELETE_OLD = delete(authorization_codes).where(_TABLE.expires_at <= bindparam("now"))


def add(connection: Connection, user: User, grant: CodeGrant, *, now: float) -> str:
    """Returns a new code, of which only a digest is stored; deletes expired codes."""
    connection.execute(_DELETE_OLD, {"now": int(now)})
    code = _PREFIX + secrets.token_urlsafe(48)
    values = {
        "digest": digest_secret(code),
        "user": user.id,
        "client_id": grant.client_id,
        "redirect_uri": grant.redirect_uri,
        "scope": " ".join(sorted(grant.oauth_scopes)),
        "challenge": grant.challenge,
        "challenge_method": grant.challenge_method,
        "nonce": grant.nonce,
        "expires_at": int(now) + LIFETIME_S,
    }
    connection.execute(_INSERT, values)
    return code


def find(connection: Connection, code: str, *, now: float) -> Code | None:
    """Returns the code, unless it has expired."""
    digest = digest_secret(code)
    row = connection.execute(_FIND, {"wanted": digest}).one_or_none()
    if row is None or now >= row.expires_at:
        return None
    expires_at, login_id, client_id, redirect_uri, scope, challenge, method, nonce, *user = row
    grant = CodeGrant(client_id, redirect_uri, split_scope(scope), challenge, method, nonce)
    return Code(digest, User(*user), grant, expires_at, login_id)


def spend(connection: Connection, code: Code, login_id: str) -> None:
    """Records the login that the code was exchanged for."""
    connection.execute(_SPEND, {"wanted": code.digest, "exchanged_for": login_id})
