"""Schema of the database: its tables, and the revision that a new database is stamped with."""

from sqlalchemy import (
    Column,
    ForeignKey,
    Index,
    LargeBinary,
    Table,
    UniqueConstraint,
)

from .accounts import deleted_accounts as deleted_accounts
from .accounts import service_account_keys as service_account_keys
from .accounts import service_accounts as service_accounts
from .blobs import blob_hashes as blob_hashes
from .blobs import blob_links as blob_links
from .blobs import blobs as blobs
from .blobs import doomed as doomed
from .blobs import uploads as uploads
from .columns import NUMBER, TEXT, Flag, Json, make_text, new_id, new_reference
from .columns import metadata as metadata
from .control_state import control
from .events import deliveries as deliveries
from .events import events as events
from .events import leases as leases
from .events import watermarks as watermarks
from .events import webhooks as webhooks
from .federation import workload_identity_pools
from .keys import keys as keys
from .pubsub import backlog as backlog
from .pubsub import messages as messages
from .pubsub import subscriptions as subscriptions
from .pubsub import topics as topics
from .secrets import secret_versions as secret_versions
from .secrets import secrets as secrets
from .users import logins

REVISION = "0015"

# Alembic's table: migrations/ brings a database of an earlier revision to this schema.
alembic_version = Table(
    "alembic_version", metadata, Column("version_num", make_text(32), primary_key=True, nullable=False)
)


projects = Table(
    "projects",
    metadata,
    new_id(),
    Column("project_id", TEXT, nullable=False, unique=True),
    Column("number", TEXT, nullable=False, unique=True),
    Column("name", TEXT, nullable=False),
    Column("created_at", NUMBER, nullable=False),
    # An object of strings.
    Column("labels", Json, nullable=False, server_default="{}"),
    # When its deletion was requested; null for an active project.
    Column("deleted_at", NUMBER, nullable=True),
    # folders/ID or organizations/ID, or nothing.
    Column("parent", TEXT, nullable=False, server_default=""),
    # What serves its gcr.io names: identity/redirection.py. The state is null until a client sets one.
    Column("registry_kind", TEXT, nullable=False, server_default="container-registry"),
    Column("redirection_state", TEXT, nullable=True),
    Column("pull_percent", NUMBER, nullable=False, server_default="0"),
)

# `resource` is a full name without its service, such as projects/my-project.
policies = Table(
    "policies",
    metadata,
    Column("resource", TEXT, primary_key=True),
    Column("document", TEXT, nullable=False),
)

# APIs of a project that were switched on or off; an API without a row is on.
services = Table(
    "services",
    metadata,
    Column("project", NUMBER, ForeignKey("projects.id", ondelete="CASCADE"), primary_key=True),
    Column("name", TEXT, primary_key=True),
    Column("enabled", Flag, nullable=False),
    sqlite_with_rowid=False,
)

# Long-running operations of Google APIs, for clients that poll them; `document` is the response.
operations = Table(
    "operations",
    metadata,
    Column("name", TEXT, primary_key=True),
    Column("member", TEXT, nullable=False),
    Column("document", Json, nullable=False),
    Column("created_at", NUMBER, nullable=False, index=True),
)

# Holders of images: buckets of registry hosts, and for each repository of Artifact Registry a row whose
# name (us~my-project~images) no bucket can have.
buckets = Table(
    "buckets",
    metadata,
    new_id(),
    new_reference("project", "projects.id", index=True),
    Column("name", TEXT, nullable=False, unique=True),
    Column("location", TEXT, nullable=False),
    Column("created_at", NUMBER, nullable=False),
    # An object that Cloud Storage's API alone reads.
    Column("settings", Json, nullable=False, server_default="{}"),
    Column("metageneration", NUMBER, nullable=False, server_default="1"),
    Column("updated_at", NUMBER, nullable=True),
)

# Repositories of Artifact Registry; the content is in `bucket`. `labels` is an object.
artifact_repositories = Table(
    "artifact_repositories",
    metadata,
    Column("bucket", NUMBER, ForeignKey("buckets.id", ondelete="CASCADE"), primary_key=True),
    Column("repository_id", TEXT, nullable=False),
    Column("description", TEXT, nullable=False),
    Column("labels", Json, nullable=False),
    Column("immutable_tags", Flag, nullable=False),
    Column("created_at", NUMBER, nullable=False),
    Column("updated_at", NUMBER, nullable=False),
    # An object of settings that are only stored and shown: cleanupPolicies and the like.
    Column("settings", Json, nullable=False, server_default="{}"),
)

# `name` is the whole path after /v2/ and before /manifests, without the host.
repositories = Table(
    "repositories",
    metadata,
    new_id(),
    new_reference("bucket", "buckets.id"),
    Column("name", TEXT, nullable=False),
    # An object of strings that Artifact Registry's API alone reads, and when a client last changed it.
    Column("annotations", Json, nullable=False, server_default="{}"),
    Column("updated_ms", NUMBER, nullable=True),
    UniqueConstraint("bucket", "name"),
)

manifests = Table(
    "manifests",
    metadata,
    new_id(),
    new_reference("repository", "repositories.id"),
    Column("digest", TEXT, nullable=False),
    Column("media_type", TEXT, nullable=False),
    Column("data", LargeBinary, nullable=False),
    Column("image_size", NUMBER, nullable=False),
    Column("created_ms", NUMBER, nullable=False),
    Column("uploaded_ms", NUMBER, nullable=False),
    # As those of a repository.
    Column("annotations", Json, nullable=False, server_default="{}"),
    Column("updated_ms", NUMBER, nullable=True),
    UniqueConstraint("repository", "digest"),
)

# Manifests with a subject, which need not exist; `descriptor` is the JSON of the entry in the list of the
# subject's referrers.
referrers = Table(
    "referrers",
    metadata,
    Column("manifest", NUMBER, ForeignKey("manifests.id", ondelete="CASCADE"), primary_key=True),
    new_reference("repository", "repositories.id"),
    Column("subject", TEXT, nullable=False),
    Column("artifact_type", TEXT, nullable=False),
    Column("digest", TEXT, nullable=False),
    Column("descriptor", TEXT, nullable=False),
    Index("referrers_subject", "repository", "subject", "digest"),
)

# The children of an index, by digest: a child may have been deleted and pushed again.
manifest_children = Table(
    "manifest_children",
    metadata,
    Column("parent", NUMBER, ForeignKey("manifests.id", ondelete="CASCADE"), primary_key=True),
    Column("digest", TEXT, primary_key=True),
    Index("manifest_children_digest", "digest"),
    sqlite_with_rowid=False,
)

# References of a manifest that garbage collection keeps, by digest: config, layers, and the entries of an
# index, manifests or blobs. Foreign layers, and all references of a sparse manifest, need not exist.
manifest_blobs = Table(
    "manifest_blobs",
    metadata,
    Column("manifest", NUMBER, ForeignKey("manifests.id", ondelete="CASCADE"), primary_key=True),
    Column("digest", TEXT, primary_key=True),
    new_reference("repository", "repositories.id"),
    Index("manifest_blobs_digest", "repository", "digest"),
    sqlite_with_rowid=False,
)

tags = Table(
    "tags",
    metadata,
    Column("repository", NUMBER, ForeignKey("repositories.id", ondelete="CASCADE"), primary_key=True),
    Column("tag", TEXT, primary_key=True),
    Column("manifest", NUMBER, ForeignKey("manifests.id", ondelete="CASCADE"), nullable=False, index=True),
    sqlite_with_rowid=False,
)

# Numbers that grow with every change of cached content, so that decisions stay cached while clients push.
# Triggers count: no writer can forget to.
revisions = Table(
    "revisions",
    metadata,
    Column("subject", TEXT, primary_key=True),
    Column("number", NUMBER, nullable=False),
)
# The content that decides about access; the control state that tests set.
ACCESS, CONTROL = "access", "control"
# Identifies a database and its copies; it never changes.
IDENTITY = "identity"

# table -> the number that counts its changes
COUNTED = {
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
