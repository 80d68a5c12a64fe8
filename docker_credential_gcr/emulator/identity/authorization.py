"""Authorization decision: IAM's roles and the access token's OAuth scopes must both allow a permission."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from docker_credential_gcr.emulator.identity.federation.principals import find_pool, format_set

from .policy import ALL_AUTHENTICATED_USERS, ALL_USERS, Policy
from .principal import CLOUD_PLATFORM, OPERATOR, Principal
from .resource import Resource
from .roles import ROLES

_AUTH = "https://www.googleapis.com/auth/"
_READ_PLATFORM = f"{_AUTH}cloud-platform.read-only"
_STORAGE_FULL = f"{_AUTH}devstorage.full_control"
_STORAGE_WRITE = f"{_AUTH}devstorage.read_write"
_STORAGE_READ = f"{_AUTH}devstorage.read_only"

_MAY_WRITE_STORAGE = frozenset({CLOUD_PLATFORM, _STORAGE_FULL, _STORAGE_WRITE})
_MAY_READ_STORAGE = _MAY_WRITE_STORAGE | {_READ_PLATFORM, _STORAGE_READ}
# https://cloud.google.com/storage/docs/oauth-scopes
_MAY_SHARE_STORAGE = frozenset({CLOUD_PLATFORM, _STORAGE_FULL})
_MAY_WRITE_PROJECTS = frozenset({CLOUD_PLATFORM, f"{_AUTH}cloudplatformprojects"})
_MAY_READ_PROJECTS = _MAY_WRITE_PROJECTS | {_READ_PLATFORM, f"{_AUTH}cloudplatformprojects.readonly"}
_MAY_USE_IAM = frozenset({CLOUD_PLATFORM, f"{_AUTH}iam"})
_MAY_USE_SERVICES = frozenset({CLOUD_PLATFORM, f"{_AUTH}service.management"})
_MAY_READ_SERVICES = _MAY_USE_SERVICES | {_READ_PLATFORM, f"{_AUTH}service.management.readonly"}
_MAY_USE_PUBSUB = frozenset({CLOUD_PLATFORM, f"{_AUTH}pubsub"})
_MAY_READ_ARTIFACTS = frozenset({CLOUD_PLATFORM, _READ_PLATFORM})

# prefix of permissions -> OAuth scopes of which the token needs one; the longest prefix counts.
# devstorage.read_write is enough for a first push, which creates the bucket.
# https://cloud.google.com/container-registry/docs/advanced-authentication
_OAUTH_SCOPES: dict[str, frozenset[str]] = {
    "storage.": _MAY_WRITE_STORAGE,
    "storage.buckets.get": _MAY_READ_STORAGE,
    "storage.buckets.getIamPolicy": _MAY_SHARE_STORAGE | {_READ_PLATFORM},
    "storage.buckets.list": _MAY_READ_STORAGE,
    "storage.buckets.setIamPolicy": _MAY_SHARE_STORAGE,
    "storage.managedFolders.list": _MAY_READ_STORAGE,
    "storage.objects.get": _MAY_READ_STORAGE,
    "storage.objects.getIamPolicy": _MAY_SHARE_STORAGE | {_READ_PLATFORM},
    "storage.objects.list": _MAY_READ_STORAGE,
    "storage.objects.setIamPolicy": _MAY_SHARE_STORAGE,
    "resourcemanager.": _MAY_WRITE_PROJECTS,
    "resourcemanager.projects.get": _MAY_READ_PROJECTS,  # and getIamPolicy
    "resourcemanager.projects.list": _MAY_READ_PROJECTS,
    "iam.": _MAY_USE_IAM,
    "pubsub.": _MAY_USE_PUBSUB,
    "secretmanager.": frozenset({CLOUD_PLATFORM}),
    "serviceusage.": _MAY_USE_SERVICES,
    "serviceusage.services.get": _MAY_READ_SERVICES,
    "serviceusage.services.list": _MAY_READ_SERVICES,
    # The scopes of storage allow Artifact Registry's images, too: machines of Compute Engine have them.
    # https://cloud.google.com/artifact-registry/docs/access-control#compute
    "artifactregistry.repositories.downloadArtifacts": _MAY_READ_STORAGE,
    "artifactregistry.repositories.uploadArtifacts": _MAY_WRITE_STORAGE,
    "artifactregistry.repositories.deleteArtifacts": _MAY_WRITE_STORAGE,
    **{
        f"artifactregistry.{kind}.{verb}": _MAY_READ_ARTIFACTS
        for kind in ("dockerimages", "locations", "packages", "repositories", "tags", "versions")
        for verb in ("get", "list")
    },
}

# A bucket's policy can name the members of its project's basic roles.
# https://cloud.google.com/storage/docs/access-control/iam#convenience-values
_CONVENIENCE = {
    "roles/owner": "projectOwner",
    "roles/editor": "projectEditor",
    "roles/viewer": "projectViewer",
}


@dataclass(frozen=True)
class Decision:
    """A decision; `reason` says why the permission is denied."""

    allowed: bool
    permission: str
    reason: str


def decide(
    principal: Principal, policies: Sequence[Policy], permission: str, resource: Resource | None = None
) -> Decision:
    """Decides whether the policies of a resource and its parents grant the principal the permission.

    `policies` begins with the project's: it alone names the project's owners, editors and viewers.
    Permissions of allUsers need no OAuth scope, because they need no credential. Without a resource,
    conditional bindings are ignored.
    """
    if principal == OPERATOR or _has_role({ALL_USERS}, policies, permission, resource):
        return Decision(True, permission, "")
    if principal.member is None:
        return Decision(False, permission, f"the anonymous do not have {permission}")
    members = _find_members(principal.member, principal.sets)
    has_role = _has_role(members, policies, permission, resource)
    if not has_role and resource is not None:
        also = _find_conveniences(members, policies[:1], resource.project_id)
        has_role = _has_role(also, policies, permission, resource)
    if not has_role:
        return Decision(False, permission, f"{principal.member} has no role with {permission}")
    if not principal.oauth_scopes & _find_oauth_scopes(permission):
        return Decision(False, permission, f"no OAuth scope of the access token covers {permission}")
    return Decision(True, permission, "")


def _find_members(member: str, sets: Iterable[str]) -> set[str]:
    """Returns all names that a policy may have for the member.

    A federated identity does not belong to allAuthenticatedUsers:
    https://cloud.google.com/iam/docs/principals-overview#all-authenticated-users
    """
    pool = find_pool(member)
    if pool is None:
        return {member, ALL_AUTHENTICATED_USERS}
    return {member, *(format_set(pool, name) for name in sets)}


def _has_role(
    members: set[str], policies: Iterable[Policy], permission: str, resource: Resource | None
) -> bool:
    return any(
        permission in ROLES.get(binding.role, frozenset())
        and not members.isdisjoint(binding.members)
        and binding.counts_for(resource)
        for policy in policies
        for binding in policy.bindings
    )


def _find_conveniences(members: set[str], policies: Iterable[Policy], project_id: str) -> set[str]:
    return {
        f"{_CONVENIENCE[binding.role]}:{project_id}"
        for policy in policies
        for binding in policy.bindings
        if binding.role in _CONVENIENCE and not members.isdisjoint(binding.members)
    }


def _find_oauth_scopes(permission: str) -> frozenset[str]:
    prefixes = [prefix for prefix in _OAUTH_SCOPES if permission.startswith(prefix)]
    return _OAUTH_SCOPES[max(prefixes, key=len)] if prefixes else frozenset({CLOUD_PLATFORM})
