"""Revision 2, for garbage collection: the blobs that a manifest names, and when a link was last used.

Adds what Google's APIs store of projects, accounts, keys, buckets and repositories, and a number that grows
with every change of access. Uploads get another form: those in progress end, and clients start them again.
"""

import json
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

# As of this revision; a registry need not hold these layers.
_FOREIGN = (
    "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
    "application/vnd.oci.image.layer.nondistributable.v1.tar",
    "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
    "application/vnd.oci.image.layer.nondistributable.v1.tar+zstd",
)
_PAGE = "SELECT id, repository, data FROM manifests WHERE id > :last ORDER BY id LIMIT 500"
_COUNTED = ("projects", "policies", "service_accounts", "service_account_keys", "services", "buckets")
_COUNT = "UPDATE revisions SET number = number + 1 WHERE subject = 'access'"
_INSERT = "INSERT INTO manifest_blobs (manifest, digest, repository) VALUES (:manifest, :digest, :repository)"


def _text(name: str, default: str) -> "sa.Column[str]":
    return sa.Column(name, sa.String, nullable=False, server_default=default)


def _number(name: str, default: int) -> "sa.Column[int]":
    return sa.Column(name, sa.Integer, nullable=False, server_default=str(default))


def _reference(name: str, target: str) -> "sa.Column[int]":
    return sa.Column(name, sa.Integer, sa.ForeignKey(target, ondelete="CASCADE"), primary_key=True)


def upgrade() -> None:
    """Adds the column and the tables, and fills them from the rows that exist."""
    _add_used_at()
    _add_manifest_blobs()
    _add_google_tables()
    _add_revisions()
    _replace_uploads()


def _add_used_at() -> None:
    # SQLite adds no column without a default, and the schema has none.
    op.create_table(
        "blob_links_0002",
        sa.Column(
            "repository", sa.Integer, sa.ForeignKey("repositories.id", ondelete="CASCADE"), primary_key=True
        ),
        sa.Column("blob", sa.Integer, sa.ForeignKey("blobs.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("used_at", sa.Integer, nullable=False),
        sqlite_with_rowid=False,
    )
    # Counted as used now: nothing is collected until the delay after the migration has passed.
    op.execute(
        "INSERT INTO blob_links_0002 (repository, blob, used_at) "
        "SELECT repository, blob, CAST(strftime('%s', 'now') AS INTEGER) FROM blob_links"
    )
    op.drop_table("blob_links")
    op.rename_table("blob_links_0002", "blob_links")
    op.create_index("ix_blob_links_blob", "blob_links", ["blob"])


def _add_manifest_blobs() -> None:
    op.create_table(
        "manifest_blobs",
        sa.Column(
            "manifest", sa.Integer, sa.ForeignKey("manifests.id", ondelete="CASCADE"), primary_key=True
        ),
        sa.Column("digest", sa.String, primary_key=True),
        sa.Column(
            "repository", sa.Integer, sa.ForeignKey("repositories.id", ondelete="CASCADE"), nullable=False
        ),
        sqlite_with_rowid=False,
    )
    op.create_index("manifest_blobs_digest", "manifest_blobs", ["repository", "digest"])
    connection, last = op.get_bind(), 0
    while page := connection.execute(sa.text(_PAGE), {"last": last}).all():
        named = [
            {"manifest": row.id, "repository": row.repository, "digest": digest}
            for row in page
            for digest in sorted(_find_blobs(row.data))
        ]
        if named:
            connection.execute(sa.text(_INSERT), named)
        last = page[-1].id


# table -> the columns that Google's APIs add
_COLUMNS: dict[str, tuple["sa.Column[Any]", ...]] = {
    "projects": (_text("labels", "{}"), sa.Column("deleted_at", sa.Integer, nullable=True)),
    "service_accounts": (_text("description", ""), _number("disabled", 0)),
    "service_account_keys": (_number("disabled", 0), _number("uploaded", 0)),
    "buckets": (
        _text("settings", "{}"),
        _number("metageneration", 1),
        sa.Column("updated_at", sa.Integer, nullable=True),
    ),
}


def _add_google_tables() -> None:
    for table, columns in _COLUMNS.items():
        for column in columns:
            op.add_column(table, column)
    op.create_table(
        "services",
        _reference("project", "projects.id"),
        sa.Column("name", sa.String, primary_key=True),
        sa.Column("enabled", sa.Integer, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "operations",
        sa.Column("name", sa.String, primary_key=True),
        sa.Column("member", sa.String, nullable=False),
        sa.Column("document", sa.String, nullable=False),
        sa.Column("created_at", sa.Integer, nullable=False, index=True),
    )
    op.create_table(
        "artifact_repositories",
        _reference("bucket", "buckets.id"),
        *(sa.Column(name, sa.String, nullable=False) for name in ("repository_id", "description", "labels")),
        *(
            sa.Column(name, sa.Integer, nullable=False)
            for name in ("immutable_tags", "created_at", "updated_at")
        ),
    )


def _add_revisions() -> None:
    op.create_table(
        "revisions",
        sa.Column("subject", sa.String, primary_key=True),
        sa.Column("number", sa.Integer, nullable=False),
    )
    op.execute("INSERT INTO revisions VALUES ('access', 0)")
    for table in _COUNTED:
        for change in ("INSERT", "UPDATE", "DELETE"):
            when = f"CREATE TRIGGER {table}_{change.lower()}_counts AFTER {change} ON {table}"
            op.execute(f"{when} BEGIN {_COUNT}; END")


def _replace_uploads() -> None:
    op.drop_table("uploads")
    op.create_table(
        "uploads",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column(
            "repository", sa.Integer, sa.ForeignKey("repositories.id", ondelete="CASCADE"), nullable=False
        ),
        sa.Column("turn", sa.Integer, nullable=False),
        sa.Column("owner", sa.String, nullable=False),
        sa.Column("size", sa.Integer, nullable=False),
        sa.Column("data", sa.LargeBinary, nullable=True),
        sa.Column("started_at", sa.Integer, nullable=False),
        sqlite_with_rowid=False,
    )


def _find_blobs(data: bytes) -> set[str]:
    """Returns the digests of the config and the layers that the document names; none for an index."""
    document = json.loads(data)
    config = [document["config"]] if "config" in document else []
    layers = [layer for layer in document.get("layers", []) if layer["mediaType"] not in _FOREIGN]
    return {descriptor["digest"] for descriptor in (*config, *layers)}
