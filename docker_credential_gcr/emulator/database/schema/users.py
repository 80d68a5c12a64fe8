"""Tables of users and their logins; the whole schema is in __init__.py."""

from sqlalchemy import Column, Table

from .columns import NUMBER, TEXT, metadata, new_id, new_reference

users = Table(
    "users",
    metadata,
    new_id(),
    Column("email", TEXT, nullable=False, unique=True),
    Column("unique_id", TEXT, nullable=False, unique=True),
    Column("name", TEXT, nullable=False),
    Column("created_at", NUMBER, nullable=False),
)

# A login: the scopes that a user granted a client, until it is revoked. Of the refresh token only `digest` is
# stored. `scope` is separated by blanks; `id` names the login in access tokens.
logins = Table(
    "logins",
    metadata,
    Column("id", TEXT, primary_key=True),
    new_reference("user", "users.id", index=True),
    Column("client_id", TEXT, nullable=False),
    Column("scope", TEXT, nullable=False),
    Column("digest", TEXT, nullable=False, unique=True),
    Column("created_at", NUMBER, nullable=False),
)

# Authorization codes, by a digest; `login` is the login that a code was exchanged for: a client that sends
# the code again ends it. The login's row is deleted when it is revoked.
authorization_codes = Table(
    "authorization_codes",
    metadata,
    Column("digest", TEXT, primary_key=True),
    new_reference("user", "users.id", index=True),
    Column("client_id", TEXT, nullable=False),
    Column("redirect_uri", TEXT, nullable=False),
    Column("scope", TEXT, nullable=False),
    Column("challenge", TEXT, nullable=False),
    Column("challenge_method", TEXT, nullable=False),
    Column("nonce", TEXT, nullable=False),
    Column("expires_at", NUMBER, nullable=False, index=True),
    Column("login", TEXT, nullable=True),
)
