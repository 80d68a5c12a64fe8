"""Manifest push: the manifest is checked, then stored if everything that it refers to exists."""

from dataclasses import dataclass

from sqlalchemy import Connection

from docker_credential_gcr.emulator.database.images import blobs, manifests, referrers
from docker_credential_gcr.emulator.database.images.blobs import Blob
from docker_credential_gcr.emulator.database.images.manifests import Summary
from docker_credential_gcr.emulator.database.images.repositories import Repository
from docker_credential_gcr.emulator.oci.digest import digest_bytes, parse_digest, split_digest
from docker_credential_gcr.emulator.oci.image_config import UNKNOWN_CREATED_MS, parse_created_ms
from docker_credential_gcr.emulator.oci.manifest import (
    Descriptor,
    Manifest,
    References,
    format_referrer,
    parse_manifest,
)
from docker_credential_gcr.emulator.oci.ranges import Span
from docker_credential_gcr.emulator.oci.reference import is_digest, parse_tag
from docker_credential_gcr.emulator.registry.dialects.dialect import Dialect, find_dialect
from docker_credential_gcr.emulator.runtime.failpoints import reach
from docker_credential_gcr.emulator.sites.hosts import Target
from docker_credential_gcr.emulator.storage.pieces import parse_pieces, read_pieces

from .announcements import Announcer, Described
from .blobs import find_blob
from .dependencies import RegistryServices, put_bounded
from .errors import DigestInvalid, ManifestBlobUnknown
from .http import Request
from .repositories import ensure_repository, put_tag

_CACHED_CONFIGS = 4096


@dataclass(frozen=True)
class Push:
    """A received manifest and all its new `tags`; `tag_parameters` are those from the query."""

    manifest: Manifest
    data: bytes
    digest: str
    tags: tuple[str, ...]
    tag_parameters: tuple[str, ...]
    created_ms: int


async def receive(services: RegistryServices, request: Request, target: Target, reference: str) -> Push:
    """Receives a pushed manifest. Raises InvalidManifest, InvalidDigest, InvalidReference, DigestInvalid.

    A push by digest can add tags: ?tag=a&tag=b.
    """
    algorithm = "sha256"
    named: tuple[str, ...] = ()
    if is_digest(reference):
        algorithm, _ = split_digest(parse_digest(reference))
    else:
        named = (parse_tag(reference),)
    parameters = tuple(parse_tag(tag) for tag in request.query.get("tag", []))
    data = await request.body(services.limits.manifest_size)
    manifest = parse_manifest(data, request.headers.get("content-type", ""))
    digest = digest_bytes(data, algorithm)
    if is_digest(reference) and reference != digest:
        raise DigestInvalid(reference, digest)
    created_ms = await _find_created_ms(services, target, manifest.config)
    return Push(manifest, data, digest, (*named, *parameters), parameters, created_ms)


def store(
    services: RegistryServices, target: Target, push: Push, announcer: Announcer, connection: Connection
) -> None:
    """Stores a manifest, its tags, and its entry in its subject's referrers. Raises ManifestBlobUnknown."""
    repository = ensure_repository(services, connection, target)
    manifest = push.manifest
    references = manifest.list_references()
    if not services.takes_sparse_manifests:
        _check_blobs(connection, repository, references)
        _check_children(connection, repository, references, find_dialect(target))
    summary = _summarize(push, services.clock.now())
    manifest_id = manifests.add(
        connection,
        repository,
        summary,
        push.data,
        children=references.children,
        blobs=references.blobs,
    )
    # In order: two pushes that wait for each other's tags would never end.
    tags = sorted(set(push.tags))
    for tag in tags:
        put_tag(connection, target, repository, tag, manifest_id)
    announcer.tell_push(connection, Described(push.digest, manifest.media_type, len(push.data)), tags)
    if manifest.subject is not None:
        referrers.add(
            connection,
            repository,
            manifest_id,
            subject=manifest.subject.digest,
            artifact_type=manifest.artifact_type,
            digest=push.digest,
            descriptor=format_referrer(manifest, push.digest, len(push.data)),
        )
    reach("manifest-written")


def _summarize(push: Push, now: float) -> Summary:
    manifest, uploaded_ms = push.manifest, int(now * 1000)
    return Summary(0, push.digest, manifest.media_type, manifest.image_size, push.created_ms, uploaded_ms)


def _check_blobs(connection: Connection, repository: Repository, references: References) -> None:
    missing = blobs.find_missing(connection, repository, references.required)
    if missing:
        raise ManifestBlobUnknown(
            f"the manifest names the blob {min(missing)}, which is not in this repository: push it first"
        )


def _check_children(
    connection: Connection, repository: Repository, references: References, dialect: Dialect
) -> None:
    missing = manifests.find_missing(connection, repository, references.children)
    if missing and dialect.has_indexes_of_blobs:
        missing = blobs.find_missing(connection, repository, missing)
    if missing:
        raise ManifestBlobUnknown(dialect.unknown_child.format(digest=min(missing)))


async def _find_created_ms(services: RegistryServices, target: Target, config: Descriptor | None) -> int:
    """Returns the config's `created`; reads no config larger than a manifest, because it may be any blob."""
    if config is None or config.size > services.limits.manifest_size:
        return UNKNOWN_CREATED_MS
    # Cached for good, because a digest's bytes never change. `store` checks that the config exists.
    key = (target.bucket, config.digest)
    created_ms = services.created_ms.get(key)
    if created_ms is None:
        data = await _read_config(services, target, config)
        if data is None:
            return UNKNOWN_CREATED_MS
        created_ms = parse_created_ms(data)
        put_bounded(services.created_ms, key, created_ms, _CACHED_CONFIGS)
    return created_ms


async def _read_config(services: RegistryServices, target: Target, config: Descriptor) -> bytes | None:
    def find(connection: Connection) -> Blob | None:
        return find_blob(connection, target, config.digest)

    blob = await services.database.read(find)
    if blob is None or blob.size > services.limits.manifest_size:
        return None
    if blob.data is not None:
        return blob.data
    blocks = read_pieces(services.store, parse_pieces(blob.pieces), Span(0, blob.size))
    try:
        return b"".join([block async for block in blocks])
    except FileNotFoundError:
        # A collection may have deleted the blob since its row was read; `store` then refuses the manifest.
        if await services.database.read(find) is None:
            return None
        raise
