"""Policy Analyzer (cloudasset.googleapis.com): which bindings give which permissions on a project or bucket.

{"mainAnalysis": {"analysisResults": [{"attachedResourceFullName": "//storage.googleapis.com/my-bucket",
  "iamBinding": {…}, "accessControlLists": [{"accesses": [{"permission": "storage.objects.get"}], …}]}]}}
https://cloud.google.com/asset-inventory/docs/reference/rest/v1/TopLevel/analyzeIamPolicy
"""

import re
from collections.abc import Iterator
from typing import Any

from sqlalchemy import Connection

from docker_credential_gcr.emulator.database.projects import bucket_policies, storage_buckets
from docker_credential_gcr.emulator.database.projects.projects import Project
from docker_credential_gcr.emulator.google.authorization import (
    check_permission,
    find_project,
    find_project_policy,
    get_project,
)
from docker_credential_gcr.emulator.google.rest.calls import Call
from docker_credential_gcr.emulator.google.rest.errors import InvalidArgument, NotFound
from docker_credential_gcr.emulator.google.rest.methods import Result, reads
from docker_credential_gcr.emulator.identity.policy import Binding, Policy, format_binding
from docker_credential_gcr.emulator.identity.roles import ROLES

from .authorization import check_service

_QUERY = "analysisQuery"
_PERMISSIONS = f"{_QUERY}.accessSelector.permissions"
_RESOURCE = f"{_QUERY}.resourceSelector.fullResourceName"
_OPTIONS = (
    *("analyzeServiceAccountImpersonation", "expandGroups", "expandResources", "expandRoles"),
    *("includeDenyPolicyAnalysis", "outputGroupEdges", "outputResourceEdges"),
)
# Google's other selectors, and the options that widen an analysis.
_ABSENT = (
    *(f"{_QUERY}.accessSelector.roles", f"{_QUERY}.identitySelector.identity"),
    *(f"{_QUERY}.conditionContext.accessTime", "savedAnalysisQuery"),
    *(f"{_QUERY}.options.{name}" for name in _OPTIONS),
)
_PARAMETERS = (_PERMISSIONS, _RESOURCE, "executionTimeout", *_ABSENT)

# https://cloud.google.com/asset-inventory/docs/resource-name-format
_PROJECT = re.compile(r"//cloudresourcemanager\.googleapis\.com/projects/([^/]+)")
_BUCKET = re.compile(r"//storage\.googleapis\.com/(?:projects/_/buckets/)?([^/]+)")
_ANALYZE = "cloudasset.assets.analyzeIamPolicy"

# The project of a resource, and the policies in force for it by the full name of what they are attached to.
_InForce = tuple[Project, dict[str, Policy]]


@reads(*_PARAMETERS)
def analyze_project(connection: Connection, call: Call) -> Result:
    """Returns the bindings that give the permissions on the project, or on a bucket in it."""
    permissions, resource = _parse_query(call)
    project = get_project(connection, call, _ANALYZE)
    return _analyze(connection, call, f"projects/{project.project_id}", permissions, resource)


@reads(*_PARAMETERS)
def analyze_folder(connection: Connection, call: Call) -> Result:
    """Returns the same for a project in the folder."""
    return _analyze_parent(connection, call, f"folders/{call.path['folder']}")


@reads(*_PARAMETERS)
def analyze_organization(connection: Connection, call: Call) -> Result:
    """Returns the same for a project in the organization."""
    return _analyze_parent(connection, call, f"organizations/{call.path['organization']}")


def _analyze_parent(connection: Connection, call: Call, parent: str) -> Result:
    permissions, resource = _parse_query(call)
    # Folders and organizations are only names here, without policies: the operator alone may do this.
    check_permission(connection, call.caller, _ANALYZE, [])
    return _analyze(connection, call, parent, permissions, resource)


def _parse_query(call: Call) -> tuple[list[str], str]:
    """Returns the permissions and the resource that the query selects. Raises InvalidArgument."""
    for name in _ABSENT:
        if call.query.get(name, "false").lower() != "false":
            raise InvalidArgument(f"gcr-emulator has no {name}: leave it out.")
    permissions, resource = call.query.getlist(_PERMISSIONS), call.query.get(_RESOURCE, "")
    if not permissions or not resource:
        raise InvalidArgument(f"gcr-emulator needs both {_PERMISSIONS} and {_RESOURCE}.")
    return permissions, resource


def _analyze(
    connection: Connection, call: Call, scope: str, permissions: list[str], resource: str
) -> dict[str, Any]:
    """Returns the analysis of a resource in a project that is `scope`, or whose parent it is."""
    project, in_force = _find_in_force(connection, resource) or (None, {})
    if project is None or scope not in (f"projects/{project.project_id}", project.parent):
        raise NotFound(f"Resource {resource[:300]} was not found in {scope}.")
    check_service(connection, project)
    results = [
        _format_result(attached, resource, binding, given)
        for attached, policy in in_force.items()
        for binding, given in _list_giving(policy, permissions)
    ]
    query = {
        "scope": call.request.url.path.removeprefix("/v1/").partition(":analyzeIamPolicy")[0],
        "resourceSelector": {"fullResourceName": resource},
        "accessSelector": {"permissions": permissions},
    }
    analysis = {"analysisQuery": query, "analysisResults": results, "fullyExplored": True}
    return {"mainAnalysis": analysis, "fullyExplored": True}


def _find_in_force(connection: Connection, resource: str) -> _InForce | None:
    match = _BUCKET.fullmatch(resource)
    if match is not None:
        bucket = storage_buckets.find(connection, match[1])
        if bucket is None:
            return None
        own = {
            f"//storage.googleapis.com/{bucket.name}": bucket_policies.find(
                connection, bucket.name, bucket.project_id
            )
        }
        name = bucket.project_id
    elif match := _PROJECT.fullmatch(resource):
        name, own = match[1], {}
    else:
        return None
    project = find_project(connection, name)
    if project is None:
        return None
    above = f"//cloudresourcemanager.googleapis.com/projects/{project.project_id}"
    return project, {above: find_project_policy(connection, project.project_id), **own}


def _list_giving(policy: Policy, permissions: list[str]) -> Iterator[tuple[Binding, list[str]]]:
    """Yields the bindings that give some of the permissions, with those permissions."""
    for binding in policy.bindings:
        of_role = ROLES.get(binding.role, frozenset())
        given = [permission for permission in permissions if permission in of_role]
        if given:
            yield binding, given


def _format_result(attached: str, resource: str, binding: Binding, permissions: list[str]) -> dict[str, Any]:
    found: dict[str, Any] = {
        "resources": [{"fullResourceName": resource}],
        "accesses": [{"permission": permission} for permission in permissions],
    }
    if binding.condition is not None:
        # The condition may name an object, or a resource below the project, so it is not evaluated.
        found["conditionEvaluation"] = {"evaluationValue": "CONDITIONAL"}
    return {
        "attachedResourceFullName": attached,
        "iamBinding": format_binding(binding),
        "accessControlLists": [found],
        "identityList": {"identities": [{"name": member} for member in binding.members]},
        "fullyExplored": True,
    }
