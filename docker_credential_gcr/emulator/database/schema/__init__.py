"""The tables of the emulator's database, and the revision that a new one is stamped with."""

import secrets

from sqlalchemy import (
    Column,
    Connection,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    UniqueConstraint,
    event,
    insert,
)

from .accounts import deleted_accounts as deleted_accounts
from .accounts import service_account_keys as service_account_keys
from .accounts import service_accounts as service_accounts
from .blobs import blob_hashes as blob_hashes
from .blobs import blob_links as blob_links
from .blobs import blobs as blobs
from .blobs import doomed as doomed
from .blobs import uploads as uploads
from .columns import Flag, Json, new_id, new_reference
from .columns import metadata as metadata
from .control_state import control
from .federation import workload_identity_pools
from .users import logins

REVISION = "0008"

# Alembic's own table: migrations/ brings a database of an earlier revision to this schema.
alembic_version = Table(
    "alembic_version", metadata, Column("version_num", String(32), primary_key=True, nullable=False)
)


projects = Table(
    "projects",
    metadata,
    new_id(),
    Column("project_id", String, nullable=False, unique=True),
    Column("number", String, nullable=False, unique=True),
    Column("name", String, nullable=False),
    Column("created_at", Integer, nullable=False),
    # An object of strings.
    Column("labels", Json, nullable=False, server_default="{}"),
    # When its deletion was asked for; null for one that lives.
    Column("deleted_at", Integer, nullable=True),
    # folders/ID or organizations/ID, or nothing.
    Column("parent", String, nullable=False, server_default=""),
)

# `resource` is a full name without its service, such as projects/my-project.
policies = Table(
    "policies",
    metadata,
    Column("resource", String, primary_key=True),
    Column("document", String, nullable=False),
)

# The APIs of a project that were switched on or off; one without a row is on.
services = Table(
    "services",
    metadata,
    Column("project", Integer, ForeignKey("projects.id", ondelete="CASCADE"), primary_key=True),
    Column("name", String, primary_key=True),
    Column("enabled", Flag, nullable=False),
    sqlite_with_rowid=False,
)

# What Google's APIs have done, for clients that ask how it went; `document` is the answer.
operations = Table(
    "operations",
    metadata,
    Column("name", String, primary_key=True),
    Column("member", String, nullable=False),
    Column("document", Json, nullable=False),
    Column("created_at", Integer, nullable=False, index=True),
)

# Where images are: the bucket of a registry host, or what a repository of Artifact Registry has in
# its stead, whose name (us~my-project~images) no bucket can have.
buckets = Table(
    "buckets",
    metadata,
    new_id(),
    new_reference("project", "projects.id", index=True),
    Column("name", String, nullable=False, unique=True),
    Column("location", String, nullable=False),
    Column("created_at", Integer, nullable=False),
    # What Cloud Storage's API keeps of it: an object, of which no other part knows a word.
    Column("settings", Json, nullable=False, server_default="{}"),
    Column("metageneration", Integer, nullable=False, server_default="1"),
    Column("updated_at", Integer, nullable=True),
)

# The repositories of Artifact Registry; what is in one lies in its `bucket`. `labels` is an object.
artifact_repositories = Table(
    "artifact_repositories",
    metadata,
    Column("bucket", Integer, ForeignKey("buckets.id", ondelete="CASCADE"), primary_key=True),
    Column("repository_id", String, nullable=False),
    Column("description", String, nullable=False),
    Column("labels", Json, nullable=False),
    Column("immutable_tags", Flag, nullable=False),
    Column("created_at", Integer, nullable=False),
    Column("updated_at", Integer, nullable=False),
    # An object of what is kept and shown as it came: cleanupPolicies and the like.
    Column("settings", Json, nullable=False, server_default="{}"),
)

# `name` is the whole path after /v2/ and before /manifests, without the host.
repositories = Table(
    "repositories",
    metadata,
    new_id(),
    new_reference("bucket", "buckets.id"),
    Column("name", String, nullable=False),
    UniqueConstraint("bucket", "name"),
)

manifests = Table(
    "manifests",
    metadata,
    new_id(),
    new_reference("repository", "repositories.id"),
    Column("digest", String, nullable=False),
    Column("media_type", String, nullable=False),
    Column("data", LargeBinary, nullable=False),
    Column("image_size", Integer, nullable=False),
    Column("created_ms", Integer, nullable=False),
    Column("uploaded_ms", Integer, nullable=False),
    UniqueConstraint("repository", "digest"),
)

# What a manifest with a subject tells of itself in the list of that subject's referrers; the subject
# need not be there. `descriptor` is the JSON of that list's entry.
referrers = Table(
    "referrers",
    metadata,
    Column("manifest", Integer, ForeignKey("manifests.id", ondelete="CASCADE"), primary_key=True),
    new_reference("repository", "repositories.id"),
    Column("subject", String, nullable=False),
    Column("artifact_type", String, nullable=False),
    Column("digest", String, nullable=False),
    Column("descriptor", String, nullable=False),
    Index("referrers_subject", "repository", "subject", "digest"),
)

# The children of an index, by digest: a child may have been deleted and pushed anew.
manifest_children = Table(
    "manifest_children",
    metadata,
    Column("parent", Integer, ForeignKey("manifests.id", ondelete="CASCADE"), primary_key=True),
    Column("digest", String, primary_key=True),
    Index("manifest_children_digest", "digest"),
    sqlite_with_rowid=False,
)

# What a manifest refers to and keeps, by digest: config, layers, and the entries of an index, which may be
# manifests or blobs. Foreign layers, and all of a sparse manifest, need not be there.
manifest_blobs = Table(
    "manifest_blobs",
    metadata,
    Column("manifest", Integer, ForeignKey("manifests.id", ondelete="CASCADE"), primary_key=True),
    Column("digest", String, primary_key=True),
    new_reference("repository", "repositories.id"),
    Index("manifest_blobs_digest", "repository", "digest"),
    sqlite_with_rowid=False,
)

tags = Table(
    "tags",
    metadata,
    Column("repository", Integer, ForeignKey("repositories.id", ondelete="CASCADE"), primary_key=True),
    Column("tag", String, primary_key=True),
    Column("manifest", Integer, ForeignKey("manifests.id", ondelete="CASCADE"), nullable=False, index=True),
    sqlite_with_rowid=False,
)

# Numbers that grow with every change of what others remember, so that a decision can be remembered while
# clients push. The database counts: no writer can forget to.
revisions = Table(
    "revisions",
    metadata,
    Column("subject", String, primary_key=True),
    Column("number", Integer, nullable=False),
)
# What decides who may do what; what a test has set.
ACCESS, CONTROL = "access", "control"
# Tells a database and its copies from all others; it never changes.
IDENTITY = "identity"

_COUNTED = {
    projects: ACCESS,
    policies: ACCESS,
    service_accounts: ACCESS,
    service_account_keys: ACCESS,
    services: ACCESS,
    buckets: ACCESS,
    workload_identity_pools: ACCESS,
    logins: ACCESS,
    control: CONTROL,
}


@event.listens_for(metadata, "after_create")
def _count_changes(_metadata: MetaData, connection: Connection, **_: object) -> None:
    for subject in (ACCESS, CONTROL):
        connection.execute(insert(revisions).values(subject=subject, number=0))
    connection.execute(insert(revisions).values(subject=IDENTITY, number=secrets.randbits(62)))
    for table, subject in _COUNTED.items():
        for change in ("INSERT", "UPDATE", "DELETE"):
            when = f"CREATE TRIGGER {table.name}_{change.lower()}_counts AFTER {change} ON {table.name}"
            count = f"UPDATE revisions SET number = number + 1 WHERE subject = '{subject}'"  # noqa: S608
            connection.exec_driver_sql(f"{when} BEGIN {count}; END")
