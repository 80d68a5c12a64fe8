"""Copies of images: the manifests that a copy has to look at, and the rows of a copied manifest."""

from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, bindparam, case, select

from docker_credential_gcr.emulator.database.engine.dialect import has_row, insert
from docker_credential_gcr.emulator.database.engine.statement import Statement
from docker_credential_gcr.emulator.database.schema import (
    blob_links,
    blobs,
    manifest_blobs,
    manifest_children,
    manifests,
    referrers,
    tags,
)
from docker_credential_gcr.emulator.database.schema.columns import NUMBER

from .repositories import Repository

_UPLOADED = manifests.c["id", "digest", "uploaded_ms"]
_OF_REPOSITORY = manifests.c.repository == bindparam("repository")
_FIND = Statement(select(*_UPLOADED).where(_OF_REPOSITORY, manifests.c.digest == bindparam("digest")))
_FIND_TAGGED = Statement(
    select(*_UPLOADED)
    .join(tags, tags.c.manifest == manifests.c.id)
    .where(tags.c.repository == bindparam("repository"), tags.c.tag == bindparam("tag"))
)
_CHILDREN = Statement(
    select(manifest_children.c.digest)
    .where(manifest_children.c.parent == bindparam("manifest"))
    .order_by(manifest_children.c.digest)
)
_REFERRERS = Statement(
    select(referrers.c.digest)
    .where(referrers.c.repository == bindparam("repository"), referrers.c.subject == bindparam("subject"))
    .order_by(referrers.c.digest)
)


def _is_recent(manifest: Any) -> ColumnElement[bool]:
    """Returns the condition that the manifest was pushed, or each of its blobs used, since an instant."""
    named = (
        manifest_blobs.c.manifest == manifest.c.id,
        blobs.c.bucket == bindparam("bucket"),
        blobs.c.digest == manifest_blobs.c.digest,
        blob_links.c.repository == manifest.c.repository,
        blob_links.c.blob == blobs.c.id,
    )
    # One blob of an image says little: many have the same base.
    is_used = has_row(*named) & ~has_row(*named, blob_links.c.used_at < bindparam("since"))
    recent: ColumnElement[bool] = (manifest.c.uploaded_ms >= bindparam("since_ms")) | is_used
    return recent


_child = manifests.alias("child")
_HAS_RECENT_CHILD = has_row(
    manifest_children.c.parent == manifests.c.id,
    _child.c.repository == manifests.c.repository,
    _child.c.digest == manifest_children.c.digest,
    _is_recent(_child),
)
_ORDER = (manifests.c.uploaded_ms.desc(), manifests.c.digest)
_newest = select(manifests.c.id).where(_OF_REPOSITORY).order_by(*_ORDER).limit(bindparam("versions"))
_RECENT = (
    select(*_UPLOADED)
    .where(
        _OF_REPOSITORY,
        (manifests.c.uploaded_ms < bindparam("last_ms"))
        | ((manifests.c.uploaded_ms == bindparam("last_ms")) & (manifests.c.digest > bindparam("last"))),
        _is_recent(manifests) | _HAS_RECENT_CHILD,
    )
    .order_by(*_ORDER)
    .limit(bindparam("count"))
)
# Of all, or of the newest: the database sorts all manifests to find these.
_PAGE = Statement(_RECENT)
_PAGE_OF_NEWEST = Statement(_RECENT.where(manifests.c.id.in_(_newest)))

_original = manifests.alias("original")
_COPIED = ("digest", "media_type", "data", "image_size", "created_ms", "uploaded_ms")
_INSERT = insert(manifests).from_select(
    ["repository", *_COPIED],
    select(bindparam("to_repository", type_=NUMBER), *_original.c[_COPIED]).where(
        _original.c.id == bindparam("original")
    ),
)
_ADD = Statement(
    _INSERT.on_conflict_do_update(
        index_elements=["repository", "digest"],
        set_={
            "uploaded_ms": case(
                (_INSERT.excluded.uploaded_ms > manifests.c.uploaded_ms, _INSERT.excluded.uploaded_ms),
                else_=manifests.c.uploaded_ms,
            )
        },
    ).returning(manifests.c.id)
)
# Rows of a manifest: (table, column with the manifest, columns that stay)
_PARTS = (
    (manifest_children, "parent", ("digest",)),
    (manifest_blobs, "manifest", ("digest",)),
    (referrers, "manifest", ("subject", "artifact_type", "digest", "descriptor")),
)


def _copy_rows(table: Any, manifest: str, kept: tuple[str, ...]) -> Statement:
    """Returns the statement that copies the rows of one manifest to another one."""
    changed = {manifest: "to_manifest"}
    if "repository" in table.c:
        changed["repository"] = "to_repository"
    values = (bindparam(name, type_=NUMBER) for name in changed.values())
    rows = select(*values, *(table.c[name] for name in kept)).where(
        table.c[manifest] == bindparam("original")
    )
    return Statement(insert(table).from_select([*changed, *kept], rows).on_conflict_do_nothing())


_ADD_PARTS = tuple(_copy_rows(*part) for part in _PARTS)


class Uploaded(NamedTuple):
    """A manifest, and when it was pushed last, in milliseconds since the epoch."""

    id: int
    digest: str
    uploaded_ms: int


# Before every other one, in the order of `list_newest`.
FIRST = Uploaded(0, "", 2**63 - 1)


def find(connection: Connection, repository: Repository, digest: str) -> Uploaded | None:
    """Returns the manifest of that digest."""
    row = _FIND.one(connection, {"repository": repository.id, "digest": digest})
    return None if row is None else Uploaded(*row)


def find_tagged(connection: Connection, repository: Repository, tag: str) -> Uploaded | None:
    """Returns the manifest that the tag names."""
    row = _FIND_TAGGED.one(connection, {"repository": repository.id, "tag": tag})
    return None if row is None else Uploaded(*row)


def list_children(connection: Connection, manifest_id: int) -> list[str]:
    """Returns the digests of an index's entries, in order."""
    return [digest for (digest,) in _CHILDREN.all(connection, {"manifest": manifest_id})]


def list_referrers(connection: Connection, repository: Repository, digest: str) -> list[str]:
    """Returns the digests of all manifests with that subject, in order."""
    values = {"repository": repository.id, "subject": digest}
    return [referrer for (referrer,) in _REFERRERS.all(connection, values)]


def list_newest(
    connection: Connection,
    repository: Repository,
    *,
    after: Uploaded,
    count: int,
    versions: int | None = None,
    since: float = 0,
) -> list[Uploaded]:
    """Returns at most `count` manifests after `after`, the newest first; equally new ones by digest.

    They are of the newest `versions` of the repository (None: of all). Since that instant they were pushed,
    or all their blobs were used, or this is true of a child.
    """
    values = {
        "repository": repository.id,
        "bucket": repository.bucket.id,
        "last_ms": after.uploaded_ms,
        "last": after.digest,
        "count": count,
        "since": int(since),
        "since_ms": int(since * 1000),
    }
    if versions is None:
        rows = _PAGE.all(connection, values)
    else:
        rows = _PAGE_OF_NEWEST.all(connection, {**values, "versions": versions})
    return [Uploaded(*row) for row in rows]


def add(connection: Connection, original: Uploaded, repository: Repository) -> int:
    """Copies a manifest of another repository, the rows of its references included; returns the copy's id.

    Media type and instants stay; of a manifest that is there already, the later push counts.
    """
    values = {"original": original.id, "to_repository": repository.id}
    (manifest_id,) = _ADD.all(connection, values)[0]
    for statement in _ADD_PARTS:
        statement.run(connection, {**values, "to_manifest": manifest_id})
    return int(manifest_id)
