"""Tags: movable names for manifests, listed in pages from an index."""

from sqlalchemy import Connection, bindparam, delete, select

from docker_credential_gcr.emulator.database.engine.dialect import ALL_ROWS, insert
from docker_credential_gcr.emulator.database.engine.statement import Statement
from docker_credential_gcr.emulator.database.schema import tags

from .repositories import Repository

_INSERT = insert(tags)
_PUT = Statement(
    _INSERT.on_conflict_do_update(
        index_elements=["repository", "tag"], set_={"manifest": _INSERT.excluded.manifest}
    )
)
_CREATE = Statement(insert(tags).on_conflict_do_nothing())
_FIND = Statement(
    select(tags.c.manifest).where(
        tags.c.repository == bindparam("repository"), tags.c.tag == bindparam("tag")
    )
)
_REMOVE = Statement(
    delete(tags).where(tags.c.repository == bindparam("repository_id"), tags.c.tag == bindparam("name"))
)
_PAGE = Statement(
    select(tags.c.tag, tags.c.manifest)
    .where(tags.c.repository == bindparam("repository"), tags.c.tag > bindparam("last"))
    .order_by(tags.c.tag)
    .limit(bindparam("count"))
)
_OF_MANIFEST = Statement(
    select(tags.c.tag).where(tags.c.manifest == bindparam("manifest")).order_by(tags.c.tag)
)


def put(connection: Connection, repository: Repository, tag: str, manifest_id: int) -> None:
    """Creates the tag, or moves it to the manifest."""
    _PUT.run(connection, {"repository": repository.id, "tag": tag, "manifest": manifest_id})


def create(connection: Connection, repository: Repository, tag: str, manifest_id: int) -> bool:
    """Creates the tag; returns False if it exists."""
    return _CREATE.run(connection, {"repository": repository.id, "tag": tag, "manifest": manifest_id}) > 0


def find(connection: Connection, repository: Repository, tag: str) -> int | None:
    """Returns the id of the manifest that the tag names."""
    row = _FIND.one(connection, {"repository": repository.id, "tag": tag})
    return None if row is None else int(row[0])


def remove(connection: Connection, repository: Repository, tag: str) -> bool:
    """Deletes the tag, not its manifest; returns False if it did not exist."""
    return _REMOVE.run(connection, {"repository_id": repository.id, "name": tag}) > 0


def list_page(
    connection: Connection, repository: Repository, *, last: str = "", count: int | None = None
) -> list[tuple[str, int]]:
    """Returns (tag, manifest id) of at most `count` tags after `last`, in order; all for None."""
    values = {"repository": repository.id, "last": last, "count": ALL_ROWS if count is None else count}
    return [(tag, manifest) for tag, manifest in _PAGE.all(connection, values)]


def list_of(connection: Connection, manifest_id: int) -> list[str]:
    """Returns the tags that name the manifest, in order."""
    return [tag for (tag,) in _OF_MANIFEST.all(connection, {"manifest": manifest_id})]
