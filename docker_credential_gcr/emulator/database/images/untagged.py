"""Untagged manifests, which no tag reaches: found by a read, and deleted by a write if still untagged.

A manifest is kept by an index that names it, by its subject and by its referrers, directly or through others,
if one of them has a tag or was pushed recently.
"""

import json
from collections.abc import Sequence

from sqlalchemy import Connection, TextClause, and_, bindparam, delete, select, text

from docker_credential_gcr.emulator.database.engine.dialect import has_row
from docker_credential_gcr.emulator.database.events import deletions
from docker_credential_gcr.emulator.database.events.deletions import Deletion
from docker_credential_gcr.emulator.database.schema import manifest_blobs, manifests, referrers, tags

_subject = manifests.alias("subject_manifest")
# The conditions that need no recursion: they exclude most manifests that are kept.
_CANDIDATE = and_(
    manifests.c.uploaded_ms < bindparam("before_ms"),
    ~has_row(tags.c.manifest == manifests.c.id),
    # An index is deleted before its children, so that it is complete until then.
    ~has_row(
        manifest_blobs.c.repository == manifests.c.repository,
        manifest_blobs.c.digest == manifests.c.digest,
    ),
    ~has_row(
        referrers.c.manifest == manifests.c.id,
        _subject.c.repository == referrers.c.repository,
        _subject.c.digest == referrers.c.subject,
        tags.c.manifest == _subject.c.id,
    ),
)
_PAGE = (
    select(manifests.c.id)
    .where(_CANDIDATE, manifests.c.id > bindparam("after"))
    .order_by(manifests.c.id)
    .limit(bindparam("count"))
)
_STILL = select(manifests.c.id).where(manifests.c.id.in_(bindparam("ids", expanding=True)), _CANDIDATE)
_REMOVE = delete(manifests).where(manifests.c.id.in_(bindparam("ids", expanding=True)))

# Manifests that keep one of `found`: (column, FROM clause)
_NEIGHBOURS = (
    (
        "naming.manifest",
        "manifests AS one JOIN manifest_blobs AS naming "
        "ON naming.repository = one.repository AND naming.digest = one.digest WHERE one.id = found.id",
    ),
    (
        "about.manifest",
        "manifests AS one JOIN referrers AS about "
        "ON about.repository = one.repository AND about.subject = one.digest WHERE one.id = found.id",
    ),
    (
        "subject.id",
        "referrers AS about JOIN manifests AS subject "
        "ON subject.repository = about.repository AND subject.digest = about.subject "
        "WHERE about.manifest = found.id",
    ),
)
_EACH = " UNION ALL ".join(f"SELECT {column} AS id FROM {source}" for column, source in _NEIGHBOURS)  # noqa: S608
_MORE = " ".join(f"UNION SELECT {column} FROM found, {source}" for column, source in _NEIGHBOURS)  # noqa: S608
_LISTED = "CAST(value AS bigint) FROM json_array_elements_text(CAST(:ids AS json))"
# `found` has the listed manifests, their neighbours, the neighbours of those, and so on. It may name itself
# only once on PostgreSQL; SQLite has no LATERAL.
_FOUND = {
    "postgresql": f"SELECT {_LISTED} UNION SELECT more.id FROM found, LATERAL ({_EACH}) AS more",  # noqa: S608
    "sqlite": f"SELECT value FROM json_each(:ids) {_MORE}",  # noqa: S608
}
_KEPT = (
    "SELECT one.id FROM found JOIN manifests AS one ON one.id = found.id "
    "WHERE one.uploaded_ms >= :before_ms OR EXISTS (SELECT 1 FROM tags WHERE tags.manifest = one.id)"
)
_PAIRS = " UNION ALL ".join(
    f"SELECT found.id, {column} FROM found, {source}"  # noqa: S608
    for column, source in _NEIGHBOURS
)


def _find(query: str) -> dict[str, TextClause]:
    """Returns a query about `found` in each dialect."""
    return {
        dialect: text(f"WITH RECURSIVE found (id) AS ({found}) {query}") for dialect, found in _FOUND.items()
    }


_ROOTS = _find(_KEPT)
# (manifest, a neighbour that keeps it)
_EDGES = _find(_PAIRS)


def find_untagged(connection: Connection, *, before: float, after: int, count: int) -> list[int]:
    """Returns manifests pushed before that instant that no tag reaches, by id after `after`."""
    before_ms = int(before * 1000)
    while True:
        values = {"before_ms": before_ms, "after": after, "count": count}
        page = list(connection.execute(_PAGE, values).scalars())
        found = _exclude_kept(connection, page, before_ms)
        if found or not page:
            return found
        after = page[-1]


def remove_untagged(connection: Connection, ids: Sequence[int], *, before: float, now: float) -> int:
    """Deletes those of the manifests that no tag reaches still, and tells it; returns their number."""
    before_ms = int(before * 1000)
    still = list(connection.execute(_STILL, {"ids": ids, "before_ms": before_ms}).scalars())
    unneeded = _exclude_kept(connection, still, before_ms)
    deletions.add_of_manifests(connection, Deletion(int(now * 1000)), unneeded)
    return connection.execute(_REMOVE, {"ids": unneeded}).rowcount


def _exclude_kept(connection: Connection, ids: list[int], before_ms: int) -> list[int]:
    values = {"ids": json.dumps(ids)}
    dialect = connection.dialect.name
    kept = set(connection.execute(_ROOTS[dialect], {**values, "before_ms": before_ms}).scalars())
    if not kept:
        return ids
    kept_by: dict[int, list[int]] = {}
    for one, neighbour in connection.execute(_EDGES[dialect], values):
        kept_by.setdefault(neighbour, []).append(one)
    waiting = list(kept)
    while waiting:
        fresh = set(kept_by.get(waiting.pop(), ())) - kept
        kept |= fresh
        waiting += fresh
    return [one for one in ids if one not in kept]
