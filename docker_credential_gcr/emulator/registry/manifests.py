"""Manifests: stored byte for byte once all they name is there, served under the type they were pushed as."""

import asyncio

from sqlalchemy import Connection

from docker_credential_gcr.emulator.hosts import Target
from docker_credential_gcr.emulator.oci.descriptor import Descriptor
from docker_credential_gcr.emulator.oci.digest import digest_bytes, split_digest
from docker_credential_gcr.emulator.oci.image_config import UNKNOWN_CREATED_MS, parse_created_ms
from docker_credential_gcr.emulator.oci.manifest import Manifest, parse_manifest
from docker_credential_gcr.emulator.oci.reference import is_digest, parse_reference
from docker_credential_gcr.emulator.oci.scope import DELETE, PULL, PUSH
from docker_credential_gcr.emulator.records import blobs, manifests, repositories, tags
from docker_credential_gcr.emulator.records.manifests import StoredManifest, Summary
from docker_credential_gcr.emulator.records.repositories import Repository

from .access import authorize
from .errors import (
    DanglingParent,
    DanglingTag,
    DigestInvalid,
    ManifestBlobUnknown,
    ManifestUnknown,
    NameUnknown,
)
from .http import Request, Response
from .services import Services
from .uploads import open_repository

# Container Registry's form of a body that has nothing to say.
_NOTHING = b'{"errors":[]}'


async def get(services: Services, request: Request, target: Target, reference: str) -> Response:
    """A manifest by tag or digest; serves HEAD too."""
    authorize(services, request, target, PULL)
    parse_reference(reference)
    with services.database.read() as connection:
        repository = repositories.find(connection, target.bucket, target.path)
        stored = None if repository is None else _find(connection, repository, reference)
    if stored is None:
        raise ManifestUnknown(f'Failed to fetch "{reference}" from request "{request.path}".')
    _check_accept(request.headers.get("accept"), reference, stored.media_type)
    headers = {"Content-Type": stored.media_type, "Docker-Content-Digest": stored.digest}
    return Response(200, headers, stored.data)


async def put(services: Services, request: Request, target: Target, reference: str) -> Response:
    """Store a manifest, and let the tag name it."""
    authorize(services, request, target, PUSH)
    parse_reference(reference)
    data = await request.body(services.limits.manifest_size)
    manifest = parse_manifest(data, request.headers.get("content-type", ""))
    algorithm = split_digest(reference)[0] if is_digest(reference) else "sha256"
    digest = digest_bytes(data, algorithm)
    if is_digest(reference) and reference != digest:
        raise DigestInvalid(reference, digest)
    created_ms = await _find_created_ms(services, target, manifest)
    uploaded_ms = int(services.clock.now() * 1000)
    summary = Summary(0, digest, manifest.media_type, manifest.image_size, created_ms, uploaded_ms)

    def work(connection: Connection) -> None:
        repository = open_repository(services, connection, target)
        _check_complete(connection, repository, manifest)
        children = {child.digest for child in manifest.children}
        manifest_id = manifests.add(connection, repository, summary, data, children)
        if not is_digest(reference):
            tags.put(connection, repository, reference, manifest_id)

    await services.database.write(work)
    headers = {"Location": f"/v2/{target.name}/manifests/{digest}", "Docker-Content-Digest": digest}
    return Response(201, headers)


async def delete(services: Services, request: Request, target: Target, reference: str) -> Response:
    """Forget a tag, or a manifest that no tag and no index names."""
    authorize(services, request, target, DELETE)
    parse_reference(reference)

    def work(connection: Connection) -> None:
        repository = repositories.find(connection, target.bucket, target.path)
        known = None if repository is None else _find(connection, repository, reference)
        if repository is None or known is None:
            raise NameUnknown(f"Failed to compute blob liveness for manifest: '{reference}'")
        if is_digest(reference):
            _check_unused(connection, repository, known)
            manifests.remove(connection, known.id)
        else:
            tags.remove(connection, repository, reference)

    await services.database.write(work)
    return Response(202, {"Content-Type": "application/json"}, _NOTHING)


def _find(connection: Connection, repository: Repository, reference: str) -> StoredManifest | None:
    find = manifests.find if is_digest(reference) else manifests.find_tagged
    return find(connection, repository, reference)


def _check_accept(accept: str | None, reference: str, media_type: str) -> None:
    """Refuse a type that the client did not ask for, with 404: gcloud goes on to its next guess then.

    The header is split at commas and nothing else, so a type with a `;q=` never matches.
    """
    accepted = {part.strip() for part in (accept or "*/*").split(",")}
    if accepted & {media_type, "*/*"}:
        return
    kind = "digest" if is_digest(reference) else "tag"
    raise ManifestUnknown(
        f"Manifest with {kind} '{reference}' has media type '{media_type}', but client accepts '{accept}'."
    )


def _check_complete(connection: Connection, repository: Repository, manifest: Manifest) -> None:
    named = {blob.digest for blob in manifest.blobs}
    missing = blobs.find_missing(connection, repository, named)
    children = {child.digest for child in manifest.children}
    missing |= manifests.find_missing(connection, repository, children)
    if missing:
        raise ManifestBlobUnknown(min(missing))


def _check_unused(connection: Connection, repository: Repository, known: StoredManifest) -> None:
    for tag in tags.list_of(connection, known.id):
        raise DanglingTag(tag)
    parent = manifests.find_parent(connection, repository, known.digest)
    if parent is not None:
        raise DanglingParent(known.digest, parent)


async def _find_created_ms(services: Services, target: Target, manifest: Manifest) -> int:
    """When the image says it was made. A config may be any blob: only one of a config's size is read."""
    config = manifest.config
    if config is None or config.size > services.limits.manifest_size:
        return UNKNOWN_CREATED_MS
    data = await asyncio.to_thread(_load_config, services, target, config)
    return parse_created_ms(data)


def _load_config(services: Services, target: Target, config: Descriptor) -> bytes:
    with services.database.read() as connection:
        repository = repositories.find(connection, target.bucket, target.path)
        blob = None if repository is None else blobs.find(connection, repository, config.digest)
    if repository is None or blob is None:
        return b""
    if blob.data is not None:
        return blob.data
    if blob.size > services.limits.manifest_size:
        return b""
    return services.files.path(repository.bucket.name, blob.digest).read_bytes()
