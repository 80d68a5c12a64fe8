"""Manifests: served with the bytes and media type of the push, deleted if nothing refers to them."""

from functools import partial

from sqlalchemy import Connection

from docker_credential_gcr.emulator.database.images import blobs, manifests, referrers, tags
from docker_credential_gcr.emulator.database.images.manifests import StoredManifest
from docker_credential_gcr.emulator.database.images.repositories import Repository
from docker_credential_gcr.emulator.identity.principal import Principal
from docker_credential_gcr.emulator.oci.media_types import DOCKER_MANIFEST
from docker_credential_gcr.emulator.oci.reference import is_digest, parse_reference
from docker_credential_gcr.emulator.oci.token_auth import DELETE, PULL, PUSH
from docker_credential_gcr.emulator.registry.dialects.dialect import Dialect, find_dialect
from docker_credential_gcr.emulator.registry.dialects.negotiation import (
    describe_unaccepted,
    find_substitute,
    is_accepted,
)
from docker_credential_gcr.emulator.runtime.failpoints import reach
from docker_credential_gcr.emulator.sites.hosts import Target

from . import manifest_push
from .announcements import Announcer, describe
from .authorization import authorize
from .copying.on_demand import copy_wanted_image
from .dependencies import RegistryServices
from .errors import DanglingParent, DanglingSubject, DanglingTag, ManifestUnknown
from .http import Request, Response
from .repositories import check_tag_is_mutable, find_repositories, find_repository

# Container Registry's empty body.
_EMPTY = b'{"errors":[]}'


async def get(services: RegistryServices, request: Request, target: Target, reference: str) -> Response:
    """Serves a manifest by tag or digest."""
    principal = await authorize(services, request, target, PULL)
    parse_reference(reference)
    stored = services.content_cache.find(_format_key(target, reference))
    if stored is None:
        stored = await _read_or_copy(services, request, target, reference, principal)
    if stored is None:
        text = find_dialect(target).unknown_manifest
        raise ManifestUnknown(text.format(reference=reference, path=request.path))
    accept = request.headers.get("accept")
    if not is_accepted(accept, stored.media_type):
        stored = await _substitute(services, target, reference, stored, accept)
    headers = {"Content-Type": stored.media_type, "Docker-Content-Digest": stored.digest}
    return Response(200, headers, stored.data)


async def put(services: RegistryServices, request: Request, target: Target, reference: str) -> Response:
    """Stores a manifest and its tags."""
    principal = await authorize(services, request, target, PUSH)
    push = await manifest_push.receive(services, request, target, reference)
    announcer = Announcer(services, target, principal)
    # An addition: only `write`, which runs alone, deletes the blobs and manifests that it names.
    await services.database.add(partial(manifest_push.store, services, target, push, announcer))
    reach("manifest-committed")
    headers = {
        "Location": f"/v2/{target.name}/manifests/{push.digest}",
        "Docker-Content-Digest": push.digest,
    }
    if push.manifest.subject is not None:
        headers["OCI-Subject"] = push.manifest.subject.digest
    if push.tag_parameters:
        headers["OCI-Tag"] = ", ".join(push.tag_parameters)
    return Response(201, headers)


async def delete(services: RegistryServices, request: Request, target: Target, reference: str) -> Response:
    """Deletes a tag, or a manifest without tags, parent indexes and, in some dialects, referrers."""
    # gcloud's `container images untag` and `delete` request a token for push and pull.
    principal = await authorize(services, request, target, DELETE, scopes=(DELETE, PUSH))
    parse_reference(reference)
    dialect, announcer = find_dialect(target), Announcer(services, target, principal)

    def work(connection: Connection) -> None:
        repository = find_repository(connection, target)
        known = None if repository is None else _find(connection, repository, reference)
        if repository is None or known is None:
            error, text = dialect.unknown_to_delete
            raise error(text.format(reference=reference))
        if is_digest(reference):
            _check_unused(connection, repository, known, dialect)
            blobs.renew_named(connection, repository, known.id, now=services.clock.now())
            manifests.remove(connection, known.id)
            announcer.tell_deletion(connection, describe(known))
        else:
            check_tag_is_mutable(connection, target, repository, reference)
            tags.remove(connection, repository, reference)
            announcer.tell_untag(connection, reference)

    await services.database.write(work)
    reach("manifest-removed")
    return Response(202, {"Content-Type": "application/json"}, _EMPTY)


async def _read_or_copy(
    services: RegistryServices, request: Request, target: Target, reference: str, principal: Principal
) -> StoredManifest | None:
    """Returns the manifest, copied from Container Registry's bucket if the redirection says so."""
    stored = await _read(services, target, reference)
    wanted = stored is None or request.is_redirected
    if wanted and await copy_wanted_image(services, target, reference, stored, principal):
        stored = await _read(services, target, reference)
    return stored


async def _read(services: RegistryServices, target: Target, reference: str) -> StoredManifest | None:
    """Returns the manifest of a tag or digest; caches one that exists until the next commit."""

    def work(connection: Connection) -> StoredManifest | None:
        found = (_find(connection, each, reference) for each in find_repositories(connection, target))
        return next((stored for stored in found if stored is not None), None)

    return await services.content_cache.read(
        _format_key(target, reference),
        work,
        measure=lambda stored: None if stored is None else len(stored.data),
    )


def _format_key(target: Target, reference: str) -> tuple[str, str, str]:
    # Names are faster to hash than the target.
    return target.bucket, target.path, reference


def _find(connection: Connection, repository: Repository, reference: str) -> StoredManifest | None:
    find = manifests.find if is_digest(reference) else manifests.find_tagged
    return find(connection, repository, reference)


async def _substitute(
    services: RegistryServices, target: Target, reference: str, stored: StoredManifest, accept: str | None
) -> StoredManifest:
    """Returns the manifest to serve instead of one whose type is not accepted. Raises ManifestUnknown."""
    digest = find_substitute(accept, reference, stored)
    child = digest and await _read(services, target, digest)
    if not child or child.media_type != DOCKER_MANIFEST:
        raise describe_unaccepted(find_dialect(target), accept, reference, stored.media_type)
    return child


def _check_unused(
    connection: Connection, repository: Repository, known: StoredManifest, dialect: Dialect
) -> None:
    for tag in tags.list_of(connection, known.id):
        raise DanglingTag(dialect.dangling_tag.format(tag=tag), tag)
    parent = manifests.find_parent(connection, repository, known.digest)
    if parent is not None:
        raise DanglingParent(dialect.dangling_parent.format(digest=known.digest, parent=parent), parent)
    if dialect.dangling_subject is None:
        return
    referrer = referrers.find_any(connection, repository, known.digest)
    if referrer is not None:
        raise DanglingSubject(dialect.dangling_subject, referrer)
