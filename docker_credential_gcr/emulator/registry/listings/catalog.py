"""Catalog: the repositories of all projects that the caller may pull from.

https://distribution.github.io/distribution/spec/api/#catalog
"""

import json

from sqlalchemy import Connection

from docker_credential_gcr.emulator.database.images import repositories
from docker_credential_gcr.emulator.database.projects import artifact_repositories, enabled_apis, projects
from docker_credential_gcr.emulator.database.projects.enabled_apis import Obstacle
from docker_credential_gcr.emulator.identity.google_services import RESOURCE_MANAGER
from docker_credential_gcr.emulator.identity.principal import Principal
from docker_credential_gcr.emulator.identity.resource_names import find_project_id
from docker_credential_gcr.emulator.oci.token_auth import CATALOG, PULL
from docker_credential_gcr.emulator.registry.authorization import authorize_site
from docker_credential_gcr.emulator.registry.dependencies import RegistryServices
from docker_credential_gcr.emulator.registry.dialects.dialect import find_dialect, find_site_dialect
from docker_credential_gcr.emulator.registry.errors import ServiceDisabled, Unauthorized
from docker_credential_gcr.emulator.registry.http import Request, Response
from docker_credential_gcr.emulator.registry.repositories import find_obstacle
from docker_credential_gcr.emulator.sites.hosts import DEFAULT_SITE, Site, Target, find_site

from .pagination import parse_page


async def list_(services: RegistryServices, request: Request) -> Response:
    """Lists the repositories of this host that the caller may pull from. Raises Unauthorized."""
    site, dialect = find_site(request.site_host) or DEFAULT_SITE, find_site_dialect(services, request)
    principal = await authorize_site(services, request, site, CATALOG)
    member = principal.member
    if member is None and not dialect.authentication.serves_anonymous:
        raise Unauthorized(None)
    page = parse_page(request, services.limits.page_size)

    def work(connection: Connection) -> list[str]:
        if member is not None:
            _check_resource_manager(connection, member)
        targets = _list_roots(connection, site)
        readable = [target.bucket for target in targets if _is_readable(connection, principal, target)]
        return repositories.list_page(connection, readable, last=page.last, count=page.limit)

    names = await services.database.scan(work)
    headers = {"Content-Type": "application/json", **page.link("/v2/_catalog", names)}
    return Response(200, headers, json.dumps({"repositories": names[: page.size]}).encode())


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
    """Returns a target without an image for each project, or repository of Artifact Registry, at the site."""
    if site.has_repositories:
        return [
            Target(site, "", "", repository.project_id, repository.repository_id)
            for repository in artifact_repositories.list_at(connection, site.location)
        ]
    return [Target(site, "", "", project.project_id) for project in projects.list_all(connection)]
