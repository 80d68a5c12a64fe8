"""Tables of service accounts and their keys; the whole schema is in __init__.py."""

from sqlalchemy import Column, Table

from .columns import NUMBER, TEXT, Flag, Json, make_text, metadata, new_id, new_reference

service_accounts = Table(
    "service_accounts",
    metadata,
    new_id(),
    new_reference("project", "projects.id", index=True),
    Column("email", TEXT, nullable=False, unique=True),
    Column("unique_id", TEXT, nullable=False, unique=True),
    Column("display_name", TEXT, nullable=False),
    Column("created_at", NUMBER, nullable=False),
    Column("description", TEXT, nullable=False, server_default=""),
    Column("disabled", Flag, nullable=False, server_default="0"),
)


service_account_keys = Table(
    "service_account_keys",
    metadata,
    new_id(),
    new_reference("account", "service_accounts.id", index=True),
    Column("key_id", make_text(40), nullable=False, unique=True),
    Column("public_key", TEXT, nullable=False),
    Column("created_at", NUMBER, nullable=False),
    Column("expires_at", NUMBER, nullable=False),
    Column("disabled", Flag, nullable=False, server_default="0"),
    # Whether the user created the key, and uploaded only its public half.
    Column("uploaded", Flag, nullable=False, server_default="0"),
    # The private half, a PEM, of the account's system-managed key; null for a user-managed one.
    Column("private_key", TEXT, nullable=True),
)


# Deleted service accounts that can be undeleted; `document` holds each one's rows, also its keys.
deleted_accounts = Table(
    "deleted_accounts",
    metadata,
    Column("unique_id", TEXT, primary_key=True),
    new_reference("project", "projects.id"),
    Column("deleted_at", NUMBER, nullable=False),
    Column("document", Json, nullable=False),
)
