"""Tables of service accounts and their keys; the whole schema is in __init__.py."""

from sqlalchemy import Column, Integer, String, Table

from .columns import Flag, Json, metadata, new_id, new_reference

service_accounts = Table(
    "service_accounts",
    metadata,
    new_id(),
    new_reference("project", "projects.id", index=True),
    Column("email", String, nullable=False, unique=True),
    Column("unique_id", String, nullable=False, unique=True),
    Column("display_name", String, nullable=False),
    Column("created_at", Integer, nullable=False),
    Column("description", String, nullable=False, server_default=""),
    Column("disabled", Flag, nullable=False, server_default="0"),
)


service_account_keys = Table(
    "service_account_keys",
    metadata,
    new_id(),
    new_reference("account", "service_accounts.id", index=True),
    Column("key_id", String(40), nullable=False, unique=True),
    Column("public_key", String, nullable=False),
    Column("created_at", Integer, nullable=False),
    Column("expires_at", Integer, nullable=False),
    Column("disabled", Flag, nullable=False, server_default="0"),
    # Whether the user created the key, and uploaded only its public half.
    Column("uploaded", Flag, nullable=False, server_default="0"),
    # The private half, a PEM, of the account's system-managed key; null for a user-managed one.
    Column("private_key", String, nullable=True),
)


# Deleted service accounts that can be undeleted; `document` holds each one's rows, also its keys.
deleted_accounts = Table(
    "deleted_accounts",
    metadata,
    Column("unique_id", String, primary_key=True),
    new_reference("project", "projects.id"),
    Column("deleted_at", Integer, nullable=False),
    Column("document", Json, nullable=False),
)
