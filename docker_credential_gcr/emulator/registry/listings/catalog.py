"""Catalog: the repositories of all projects that the caller may pull from.

https://distribution.github.io/distribution/spec/api/#catalog
"""

import json
from collections.abc import Mapping

from sqlalchemy import Connection

from docker_credential_gcr.emulator.database.images import repositories
from docker_credential_gcr.emulator.database.projects import (
    artifact_repositories,
    enabled_apis,
    projects,
    redirection,
)
from docker_credential_gcr.emulator.database.projects.enabled_apis import Obstacle
from docker_credential_gcr.emulator.identity.google_services import RESOURCE_MANAGER
from docker_credential_gcr.emulator.identity.principal import Principal
from docker_credential_gcr.emulator.identity.redirection import Redirection, RegistryKind
from docker_credential_gcr.emulator.identity.resource_names import find_project_id
from docker_credential_gcr.emulator.oci.token_auth import CATALOG, PULL
from docker_credential_gcr.emulator.registry.authorization import authorize_site
from docker_credential_gcr.emulator.registry.dependencies import RegistryServices
from docker_credential_gcr.emulator.registry.dialects.dialect import find_dialect, find_site_dialect
from docker_credential_gcr.emulator.registry.errors import ServiceDisabled, Unauthorized
from docker_credential_gcr.emulator.registry.http import Request, Response
from docker_credential_gcr.emulator.registry.repositories import find_obstacle
from docker_credential_gcr.emulator.sites.hosts import DEFAULT_SITE, Site, Target, find_site, redirect

from .pagination import parse_page

# Segments of a project in a domain and its repository: example.com/my-project/gcr.io.
_LONGEST_PREFIX = 3


async def list_(services: RegistryServices, request: Request) -> Response:
    """Lists the repositories of this host that the caller may pull from. Raises Unauthorized."""
    site, dialect = find_site(request.site_host) or DEFAULT_SITE, find_site_dialect(services, request)
    principal = await authorize_site(services, request, site, CATALOG)
    member = principal.member
    if member is None and not dialect.authentication.serves_anonymous:
        raise Unauthorized(None)
    page = parse_page(request, dialect.whole_from or services.limits.page_size, dialect.most_listed)

    def work(connection: Connection) -> list[str]:
        if member is not None:
            _check_resource_manager(connection, member)
        targets = _list_roots(connection, site)
        readable = [target for target in targets if _is_readable(connection, principal, target)]
        # A repository of a redirected host is not in the names that clients use: my-project/gcr.io/app.
        hosts = {target.name: f"{target.path}/" for target in readable if target.is_redirected}
        last = _replace_prefix(page.last, hosts)
        buckets = [target.bucket for target in readable]
        found = repositories.list_page(connection, buckets, last=last, count=page.limit)
        names = {path: name for name, path in hosts.items()}
        return [_replace_prefix(path, names) for path in found]

    found = await services.database.scan(work)
    headers = {"Content-Type": "application/json", **page.link("/v2/_catalog", found)}
    return Response(200, headers, json.dumps({"repositories": found[: page.size]}).encode())


def _is_readable(connection: Connection, principal: Principal, target: Target) -> bool:
    rules = find_dialect(target).authentication
    refusal = rules.find_missing_permission(connection, principal, target, PULL)
    return refusal is None and find_obstacle(connection, target) is None


def _check_resource_manager(connection: Connection, member: str) -> None:
    """Raises ServiceDisabled if Resource Manager, which lists projects, is off in an account's project."""
    project_id = find_project_id(member.partition(":")[2])
    if project_id is None:
        return
    if enabled_apis.find_obstacle(connection, project_id, RESOURCE_MANAGER) is Obstacle.DISABLED:
        raise ServiceDisabled(project_id, RESOURCE_MANAGER)


def _list_roots(connection: Connection, site: Site) -> list[Target]:
    """Returns the target of each project, or repository of Artifact Registry, that the site serves.

    The name of a project's target has a slash at its end: my-project/.
    """
    if site.has_repositories:
        return [
            Target(site, "", "", repository.project_id, repository.repository_id)
            for repository in artifact_repositories.list_at(connection, site.location)
        ]
    roots = [_find_root(connection, site, project.project_id) for project in projects.list_all(connection)]
    return [root for root in roots if root is not None]


def _find_root(connection: Connection, site: Site, project_id: str) -> Target | None:
    """Returns the target of a project as its registry serves it; None if that is shut down."""
    owner = project_id.replace(":", "/")
    target = Target(site, f"{owner}/", owner, project_id, is_place=True)
    found = redirection.find(connection, project_id) or Redirection()
    if found.served_by is RegistryKind.SHUT_DOWN:
        return None
    return redirect(target) if found.served_by is RegistryKind.ARTIFACT_REGISTRY else target


def _replace_prefix(text: str, prefixes: Mapping[str, str]) -> str:
    """Returns the text, with the other prefix if it begins with one of these, which end with a slash."""
    segments = text.split("/", _LONGEST_PREFIX)
    for count in range(1, len(segments)):
        prefix = "/".join(segments[:count]) + "/"
        if prefix in prefixes:
            return prefixes[prefix] + text[len(prefix) :]
    return text
