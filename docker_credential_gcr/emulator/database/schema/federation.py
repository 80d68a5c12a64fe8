"""Tables of workload identity federation; the whole schema is in __init__.py."""

from sqlalchemy import Column, Table, UniqueConstraint

from .columns import NUMBER, TEXT, Json, metadata, new_id, new_reference

# Pools of external identities; `settings` is the JSON object of the pool or provider as it was sent,
# `deleted_at` is when its deletion was requested.
workload_identity_pools = Table(
    "workload_identity_pools",
    metadata,
    new_id(),
    new_reference("project", "projects.id"),
    Column("pool_id", TEXT, nullable=False),
    Column("settings", TEXT, nullable=False),
    Column("deleted_at", NUMBER, nullable=True),
    UniqueConstraint("project", "pool_id"),
)

workload_identity_providers = Table(
    "workload_identity_providers",
    metadata,
    new_id(),
    new_reference("pool", "workload_identity_pools.id"),
    Column("provider_id", TEXT, nullable=False),
    Column("settings", TEXT, nullable=False),
    Column("deleted_at", NUMBER, nullable=True),
    UniqueConstraint("pool", "provider_id"),
)

# Digests of subject tokens that were exchanged, until they expire: none is exchanged twice.
spent_tokens = Table(
    "spent_tokens",
    metadata,
    Column("digest", TEXT, primary_key=True),
    Column("expires_at", NUMBER, nullable=False, index=True),
    sqlite_with_rowid=False,
)

# Access keys of AWS that sign requests to STS; `identity` is the object with which AWS would answer
# GetCallerIdentity.
aws_access_keys = Table(
    "aws_access_keys",
    metadata,
    Column("access_key_id", TEXT, primary_key=True),
    Column("secret_access_key", TEXT, nullable=False),
    Column("session_token", TEXT, nullable=False),
    Column("identity", Json, nullable=False),
    sqlite_with_rowid=False,
)
