"""Copies on demand: what a pull does not find, while the redirection of its project copies."""

import logging

from sqlalchemy import Connection

from docker_credential_gcr.emulator.database.images import copies, repositories
from docker_credential_gcr.emulator.database.images.copies import Uploaded
from docker_credential_gcr.emulator.database.images.manifests import StoredManifest
from docker_credential_gcr.emulator.identity.principal import Principal
from docker_credential_gcr.emulator.identity.redirection import RegistryKind
from docker_credential_gcr.emulator.oci.reference import is_digest
from docker_credential_gcr.emulator.registry.announcements import Announcer
from docker_credential_gcr.emulator.registry.dependencies import RegistryServices
from docker_credential_gcr.emulator.registry.transition import find_redirection
from docker_credential_gcr.emulator.sites.hosts import Target

from .images import CopyFailed, copy_blob, copy_image
from .sources import find_source

_logger = logging.getLogger(__name__)


async def copy_wanted_image(
    services: RegistryServices,
    target: Target,
    reference: str,
    known: StoredManifest | None,
    principal: Principal,
) -> bool:
    """Copies the image of a tag or digest that a client pulls; returns whether to look for it again.

    `known` is the target's manifest. While the redirection is partial, pushes go to the bucket, so a tag that
    is known may have moved there.
    """
    source = find_source(target)
    if source is None:
        return False
    redirection = await find_redirection(services, target.project_id)
    is_partial = redirection.served_by is not RegistryKind.ARTIFACT_REGISTRY
    if not redirection.copies or (known is not None and (is_digest(reference) or not is_partial)):
        return False

    def find(connection: Connection) -> Uploaded | None:
        repository = repositories.find(connection, source.bucket, source.path)
        find = copies.find if is_digest(reference) else copies.find_tagged
        return None if repository is None else find(connection, repository, reference)

    original = await services.database.read(find)
    if original is None or (known is not None and known.digest == original.digest):
        return False
    try:
        await copy_image(services, source, target, original.digest, Announcer(services, target, principal))
    except CopyFailed as error:
        _log_failure(source, original.digest, error)
        return False
    return True


async def copy_wanted_blob(services: RegistryServices, target: Target, digest: str) -> bool:
    """Copies a blob that a client pulls and the target lacks; returns whether it was there."""
    source = find_source(target)
    if source is None or not (await find_redirection(services, target.project_id)).copies:
        return False
    try:
        return await copy_blob(services, source, target, digest) is not None
    except CopyFailed as error:
        _log_failure(source, digest, error)
        return False


def _log_failure(source: Target, digest: str, error: CopyFailed) -> None:
    _logger.warning("cannot copy %s/%s@%s: %s", source.site.host, source.path, digest, error)
