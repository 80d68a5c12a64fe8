"""The catalog: the repositories of every project that the caller may read.

https://distribution.github.io/distribution/spec/api/#catalog
"""

import json

from sqlalchemy import Connection

from docker_credential_gcr.emulator.hosts import DEFAULT_SITE, Site, Target, find_site
from docker_credential_gcr.emulator.oci.scope import PULL
from docker_credential_gcr.emulator.records import artifact_repositories, projects, repositories

from .access import authorize_site, find_refusal
from .errors import Unauthorized
from .http import Request, Response
from .pages import parse_page
from .services import Services

_SCOPE = "registry:catalog:*"


async def list_(services: Services, request: Request) -> Response:
    """The repositories of this host; a token without any scope is enough, the caller's rights decide."""
    principal = authorize_site(services, request, _SCOPE)
    if principal.member is None:
        raise Unauthorized(None)
    page = parse_page(request, services.limits.page_size)
    site = find_site(request.host) or DEFAULT_SITE
    with services.database.read() as connection:
        targets = _list_places(connection, site)
        readable = [
            target.bucket for target in targets if find_refusal(connection, principal, target, PULL) is None
        ]
        names = repositories.list_page(connection, readable, last=page.last, count=page.limit)
    headers = {"Content-Type": "application/json", **page.link("/v2/_catalog", names)}
    return Response(200, headers, json.dumps({"repositories": names[: page.count]}).encode())


def _list_places(connection: Connection, site: Site) -> list[Target]:
    """Every place of images at the site, as a target without an image."""
    if site.has_repositories:
        return [
            Target(site, "", "", repository.project_id, repository.repository_id)
            for repository in artifact_repositories.list_at(connection, site.location)
        ]
    return [Target(site, "", "", project.project_id) for project in projects.list_all(connection)]
