"""Repositories: made by the first upload or manifest, named by the path after /v2/."""

from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, select
from sqlalchemy.dialects.sqlite import insert

from .buckets import Bucket
from .schema import buckets, manifests, repositories

_FIND = (
    select(
        repositories.c.id,
        repositories.c.name,
        buckets.c.id.label("bucket"),
        buckets.c.name.label("bucket_name"),
    )
    .join(buckets, buckets.c.id == repositories.c.bucket)
    .where(buckets.c.name == bindparam("bucket_name"), repositories.c.name == bindparam("name"))
)
_CREATE = (
    insert(repositories)
    .from_select(
        ["bucket", "name"],
        select(buckets.c.id, bindparam("name", type_=repositories.c.name.type)).where(
            buckets.c.name == bindparam("bucket_name")
        ),
    )
    .on_conflict_do_nothing()
)
# `0` is the character after `/`: the names below a folder, from an index.
_BELOW = (
    select(repositories.c.name)
    .join(buckets, buckets.c.id == repositories.c.bucket)
    .where(
        buckets.c.name == bindparam("bucket_name"),
        repositories.c.name >= bindparam("first"),
        repositories.c.name < bindparam("stop"),
        select(manifests.c.id).where(manifests.c.repository == repositories.c.id).exists(),
    )
    .order_by(repositories.c.name)
)


_PAGE = (
    select(repositories.c.name)
    .join(buckets, buckets.c.id == repositories.c.bucket)
    .where(
        buckets.c.name.in_(bindparam("bucket_names", expanding=True)),
        repositories.c.name > bindparam("last"),
        select(manifests.c.id).where(manifests.c.repository == repositories.c.id).exists(),
    )
    .order_by(repositories.c.name)
    .limit(bindparam("count"))
)


@dataclass(frozen=True)
class Repository:
    """A repository and the bucket that holds it."""

    id: int
    name: str
    bucket: Bucket


def find(connection: Connection, bucket_name: str, name: str) -> Repository | None:
    """The repository of that name in that bucket."""
    row = connection.execute(_FIND, {"bucket_name": bucket_name, "name": name}).one_or_none()
    return None if row is None else Repository(row.id, row.name, Bucket(row.bucket, row.bucket_name))


def create(connection: Connection, bucket_name: str, name: str) -> Repository | None:
    """The repository of that name, made if it was not there; None where there is no such bucket."""
    connection.execute(_CREATE, {"bucket_name": bucket_name, "name": name})
    return find(connection, bucket_name, name)


def list_below(connection: Connection, bucket_name: str, folder: str) -> list[str]:
    """The names of the repositories with a manifest below `folder`, in order."""
    values = {"bucket_name": bucket_name, "first": f"{folder}/", "stop": f"{folder}0"}
    return list(connection.execute(_BELOW, values).scalars())


def list_page(connection: Connection, bucket_names: list[str], *, last: str, count: int | None) -> list[str]:
    """The names of at most `count` repositories with a manifest after `last`, in order; all for None."""
    values = {"bucket_names": bucket_names, "last": last, "count": -1 if count is None else count}
    return list(connection.execute(_PAGE, values).scalars())
