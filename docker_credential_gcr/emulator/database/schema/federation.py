"""The tables of workload identity federation; schema.py is the whole schema."""

from sqlalchemy import Column, Integer, String, Table, UniqueConstraint

from .columns import Json, metadata, new_id, new_reference

# Where identities of elsewhere are known; `settings` is a JSON object of what was said of the pool, or of
# the provider, and `deleted_at` is when its deletion was asked for.
workload_identity_pools = Table(
    "workload_identity_pools",
    metadata,
    new_id(),
    new_reference("project", "projects.id"),
    Column("pool_id", String, nullable=False),
    Column("settings", String, nullable=False),
    Column("deleted_at", Integer, nullable=True),
    UniqueConstraint("project", "pool_id"),
)

workload_identity_providers = Table(
    "workload_identity_providers",
    metadata,
    new_id(),
    new_reference("pool", "workload_identity_pools.id"),
    Column("provider_id", String, nullable=False),
    Column("settings", String, nullable=False),
    Column("deleted_at", Integer, nullable=True),
    UniqueConstraint("pool", "provider_id"),
)

# The subject tokens that were exchanged and may not be again, each by a digest, until they expire.
spent_tokens = Table(
    "spent_tokens",
    metadata,
    Column("digest", String, primary_key=True),
    Column("expires_at", Integer, nullable=False, index=True),
    sqlite_with_rowid=False,
)

# The access keys of AWS with which a request to STS may be signed; `identity` is what AWS would answer
# to GetCallerIdentity, an object.
aws_access_keys = Table(
    "aws_access_keys",
    metadata,
    Column("access_key_id", String, primary_key=True),
    Column("secret_access_key", String, nullable=False),
    Column("session_token", String, nullable=False),
    Column("identity", Json, nullable=False),
    sqlite_with_rowid=False,
)
