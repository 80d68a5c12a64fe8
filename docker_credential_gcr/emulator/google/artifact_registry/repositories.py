"""Repositories of Artifact Registry (artifactregistry.googleapis.com), at LOCATION-docker.pkg.dev.

https://cloud.google.com/artifact-registry/docs/reference/rest/v1/projects.locations.repositories
"""

import re
from functools import partial
from operator import attrgetter
from typing import Any

from sqlalchemy import Connection

from docker_credential_gcr.emulator.database.errors import AlreadyExists
from docker_credential_gcr.emulator.database.events import deletions
from docker_credential_gcr.emulator.database.events.deletions import Deletion
from docker_credential_gcr.emulator.database.projects import artifact_repositories
from docker_credential_gcr.emulator.database.projects.artifact_repositories import (
    STANDARD,
    VIRTUAL,
    ArtifactRepository,
)
from docker_credential_gcr.emulator.google.rest.calls import Call
from docker_credential_gcr.emulator.google.rest.errors import Conflict, InvalidArgument
from docker_credential_gcr.emulator.google.rest.field_masks import list_paths, merge_fields
from docker_credential_gcr.emulator.google.rest.labels import parse_labels
from docker_credential_gcr.emulator.google.rest.listings import parse_listing
from docker_credential_gcr.emulator.google.rest.long_running import (
    EMPTY_TYPE,
    create_operation_id,
    finish_operation,
)
from docker_credential_gcr.emulator.google.rest.methods import PAGE, Result, method, reads, scans, writes
from docker_credential_gcr.emulator.google.rest.request_messages import REPOSITORY
from docker_credential_gcr.emulator.runtime.timestamps import format_instant
from docker_credential_gcr.emulator.sites.hosts import REDIRECTED

from .authorization import get_project, get_repository
from .locations import get_location
from .virtual_config import check_config, check_no_loop, resolve_upstreams

_TYPE = "type.googleapis.com/google.devtools.artifactregistry.v1."
# https://cloud.google.com/artifact-registry/docs/repositories/create-repos
_ID = re.compile(r"[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?", re.ASCII)
_CONFIG = "virtualRepositoryConfig"
# https://cloud.google.com/kms/docs/resource-hierarchy#retrieve_resource_id
_KEY = re.compile(r"projects/[^/]+/locations/[^/]+/keyRings/[^/]+/cryptoKeys/[^/]+")
_MAX_POLICIES = 10
_ORDERS = {"createTime": "created_at", "updateTime": "updated_at"}
_MAX_POLICY_ID_SIZE = 127


@method("repositoryId", body=REPOSITORY)
async def create_repository(call: Call) -> Result:
    """Creates the repository ?repositoryId= of format DOCKER."""
    location, body, repository_id = get_location(call), call.body, call.query.get("repositoryId", "")
    _check_id(repository_id, location)
    if body.get("format") != "DOCKER":
        raise InvalidArgument("gcr-emulator can only create repositories of format DOCKER.")
    if "mode" not in body and body.get("disallowUnspecifiedMode"):
        raise InvalidArgument("the mode of the repository must be given: disallowUnspecifiedMode is true")
    if body.get("mode", STANDARD) not in (STANDARD, VIRTUAL):
        raise InvalidArgument(
            "gcr-emulator can only create repositories of mode STANDARD_REPOSITORY or VIRTUAL_REPOSITORY."
        )
    values = _parse(body)

    def work(connection: Connection) -> dict[str, Any]:
        project = get_project(connection, call, "artifactregistry.repositories.create")
        settled = _settle(connection, location, values)
        try:
            created = artifact_repositories.create(
                connection, project, location, repository_id, **settled, now=call.now
            )
        except AlreadyExists as error:
            raise Conflict("the repository already exists") from error
        response = {"@type": f"{_TYPE}Repository", **format_repository(created)}
        return finish_repository_operation(connection, call, created, response)

    return await call.services.database.write(work)


@scans("filter", "orderBy", *PAGE)
def list_repositories(connection: Connection, call: Call) -> Result:
    """Returns the project's repositories at one location, each with the size of its contents."""
    listing, location = parse_listing(call.query, orders=_ORDERS), get_location(call)
    project = get_project(connection, call, "artifactregistry.repositories.list")
    fetch = partial(artifact_repositories.list_page, connection, project, location)
    describe = partial(_format_with_size, connection)
    return listing.format("repositories", fetch, describe, attrgetter("repository_id"))


@reads()
def show_repository(connection: Connection, call: Call) -> Result:
    """Returns one repository, with the size of its contents."""
    return _format_with_size(
        connection, get_repository(connection, call, "artifactregistry.repositories.get")
    )


@method("updateMask", body=REPOSITORY)
async def patch_repository(call: Call) -> Result:
    """Changes the fields that ?updateMask= names."""
    # Checked first: a wrong mask or value is an error for an unknown repository too.
    _parse(call.body, may_lack_mode=True)
    list_paths(call.query.get("updateMask", ""), call.body, REPOSITORY)

    def work(connection: Connection) -> ArtifactRepository:
        found = get_repository(connection, call, "artifactregistry.repositories.update")
        values = _parse(merge_fields(call, format_repository(found), REPOSITORY))
        settled = _settle(connection, found.location, values)
        changed = artifact_repositories.change(connection, found, **settled, now=call.now)
        check_no_loop(connection, changed)
        return changed

    return format_repository(await call.services.database.write(work))


@writes()
def delete_repository(connection: Connection, call: Call) -> Result:
    """Deletes a repository with all images in it."""
    found = get_repository(connection, call, "artifactregistry.repositories.delete")
    deletions.add_of_bucket(connection, build_deletion(call), found.bucket.id)
    artifact_repositories.remove(connection, found)
    return finish_repository_operation(connection, call, found, {"@type": EMPTY_TYPE})


def build_deletion(call: Call) -> Deletion:
    """Returns what events say about the caller of a deletion."""
    return Deletion(call.now_ms, call.caller.member)


def finish_repository_operation(
    connection: Connection, call: Call, repository: ArtifactRepository, response: dict[str, Any]
) -> dict[str, Any]:
    """Returns the finished operation that changed a repository or its contents."""
    place = f"projects/{repository.project_id}/locations/{repository.location}"
    metadata = {"@type": f"{_TYPE}OperationMetadata"}
    return finish_operation(
        connection, call, f"{place}/operations/{create_operation_id()}", response, metadata
    )


def format_repository(repository: ArtifactRepository) -> dict[str, Any]:
    """Returns {"name", "format", "mode", "createTime", "updateTime", "registryUri", "description", …}"""
    host = f"{repository.location}-docker.pkg.dev"
    document: dict[str, Any] = {
        "name": repository.name,
        "format": "DOCKER",
        "mode": STANDARD,
        "createTime": format_instant(repository.created_at),
        "updateTime": format_instant(repository.updated_at),
        "registryUri": f"{host}/{repository.project_id.replace(':', '/')}/{repository.repository_id}",
    }
    if repository.description:
        document["description"] = repository.description
    if repository.labels:
        document["labels"] = dict(repository.labels)
    if repository.immutable_tags:
        document["dockerConfig"] = {"immutableTags": True}
    return {**document, **repository.settings}


def _format_with_size(connection: Connection, repository: ArtifactRepository) -> dict[str, Any]:
    size = artifact_repositories.measure(connection, repository)
    return {**format_repository(repository), "sizeBytes": str(size)}


def _check_id(repository_id: str, location: str) -> None:
    """Raises InvalidArgument for an ID that no repository at the location can have."""
    site = REDIRECTED.get(repository_id)
    if site is not None and location != site.location:
        # gcloud refuses it with the same words.
        raise InvalidArgument(
            f"GCR repository {repository_id} can only be created in the {site.location} multi-region."
        )
    if site is None and not _ID.fullmatch(repository_id):
        raise InvalidArgument(
            f"invalid repository id {repository_id[:100]!r}: it must be 1 to 63 lower-case letters, digits "
            "or hyphens, beginning with a letter, not ending in a hyphen"
        )


def _settle(connection: Connection, location: str, values: dict[str, Any]) -> dict[str, Any]:
    """Returns a repository's values with the names of its upstreams checked. Raises FailedPrecondition."""
    settings: dict[str, Any] = values["settings"]
    config = resolve_upstreams(connection, location, settings.get(_CONFIG))
    return {**values, "settings": settings if config is None else {**settings, _CONFIG: config}}


def _parse(body: dict[str, Any], *, may_lack_mode: bool = False) -> dict[str, Any]:
    """Returns a repository's values, by the names of the columns. Raises InvalidArgument."""
    description, docker = body.get("description", ""), body.get("dockerConfig", {})
    if not isinstance(description, str) or len(description) > 1024:
        raise InvalidArgument("description must be a string of at most 1024 characters")
    if not isinstance(docker.get("immutableTags", False), bool):
        raise InvalidArgument("dockerConfig.immutableTags must be true or false")
    if body.get("kmsKeyName") and not _KEY.fullmatch(body["kmsKeyName"]):
        raise InvalidArgument("kmsKeyName must be projects/P/locations/L/keyRings/R/cryptoKeys/K")
    _check_cleanup_policies(body.get("cleanupPolicies", {}))
    check_config(body.get("mode", VIRTUAL if may_lack_mode else STANDARD), body.get(_CONFIG))
    return {
        "description": description,
        "labels": parse_labels(body.get("labels", {})),
        "immutable_tags": docker.get("immutableTags", False),
        "settings": {
            name: body[name]
            for name in (*artifact_repositories.SETTINGS, *artifact_repositories.OF_MODE)
            if body.get(name) not in (None, "", {}, False, STANDARD)
        },
    }


def _check_cleanup_policies(policies: dict[str, Any]) -> None:
    """Raises InvalidArgument for cleanup policies that Artifact Registry does not accept.

    https://cloud.google.com/artifact-registry/docs/repositories/cleanup-policy
    """
    if len(policies) > _MAX_POLICIES:
        raise InvalidArgument(f"cleanupPolicies may hold at most {_MAX_POLICIES} policies")
    for key, policy in policies.items():
        fault = _find_fault(key, policy)
        if fault is not None:
            raise InvalidArgument(fault)


def _find_fault(key: str, policy: dict[str, Any]) -> str | None:
    """Returns why Artifact Registry does not accept a cleanup policy."""
    shown = f"the cleanup policy {key[:100]!r}"
    if len(key) > _MAX_POLICY_ID_SIZE:
        return f"the id of {shown} must have at most {_MAX_POLICY_ID_SIZE} characters"
    if policy.get("id", "") != key:
        return f"the id of {shown} must be its key"
    if "action" not in policy:
        return f"the action of {shown} must be DELETE or KEEP"
    if ("condition" in policy) == ("mostRecentVersions" in policy):
        return f"{shown} must have either a condition or mostRecentVersions"
    if policy["action"] == "DELETE" and not policy.get("condition"):
        return f"{shown} must have a condition: its action is DELETE"
    return None
