"""The tables of people and their logins; schema.py is the whole schema."""

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

# What a user has allowed a client, until it is revoked. The refresh token itself is kept nowhere:
# `digest` is all of it. `scope` is a list between blanks; `id` names the login in access tokens.
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

# The codes on their way from a browser to a client, by a digest; `login` is what one was traded for:
# whoever comes with it again ends that login. It has no row of its own any more once it is revoked.
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
