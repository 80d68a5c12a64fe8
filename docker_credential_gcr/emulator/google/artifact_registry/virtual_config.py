"""virtualRepositoryConfig: the upstreams of a virtual repository, each with a priority.

    {"upstreamPolicies": [{"id": "ours", "repository": "projects/my-project/locations/us/repositories/images",
                           "priority": 100}]}

https://cloud.google.com/artifact-registry/docs/repositories/virtual-repo
"""

import re
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection

from docker_credential_gcr.emulator.database.projects import artifact_repositories
from docker_credential_gcr.emulator.database.projects.artifact_repositories import VIRTUAL, ArtifactRepository
from docker_credential_gcr.emulator.google import authorization
from docker_credential_gcr.emulator.google.rest.errors import FailedPrecondition, InvalidArgument
from docker_credential_gcr.emulator.identity.resource import format_repository

# https://cloud.google.com/artifact-registry/quotas
_MOST = 30
_NAME = re.compile(r"projects/([^/]{1,100})/locations/([^/]{1,63})/repositories/([^/]{1,63})")


def check_config(mode: str, config: Mapping[str, Any] | None) -> None:
    """Raises InvalidArgument for upstream policies that no virtual repository can have."""
    if config is None:
        return
    if mode != VIRTUAL:
        raise InvalidArgument("virtualRepositoryConfig can only be set for the mode VIRTUAL_REPOSITORY")
    policies = config.get("upstreamPolicies", [])
    if len(policies) > _MOST:
        raise InvalidArgument(f"upstreamPolicies may hold at most {_MOST} policies")
    for policy in policies:
        if not policy.get("id"):
            raise InvalidArgument("each of the upstreamPolicies must have an id")
        if not _NAME.fullmatch(policy.get("repository", "")):
            raise InvalidArgument(
                f"the repository of the upstream policy {policy['id'][:100]!r} must be "
                "projects/PROJECT/locations/LOCATION/repositories/REPOSITORY"
            )
    for member in ("id", "repository"):
        if len({policy[member] for policy in policies}) < len(policies):
            raise InvalidArgument(f"two of the upstreamPolicies have the same {member}")


def resolve_upstreams(
    connection: Connection, location: str, config: Mapping[str, Any] | None
) -> dict[str, Any] | None:
    """Returns the policies with the projects' IDs. Raises FailedPrecondition for an upstream that is missing.

    One at another location is an error, too.
    """
    if config is None:
        return None
    found = [_resolve(connection, location, policy) for policy in config.get("upstreamPolicies", [])]
    return {"upstreamPolicies": found}


def check_no_loop(connection: Connection, repository: ArtifactRepository) -> None:
    """Raises FailedPrecondition if a virtual repository is among its own upstreams, or among theirs."""
    seen, waiting = set[str](), [*repository.upstreams]
    while waiting:
        name = waiting.pop()
        if name == repository.name:
            raise FailedPrecondition(f"the virtual repository {name} would be an upstream of itself")
        if name in seen:
            continue
        seen.add(name)
        found = artifact_repositories.find_named(connection, name)
        waiting += found.upstreams if found is not None else []


def _resolve(connection: Connection, location: str, policy: Mapping[str, Any]) -> dict[str, Any]:
    _, project_name, _, place, _, repository_id = policy["repository"].split("/")
    if place != location:
        raise FailedPrecondition(
            f"the upstream repository {policy['repository']} must be at the location {location}"
        )
    project = authorization.find_project(connection, project_name)
    name = format_repository(project.project_id if project else project_name, place, repository_id)
    if artifact_repositories.find_named(connection, name) is None:
        raise FailedPrecondition(f"the upstream repository {policy['repository']} does not exist")
    return {**policy, "repository": name}
