"""Events of deleted images, by one statement for any number of them: for each tag, then for each digest.

They are written before the rows are deleted. A client has named no registry host, so the names have that of
the place: us-docker.pkg.dev for a repository of Artifact Registry, also for that of a redirected gcr.io.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, Insert, Select, bindparam, case, func, literal, null, select

from docker_credential_gcr.emulator.database.engine.dialect import insert
from docker_credential_gcr.emulator.database.schema import (
    artifact_repositories,
    buckets,
    events,
    manifests,
    projects,
    repositories,
    tags,
)
from docker_credential_gcr.emulator.database.schema.columns import NUMBER, TEXT
from docker_credential_gcr.emulator.identity.google_services import ARTIFACT_REGISTRY, CONTAINER_REGISTRY

from .outbox import COLUMNS, DELETE

# Of the names of buckets; gcr.io's have none.
_REGIONS = ("us", "eu", "asia")
_IS_ARTIFACT = artifact_repositories.c.bucket.is_not(None)
_HOST = case(
    (_IS_ARTIFACT, buckets.c.location + "-docker.pkg.dev"),
    *((buckets.c.name.startswith(f"{region}.artifacts."), f"{region}.gcr.io") for region in _REGIONS),
    else_="gcr.io",
)


class Deletion(NamedTuple):
    """Who deletes images, and when, in milliseconds since the epoch; no member for garbage collection."""

    at_ms: int
    member: str | None = None


def _select(tag: Any, digest: Any, *manifest: Any) -> Select[Any]:
    """Returns the columns of events of all manifests: with a tag, or with a digest."""
    values = (
        bindparam("at_ms", type_=NUMBER),
        literal(DELETE),
        projects.c.project_id,
        case((_IS_ARTIFACT, ARTIFACT_REGISTRY), else_=CONTAINER_REGISTRY),
        _HOST + "/" + repositories.c.name,
        digest,
        tag,
        *manifest,
        bindparam("member", type_=TEXT),
    )
    return (
        select(*values)
        .select_from(manifests)
        .join(repositories, repositories.c.id == manifests.c.repository)
        .join(buckets, buckets.c.id == repositories.c.bucket)
        .join(projects, projects.c.id == buckets.c.project)
        .outerjoin(artifact_repositories, artifact_repositories.c.bucket == buckets.c.id)
    )


_NO_TEXT, _NO_NUMBER = null(), null()
_TAGS = (
    _select(tags.c.tag, _NO_TEXT, _NO_TEXT, _NO_NUMBER)
    .join(tags, tags.c.manifest == manifests.c.id)
    .order_by(repositories.c.id, tags.c.tag)
)
_DIGESTS = _select(
    _NO_TEXT, manifests.c.digest, manifests.c.media_type, func.length(manifests.c.data)
).order_by(repositories.c.id, manifests.c.id)


def _add_where(condition: ColumnElement[bool]) -> tuple[Insert, ...]:
    return tuple(insert(events).from_select(COLUMNS, rows.where(condition)) for rows in (_TAGS, _DIGESTS))


_OF_BUCKET = _add_where(repositories.c.bucket == bindparam("of_bucket"))
_OF_PACKAGE = _add_where(repositories.c.id == bindparam("package"))
_OF_MANIFESTS = _add_where(manifests.c.id.in_(bindparam("ids", expanding=True)))


def add_of_bucket(connection: Connection, deletion: Deletion, bucket_id: int) -> None:
    """Adds the events of every image in a bucket, or in a repository of Artifact Registry."""
    for statement in _OF_BUCKET:
        connection.execute(statement, {**deletion._asdict(), "of_bucket": bucket_id})


def add_of_package(connection: Connection, deletion: Deletion, repository_id: int) -> None:
    """Adds the events of every image of one name."""
    for statement in _OF_PACKAGE:
        connection.execute(statement, {**deletion._asdict(), "package": repository_id})


def add_of_manifests(connection: Connection, deletion: Deletion, ids: Sequence[int]) -> None:
    """Adds the events of these manifests and their tags."""
    for statement in _OF_MANIFESTS:
        connection.execute(statement, {**deletion._asdict(), "ids": ids})
