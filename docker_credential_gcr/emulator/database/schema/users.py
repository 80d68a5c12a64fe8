"""Tables of users and their logins; the whole schema is in __init__.py."""

from sqlalchemy import Column, Integer, String, Table

from .columns import metadata, new_id, new_reference

users = Table(
    "users",
    metadata,
    new_id(),
    Column("email", String, nullable=False, unique=True),
    Column("unique_id", String, nullable=False, unique=True),
    Column("name", String, nullable=False),
    Column("created_at", Integer, nullable=False),
)

# A login: the scopes that a user granted a client, until it is revoked. Of the refresh token only `digest` is
# stored. `scope` is separated by blanks; `id` names the login in access tokens.
logins = Table(
    "logins",
    metadata,
    Column("id", String, primary_key=True),
    new_reference("user", "users.id", index=True),
    Column("client_id", String, nullable=False),
    Column("scope", String, nullable=False),
    Column("digest", String, nullable=False, unique=True),
    Column("created_at", Integer, nullable=False),
)

# Authorization codes, by a digest; `login` is the login that a code was exchanged for: a client that sends
# the code again ends it. The login's row is deleted when it is revoked.
authorization_codes = Table(
    "authorization_codes",
    metadata,
    Column("digest", String, primary_key=True),
    new_reference("user", "users.id", index=True),
    Column("client_id", String, nullable=False),
    Column("redirect_uri", String, nullable=False),
    Column("scope", String, nullable=False),
    Column("challenge", String, nullable=False),
    Column("challenge_method", String, nullable=False),
    Column("nonce", String, nullable=False),
    Column("expires_at", Integer, nullable=False, index=True),
    Column("login", String, nullable=True),
)
