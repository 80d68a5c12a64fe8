"""Transition from Container Registry: what serves a gcr.io name, decided once for each request.

https://cloud.google.com/artifact-registry/docs/transition/transition-from-gcr
"""

from enum import Enum, auto

from docker_credential_gcr.emulator.database.images import blobs
from docker_credential_gcr.emulator.database.projects import redirection
from docker_credential_gcr.emulator.identity.redirection import Redirection, RegistryKind
from docker_credential_gcr.emulator.sites.hosts import Target, redirect

from .dependencies import RegistryServices
from .errors import ContainerRegistryShutDown


class Use(Enum):
    """What a request does: of a partial redirection, the reads are shared."""

    READ = auto()
    # Part of a read: the bytes are where the manifest was found, and so is the token for it.
    READ_BLOB = auto()
    READ_TOKEN = auto()
    OTHER = auto()


async def find_served(
    services: RegistryServices, target: Target, use: Use = Use.OTHER, digest: str = ""
) -> Target:
    """Returns the target as the project's registry serves it. Raises ContainerRegistryShutDown.

    `digest` is that of a blob to read.
    """
    if target.repository_id is not None:
        return target
    found = await find_redirection(services, target.project_id)
    served_by = found.served_by
    if found.share and use is not Use.OTHER and served_by is not RegistryKind.ARTIFACT_REGISTRY:
        served_by = await _choose(services, target, found, use, digest)
    if served_by is RegistryKind.SHUT_DOWN:
        raise ContainerRegistryShutDown(target.project_id)
    return redirect(target) if served_by is RegistryKind.ARTIFACT_REGISTRY else target


async def find_redirection(services: RegistryServices, project_id: str) -> Redirection:
    """Returns the project's redirection; for a project that does not exist, that of a new one.

    The latter is not cached: names without end would take the room of all others.
    """
    key = ("redirection", project_id)
    found: Redirection | None = services.decision_cache.find(key)
    if found is None:
        found = await services.decision_cache.read(
            key,
            lambda connection: redirection.find(connection, project_id),
            measure=lambda found: None if found is None else len(project_id),
        )
    return found or Redirection(services.registry_kind)


async def _choose(
    services: RegistryServices, target: Target, found: Redirection, use: Use, digest: str
) -> RegistryKind:
    """Returns what answers a read of a project with a partial redirection."""
    if use is Use.READ:
        services.reads[target.project_id] += 1
        count = services.reads[target.project_id]
        # Evenly: of each hundred reads in turn, exactly the share.
        is_shared = count * found.share // 100 > (count - 1) * found.share // 100
    elif found.served_by is RegistryKind.SHUT_DOWN:
        is_shared = True
    else:
        is_shared = use is Use.READ_BLOB and await _is_copied(services, redirect(target), digest)
    return RegistryKind.ARTIFACT_REGISTRY if is_shared else found.served_by


async def _is_copied(services: RegistryServices, target: Target, digest: str) -> bool:
    return await services.database.read(
        lambda connection: blobs.is_linked(connection, target.bucket, target.path, digest)
    )
