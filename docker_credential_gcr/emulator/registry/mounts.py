"""Mounts: a blob of one repository becomes visible in another without its bytes being sent."""

from sqlalchemy import Connection

from docker_credential_gcr.emulator.crash_points import reach
from docker_credential_gcr.emulator.hosts import Target, locate
from docker_credential_gcr.emulator.identity.principal import Principal
from docker_credential_gcr.emulator.oci.errors import InvalidName
from docker_credential_gcr.emulator.oci.scope import PULL
from docker_credential_gcr.emulator.records import blobs

from .access import find_refusal
from .http import Request
from .opening import open_repository
from .services import Services


async def mount(
    services: Services, request: Request, principal: Principal, target: Target, digest: str
) -> bool:
    """Link a blob that the principal may pull from the source; False if there is none.

    Without `from` any repository of the bucket is a source: who may pull from one may from all. The
    token is for the target alone, so it is the principal's own rights that count for the source.
    """
    source = target
    if (name := request.parameter("from")) is not None:
        try:
            source = locate(request.site_host, name)
        except InvalidName:
            return False
    if source.bucket != target.bucket:
        return False

    def work(connection: Connection) -> bool:
        if find_refusal(connection, principal, source, PULL) is not None:
            return False
        if not blobs.is_linked(connection, target.bucket, digest, repository=name and source.path):
            return False
        repository = open_repository(services, connection, target)
        blobs.link(connection, repository, digest, now=services.clock.now())
        return True

    mounted = await services.database.write(work)
    if mounted:
        reach("blob-mounted")
    return mounted
