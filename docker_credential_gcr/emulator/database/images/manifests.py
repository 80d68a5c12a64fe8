"""Manifests: documents by digest in a repository, with the children of an index."""

from collections.abc import Set
from typing import NamedTuple

from sqlalchemy import Connection, bindparam, delete, select

from docker_credential_gcr.emulator.database.engine.dialect import insert, is_listed
from docker_credential_gcr.emulator.database.engine.statement import Statement, find_listed
from docker_credential_gcr.emulator.database.schema import manifest_blobs, manifest_children, manifests, tags

from .repositories import Repository

_COLUMNS = manifests.c["id", "digest", "media_type", "data"]
_BY_DIGEST = Statement(
    select(*_COLUMNS).where(
        manifests.c.repository == bindparam("repository"), manifests.c.digest == bindparam("digest")
    )
)
_BY_TAG = Statement(
    select(*_COLUMNS)
    .join(tags, tags.c.manifest == manifests.c.id)
    .where(tags.c.repository == bindparam("repository"), tags.c.tag == bindparam("tag"))
)
_KNOWN = Statement(
    select(manifests.c.digest).where(
        manifests.c.repository == bindparam("repository"), is_listed(manifests.c.digest, "digests")
    )
)
_INSERT = insert(manifests)
_ADD = Statement(
    _INSERT.on_conflict_do_update(
        index_elements=["repository", "digest"],
        set_={"media_type": _INSERT.excluded.media_type, "uploaded_ms": _INSERT.excluded.uploaded_ms},
    ).returning(manifests.c.id),
    columns=["repository", "digest", "media_type", "data", "image_size", "created_ms", "uploaded_ms"],
)
_ADD_CHILD = Statement(insert(manifest_children).on_conflict_do_nothing())
_ADD_BLOB = Statement(insert(manifest_blobs).on_conflict_do_nothing())
_PARENT = Statement(
    select(manifests.c.digest)
    .join(manifest_children, manifest_children.c.parent == manifests.c.id)
    .where(
        manifests.c.repository == bindparam("repository"), manifest_children.c.digest == bindparam("digest")
    )
    .limit(1)
)
_REMOVE = Statement(delete(manifests).where(manifests.c.id == bindparam("manifest")))
_SUMMARIES = Statement(
    select(*manifests.c["id", "digest", "media_type", "image_size", "created_ms", "uploaded_ms"])
    .where(manifests.c.repository == bindparam("repository"))
    .order_by(manifests.c.digest)
    .limit(bindparam("count"))
)


class StoredManifest(NamedTuple):
    """A manifest as it was pushed, byte for byte."""

    id: int
    digest: str
    media_type: str
    data: bytes


class Summary(NamedTuple):
    """A manifest in a listing; sizes in bytes, instants in milliseconds since the epoch."""

    id: int
    digest: str
    media_type: str
    image_size: int
    created_ms: int
    uploaded_ms: int


def find(connection: Connection, repository: Repository, digest: str) -> StoredManifest | None:
    """Returns the manifest of that digest."""
    row = _BY_DIGEST.one(connection, {"repository": repository.id, "digest": digest})
    return None if row is None else StoredManifest(*row)


def find_tagged(connection: Connection, repository: Repository, tag: str) -> StoredManifest | None:
    """Returns the manifest that the tag names."""
    row = _BY_TAG.one(connection, {"repository": repository.id, "tag": tag})
    return None if row is None else StoredManifest(*row)


def find_missing(connection: Connection, repository: Repository, digests: Set[str]) -> Set[str]:
    """Returns those of `digests` that are not manifests of the repository."""
    return digests - find_listed(connection, _KNOWN, digests, repository=repository.id)


def add(
    connection: Connection,
    repository: Repository,
    summary: Summary,
    data: bytes,
    *,
    children: Set[str],
    blobs: Set[str],
) -> int:
    """Adds a manifest and returns its id; for a known digest, replaces the media type and the push's time.

    The `id` of `summary` is not read.
    """
    values = {**summary._asdict(), "repository": repository.id, "data": data}
    (manifest_id,) = _ADD.all(connection, values)[0]
    if children:
        _ADD_CHILD.run_many(connection, [{"parent": manifest_id, "digest": digest} for digest in children])
    if blobs:
        named = {"manifest": manifest_id, "repository": repository.id}
        _ADD_BLOB.run_many(connection, [{**named, "digest": digest} for digest in blobs])
    return int(manifest_id)


def remove(connection: Connection, manifest_id: int) -> None:
    """Deletes a manifest and the tags that name it."""
    _REMOVE.run(connection, {"manifest": manifest_id})


def find_parent(connection: Connection, repository: Repository, digest: str) -> str | None:
    """Returns the digest of an index of the repository that names the manifest."""
    values = {"repository": repository.id, "digest": digest}
    row = _PARENT.one(connection, values)
    return None if row is None else str(row[0])


def list_summaries(connection: Connection, repository: Repository, *, count: int) -> list[Summary]:
    """Returns at most `count` manifests of the repository, by digest."""
    values = {"repository": repository.id, "count": count}
    return [Summary(*row) for row in _SUMMARIES.all(connection, values)]
