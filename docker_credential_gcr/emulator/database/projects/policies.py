"""IAM policies, by the full name of their resource: projects/my-project."""

import json
from collections.abc import Iterator

from sqlalchemy import Connection, bindparam, delete, literal, select

from docker_credential_gcr.emulator.database.engine.dialect import contains, insert
from docker_credential_gcr.emulator.database.engine.statement import Statement
from docker_credential_gcr.emulator.database.errors import Changed
from docker_credential_gcr.emulator.database.schema import policies, projects
from docker_credential_gcr.emulator.identity.policy import EMPTY, Policy, format_policy, parse_policy
from docker_credential_gcr.emulator.runtime.memoize import memoize
from docker_credential_gcr.emulator.runtime.strict_json import decode_stored

_FIND = Statement(select(policies.c.document).where(policies.c.resource == bindparam("wanted")))
_LIST_OF_PROJECTS = (
    select(policies.c.document)
    .join(projects, policies.c.resource == literal("projects/") + projects.c.project_id)
    .where(projects.c.deleted_at.is_(None))
)
# Searches the documents for a JSON string, quotes included: a hundred times as fast as parsing them.
_HOLDING = (
    select(policies.c.resource, policies.c.document)
    .where(contains(policies.c.document, "wanted"))
    .order_by(policies.c.resource)
)
_DELETE = delete(policies).where(policies.c.resource == bindparam("wanted"))
_INSERT = insert(policies)
_SAVE = _INSERT.on_conflict_do_update(
    index_elements=[policies.c.resource], set_={"document": _INSERT.excluded.document}
)


def find(connection: Connection, resource: str, *, default: Policy = EMPTY) -> Policy:
    """Returns the resource's policy; the default if none was set."""
    row = _FIND.one(connection, {"wanted": resource})
    return default if row is None else _parse(row[0])


def save(
    connection: Connection,
    resource: str,
    policy: Policy,
    *,
    etag: str | None = None,
    default: Policy = EMPTY,
) -> Policy:
    """Sets the resource's policy. Raises Changed if `etag` is not that of the present policy."""
    if etag and etag != find(connection, resource, default=default).etag:
        raise Changed(resource)
    connection.execute(_SAVE, {"resource": resource, "document": json.dumps(format_policy(policy))})
    return policy


def remove(connection: Connection, resource: str) -> None:
    """Deletes the policy of a deleted resource."""
    connection.execute(_DELETE, {"wanted": resource})


def list_of_projects(connection: Connection) -> list[Policy]:
    """Returns the policies of all projects that are not deleted, without those of resources in them."""
    return [_parse(document) for (document,) in connection.execute(_LIST_OF_PROJECTS)]


def list_naming(connection: Connection, member: str) -> list[tuple[str, Policy]]:
    """Returns each resource whose policy names the member, with the policy."""
    found = connection.execute(_HOLDING, {"wanted": json.dumps(member)}).all()
    return [(resource, _parse(document)) for resource, document in found]


def list_documents(connection: Connection, kind: str) -> Iterator[str]:
    """Yields the policies that name a member of the kind, user or group, as JSON; reads each when needed."""
    with connection.execute(_HOLDING, {"wanted": f'"{kind}:'}) as rows:
        yield from (document for _, document in rows)


# Every request reads a policy, few change one. A parsed policy takes three times the memory of its text.
@memoize(8 * 1024 * 1024)
def _parse(document: str) -> Policy:
    return parse_policy(decode_stored(document))
