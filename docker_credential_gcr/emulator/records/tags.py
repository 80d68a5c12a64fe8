"""Tags: movable names for manifests, paged from an index."""

from sqlalchemy import Connection, bindparam, delete, select
from sqlalchemy.dialects.sqlite import insert

from .repositories import Repository
from .schema import tags

_INSERT = insert(tags)
_PUT = _INSERT.on_conflict_do_update(
    index_elements=["repository", "tag"], set_={"manifest": _INSERT.excluded.manifest}
)
_REMOVE = delete(tags).where(tags.c.repository == bindparam("repository_id"), tags.c.tag == bindparam("name"))
_PAGE = (
    select(tags.c.tag, tags.c.manifest)
    .where(tags.c.repository == bindparam("repository"), tags.c.tag > bindparam("last"))
    .order_by(tags.c.tag)
    .limit(bindparam("count"))
)
_OF_MANIFEST = select(tags.c.tag).where(tags.c.manifest == bindparam("manifest")).order_by(tags.c.tag)


def put(connection: Connection, repository: Repository, tag: str, manifest_id: int) -> None:
    """Let the tag name the manifest from now on."""
    connection.execute(_PUT, {"repository": repository.id, "tag": tag, "manifest": manifest_id})


def remove(connection: Connection, repository: Repository, tag: str) -> bool:
    """Forget the tag, not its manifest; False if there was none."""
    return connection.execute(_REMOVE, {"repository_id": repository.id, "name": tag}).rowcount > 0


def list_page(
    connection: Connection, repository: Repository, *, last: str = "", count: int | None = None
) -> list[tuple[str, int]]:
    """(tag, manifest id) of at most `count` tags after `last`, in order; all of them for None."""
    values = {"repository": repository.id, "last": last, "count": -1 if count is None else count}
    return [(row.tag, row.manifest) for row in connection.execute(_PAGE, values)]


def list_of(connection: Connection, manifest_id: int) -> list[str]:
    """The tags that name the manifest, in order."""
    return list(connection.execute(_OF_MANIFEST, {"manifest": manifest_id}).scalars())
