"""Blob mounts: a repository gets a blob of another one without an upload."""

from sqlalchemy import Connection

from docker_credential_gcr.emulator.database.images import blobs
from docker_credential_gcr.emulator.oci.errors import InvalidName
from docker_credential_gcr.emulator.oci.token_auth import PULL
from docker_credential_gcr.emulator.registry.authorization import authorize
from docker_credential_gcr.emulator.registry.dependencies import RegistryServices
from docker_credential_gcr.emulator.registry.errors import ContainerRegistryShutDown, Denied, Unauthorized
from docker_credential_gcr.emulator.registry.http import Request
from docker_credential_gcr.emulator.registry.repositories import ensure_repository
from docker_credential_gcr.emulator.registry.transition import find_served
from docker_credential_gcr.emulator.runtime.failpoints import reach
from docker_credential_gcr.emulator.sites.hosts import Target, locate


async def mount(services: RegistryServices, request: Request, target: Target, digest: str) -> bool:
    """Links a blob of the source to the target; returns False if the source lacks it or may not be pulled."""
    source = await _find_source(services, request, target)
    if source is None:
        return False

    def work(connection: Connection) -> bool:
        if not blobs.is_linked(connection, target.bucket, source.path, digest):
            return False
        repository = ensure_repository(services, connection, target)
        blobs.link(connection, repository, digest, now=services.clock.now())
        return True

    # An addition: only `write`, which runs alone, deletes the source's link.
    mounted = await services.database.add(work)
    if mounted:
        reach("blob-mounted")
    return mounted


async def _find_source(services: RegistryServices, request: Request, target: Target) -> Target | None:
    """Returns the source of a mount in the same bucket: the repository `from`, by default the target.

    Returns None if the credential may not pull from it: clients request a token with the scopes of both.
    https://distribution.github.io/distribution/spec/auth/scope/
    """
    name = request.parameter("from")
    try:
        source = target if name is None else await find_served(services, locate(request.site_host, name))
        if source.bucket != target.bucket:
            return None
        await authorize(services, request, source, PULL)
    except (InvalidName, Unauthorized, Denied, ContainerRegistryShutDown):
        return None
    return source
