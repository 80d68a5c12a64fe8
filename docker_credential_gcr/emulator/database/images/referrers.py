"""Referrers: manifests with a subject, which may not exist."""

from sqlalchemy import Connection, bindparam, select

from docker_credential_gcr.emulator.database.engine.dialect import as_bytes, insert
from docker_credential_gcr.emulator.database.engine.statement import Statement
from docker_credential_gcr.emulator.database.schema import referrers

from .repositories import Repository

_ADD = Statement(insert(referrers).on_conflict_do_nothing())
_SELECT_PAGE = (
    # As bytes: an entry may have megabytes, and decoding doubles the time.
    select(referrers.c.digest, as_bytes(referrers.c.descriptor))
    .where(
        referrers.c.repository == bindparam("repository_id"),
        referrers.c.subject == bindparam("about"),
        referrers.c.digest > bindparam("last"),
    )
    .order_by(referrers.c.digest)
    .limit(bindparam("count"))
)
_PAGE = Statement(_SELECT_PAGE)
_PAGE_OF_TYPE = Statement(_SELECT_PAGE.where(referrers.c.artifact_type == bindparam("wanted_type")))
_ANY = Statement(
    select(referrers.c.digest)
    .where(referrers.c.repository == bindparam("repository_id"), referrers.c.subject == bindparam("about"))
    .limit(1)
)


def add(
    connection: Connection,
    repository: Repository,
    manifest_id: int,
    *,
    subject: str,
    artifact_type: str,
    digest: str,
    descriptor: str,
) -> None:
    """Adds a manifest to the referrers of its subject; `descriptor` is the entry's JSON."""
    values = {
        "manifest": manifest_id,
        "repository": repository.id,
        "subject": subject,
        "artifact_type": artifact_type,
        "digest": digest,
        "descriptor": descriptor,
    }
    _ADD.run(connection, values)


def find_any(connection: Connection, repository: Repository, subject: str) -> str | None:
    """Returns the digest of a manifest of the repository with that subject."""
    row = _ANY.one(connection, {"repository_id": repository.id, "about": subject})
    return None if row is None else str(row[0])


def list_page(
    connection: Connection,
    repository: Repository,
    subject: str,
    *,
    artifact_type: str | None,
    last: str,
    count: int,
    size: int,
) -> tuple[list[tuple[str, bytes]], bool]:
    """Returns (digest, entry's JSON) of referrers after the digest `last`, in order, and whether none follow.

    They are at most `count`, of at most `size` bytes together, or one that alone has more.
    """
    values = {"repository_id": repository.id, "about": subject, "last": last, "count": count + 1}
    statement = _PAGE
    if artifact_type is not None:
        statement, values["wanted_type"] = _PAGE_OF_TYPE, artifact_type
    found: list[tuple[str, bytes]] = []
    with statement.iterate(connection, values) as rows:
        for digest, descriptor in rows:
            size -= len(descriptor) + 1
            if len(found) == count or (found and size < 0):
                return found, False
            found.append((digest, descriptor))
    return found, True
