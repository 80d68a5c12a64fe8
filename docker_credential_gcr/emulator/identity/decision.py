"""May this principal do this? IAM's roles and the access token's OAuth scopes must both say so."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from .policy import ALL_AUTHENTICATED_USERS, ALL_USERS, Policy
from .principal import CLOUD_PLATFORM, OPERATOR, Principal
from .roles import ROLES

_AUTH = "https://www.googleapis.com/auth/"
_READ_PLATFORM = f"{_AUTH}cloud-platform.read-only"
_STORAGE_FULL = f"{_AUTH}devstorage.full_control"
_STORAGE_WRITE = f"{_AUTH}devstorage.read_write"
_STORAGE_READ = f"{_AUTH}devstorage.read_only"

_MAY_WRITE_STORAGE = frozenset({CLOUD_PLATFORM, _STORAGE_FULL, _STORAGE_WRITE})
_MAY_READ_STORAGE = _MAY_WRITE_STORAGE | {_READ_PLATFORM, _STORAGE_READ}
_MAY_WRITE_PROJECTS = frozenset({CLOUD_PLATFORM, f"{_AUTH}cloudplatformprojects"})
_MAY_READ_PROJECTS = _MAY_WRITE_PROJECTS | {_READ_PLATFORM, f"{_AUTH}cloudplatformprojects.readonly"}
_MAY_USE_IAM = frozenset({CLOUD_PLATFORM, f"{_AUTH}iam"})

# For each permission, the OAuth scopes of which the token needs one; the longest prefix counts.
# devstorage.read_write is enough for a first push, which makes the bucket.
# https://cloud.google.com/container-registry/docs/advanced-authentication
_OAUTH_SCOPES: dict[str, frozenset[str]] = {
    "storage.": _MAY_WRITE_STORAGE,
    "storage.buckets.get": _MAY_READ_STORAGE,
    "storage.objects.get": _MAY_READ_STORAGE,
    "storage.objects.list": _MAY_READ_STORAGE,
    "resourcemanager.": _MAY_WRITE_PROJECTS,
    "resourcemanager.projects.get": _MAY_READ_PROJECTS,  # and getIamPolicy
    "resourcemanager.projects.list": _MAY_READ_PROJECTS,
    "iam.": _MAY_USE_IAM,
}


@dataclass(frozen=True)
class Decision:
    """The answer, and in `reason` the words for why not."""

    allowed: bool
    permission: str
    reason: str


def decide(principal: Principal, policies: Sequence[Policy], permission: str) -> Decision:
    """Whether the policies of a resource and its parents give the principal the permission.

    What allUsers may do needs no OAuth scope: it would be allowed without a credential too.
    """
    if principal == OPERATOR or _has_role({ALL_USERS}, policies, permission):
        return Decision(True, permission, "")
    if principal.member is None:
        return Decision(False, permission, f"the anonymous do not have {permission}")
    if not _has_role({principal.member, ALL_AUTHENTICATED_USERS}, policies, permission):
        return Decision(False, permission, f"{principal.member} has no role with {permission}")
    if not principal.oauth_scopes & _find_oauth_scopes(permission):
        return Decision(False, permission, f"no OAuth scope of the access token covers {permission}")
    return Decision(True, permission, "")


def _has_role(members: set[str], policies: Iterable[Policy], permission: str) -> bool:
    return any(
        permission in ROLES.get(binding.role, frozenset()) and not members.isdisjoint(binding.members)
        for policy in policies
        for binding in policy.bindings
    )


def _find_oauth_scopes(permission: str) -> frozenset[str]:
    prefixes = [prefix for prefix in _OAUTH_SCOPES if permission.startswith(prefix)]
    return _OAUTH_SCOPES[max(prefixes, key=len)] if prefixes else frozenset({CLOUD_PLATFORM})
