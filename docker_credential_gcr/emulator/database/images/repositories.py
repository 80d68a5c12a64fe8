"""Repositories: created by the first upload or manifest, named by the path after /v2/."""

from typing import NamedTuple

from sqlalchemy import Connection, bindparam, select

from docker_credential_gcr.emulator.database.engine.dialect import ALL_ROWS, has_row, insert
from docker_credential_gcr.emulator.database.engine.statement import Statement
from docker_credential_gcr.emulator.database.schema import buckets, manifests, repositories

from .buckets import Bucket

_FIND = Statement(
    select(
        *repositories.c["id", "name"],
        *buckets.c["id", "name"],
    )
    .join(buckets, buckets.c.id == repositories.c.bucket)
    .where(buckets.c.name == bindparam("bucket_name"), repositories.c.name == bindparam("name"))
)
_CREATE = Statement(
    insert(repositories)
    .from_select(
        ["bucket", "name"],
        select(buckets.c.id, bindparam("name", type_=repositories.c.name.type)).where(
            buckets.c.name == bindparam("bucket_name")
        ),
    )
    .on_conflict_do_nothing()
)
# `0` is the character after `/`: this reads the names below a folder from an index.
_BELOW = Statement(
    select(repositories.c.name)
    .join(buckets, buckets.c.id == repositories.c.bucket)
    .where(
        buckets.c.name == bindparam("bucket_name"),
        repositories.c.name >= bindparam("first"),
        repositories.c.name < bindparam("stop"),
        has_row(manifests.c.repository == repositories.c.id),
    )
    .order_by(repositories.c.name)
    .limit(bindparam("count"))
)


_PAGE = (
    select(repositories.c.name)
    .join(buckets, buckets.c.id == repositories.c.bucket)
    .where(
        buckets.c.name.in_(bindparam("bucket_names", expanding=True)),
        repositories.c.name > bindparam("last"),
        has_row(manifests.c.repository == repositories.c.id),
    )
    .order_by(repositories.c.name)
    .limit(bindparam("count"))
)


class Repository(NamedTuple):
    """A repository and the bucket that holds it."""

    id: int
    name: str
    bucket: Bucket


def find(connection: Connection, bucket_name: str, name: str) -> Repository | None:
    """Returns the repository of that name in that bucket."""
    row = _FIND.one(connection, {"bucket_name": bucket_name, "name": name})
    if row is None:
        return None
    row_id, name, *bucket = row
    return Repository(row_id, name, Bucket(*bucket))


def create(connection: Connection, bucket_name: str, name: str) -> Repository | None:
    """Returns the repository of that name, created if missing; None if the bucket does not exist."""
    _CREATE.run(connection, {"bucket_name": bucket_name, "name": name})
    return find(connection, bucket_name, name)


def list_below(connection: Connection, bucket_name: str, folder: str, *, count: int) -> list[str]:
    """Returns the names of at most `count` repositories with a manifest below `folder`, in order."""
    values = {"bucket_name": bucket_name, "first": f"{folder}/", "stop": f"{folder}0", "count": count}
    return [name for (name,) in _BELOW.all(connection, values)]


def list_page(connection: Connection, bucket_names: list[str], *, last: str, count: int | None) -> list[str]:
    """Returns the names of at most `count` repositories with a manifest, after `last`; all for None."""
    values = {"bucket_names": bucket_names, "last": last, "count": ALL_ROWS if count is None else count}
    return list(connection.execute(_PAGE, values).scalars())
