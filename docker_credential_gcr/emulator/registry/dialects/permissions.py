"""Permissions of the registry's actions: Cloud Storage's for Container Registry, Artifact Registry's own.

The errors for a caller without them are here too.
"""

from collections.abc import Mapping

from sqlalchemy import Connection

from docker_credential_gcr.emulator.database.images import buckets
from docker_credential_gcr.emulator.database.projects import artifact_repositories, policies
from docker_credential_gcr.emulator.identity.authorization import decide
from docker_credential_gcr.emulator.identity.principal import Principal
from docker_credential_gcr.emulator.identity.resource import (
    Resource,
    describe_repository,
    get_bucket_resource,
)
from docker_credential_gcr.emulator.identity.resource_names import format_email
from docker_credential_gcr.emulator.oci.token_auth import DELETE, PULL, PUSH
from docker_credential_gcr.emulator.registry.errors import (
    NEEDED_PERMISSIONS,
    ArtifactDenied,
    CreateOnPushDenied,
    Denied,
    RegistryError,
    TokenExchangeFailed,
    Unauthorized,
)
from docker_credential_gcr.emulator.sites.hosts import Target

# The HEAD of a blob, which is part of pulls and of pushes; all other actions are those of scopes.
HEAD_BLOB = "head"

_READ = ("storage.objects.get", "storage.objects.list")
# https://cloud.google.com/container-registry/docs/access-control
_BUCKET_PERMISSIONS = {
    PULL: _READ,
    HEAD_BLOB: _READ,
    # A push may move a tag, so it needs the permissions to replace objects too.
    PUSH: ("storage.buckets.get", "storage.objects.create", "storage.objects.delete", *_READ),
    DELETE: ("storage.objects.delete",),
}
# The first push to a host creates the project's bucket there.
_CREATE_BUCKET = "storage.buckets.create"

_DOWNLOAD = "artifactregistry.repositories.downloadArtifacts"
_UPLOAD = "artifactregistry.repositories.uploadArtifacts"
# https://cloud.google.com/artifact-registry/docs/repositories/create-repos#create-on-push
CREATE_ON_PUSH = "artifactregistry.repositories.createOnPush"
# One of them is enough; the first is the one that an error names.
# https://cloud.google.com/artifact-registry/docs/audit-logging
_REPOSITORY_PERMISSIONS = {
    PULL: (_DOWNLOAD,),
    HEAD_BLOB: (_DOWNLOAD, _UPLOAD),
    PUSH: (_UPLOAD,),
    DELETE: ("artifactregistry.repositories.deleteArtifacts",),
}


def find_missing_in_bucket(
    connection: Connection, principal: Principal, target: Target, action: str
) -> str | None:
    """Returns the first permission of Cloud Storage that the principal lacks for `action`, or None."""
    found = [
        policies.find(connection, f"projects/{target.project_id}"),
        # Without a new bucket's default policy: it only gives viewers storage.buckets.get, and the error of a
        # viewer's push must name that permission, as Container Registry's does.
        policies.find(connection, f"buckets/{target.bucket}"),
    ]
    needed = _BUCKET_PERMISSIONS[action]
    if action == PUSH and buckets.find(connection, target.bucket) is None:
        needed = (needed[0], _CREATE_BUCKET, *needed[1:])
    for permission in needed:
        resource = get_bucket_resource(permission, target.bucket, target.project_id)
        if not decide(principal, found, permission, resource).allowed:
            return permission
    return None


def find_missing_in_repository(
    connection: Connection, principal: Principal, target: Target, action: str
) -> str | None:
    """Returns the permission of Artifact Registry that the principal lacks for `action`, or None.

    The first push to a redirected host creates the host's repository.
    """
    resource = _describe(target)
    found = [
        policies.find(connection, f"projects/{target.project_id}"),
        policies.find(connection, resource.name),
    ]

    def has(permission: str) -> bool:
        return decide(principal, found, permission, resource).allowed

    sufficient = _REPOSITORY_PERMISSIONS[action]
    if not any(map(has, sufficient)):
        return sufficient[0]
    creates = action == PUSH and target.is_redirected and not _has_repository(connection, target)
    return CREATE_ON_PUSH if creates and not has(CREATE_ON_PUSH) else None


def describe_denied_access(_principal: Principal, _target: Target, _permission: str) -> Denied:
    """Returns Container Registry's error at a path of a repository."""
    return Denied()


def describe_denied_artifacts(principal: Principal, target: Target, permission: str) -> Denied:
    """Returns Artifact Registry's error, at every path and for a token."""
    if permission == CREATE_ON_PUSH:
        return CreateOnPushDenied(target.site.host)
    return ArtifactDenied(principal.member, permission, _describe(target).name)


def describe_failed_exchange(
    principal: Principal, target: Target, refused: Mapping[str, str]
) -> RegistryError:
    """Returns Container Registry's error for a token; `refused` are the actions and missing permissions."""
    if principal.member is None:
        return Unauthorized(None, NEEDED_PERMISSIONS)
    if PUSH not in refused:
        return Denied()
    is_of_member = principal.member.endswith(format_email("", target.project_id))
    return TokenExchangeFailed(target.project_id, refused[PUSH], is_of_member=is_of_member)


def describe_denied_token(principal: Principal, target: Target, refused: Mapping[str, str]) -> RegistryError:
    """Returns Artifact Registry's error for a token."""
    return describe_denied_artifacts(principal, target, refused.get(PUSH) or next(iter(refused.values())))


def _describe(target: Target) -> Resource:
    return describe_repository(target.project_id, target.site.location, target.repository_id or "")


def _has_repository(connection: Connection, target: Target) -> bool:
    location, repository_id = target.site.location, target.repository_id or ""
    return artifact_repositories.find(connection, target.project_id, location, repository_id) is not None
