"""Blobs: download, as a whole or a range, and removal from a repository."""

from sqlalchemy import Connection

from docker_credential_gcr.emulator.database.images import blobs
from docker_credential_gcr.emulator.database.images.blobs import Blob
from docker_credential_gcr.emulator.oci.digest import parse_digest
from docker_credential_gcr.emulator.oci.ranges import Span, UnsatisfiableRange, find_span
from docker_credential_gcr.emulator.oci.token_auth import DELETE, PULL
from docker_credential_gcr.emulator.registry.dialects.permissions import HEAD_BLOB
from docker_credential_gcr.emulator.runtime.failpoints import reach
from docker_credential_gcr.emulator.sites.hosts import Target
from docker_credential_gcr.emulator.storage.pieces import check_pieces, open_pieces, parse_pieces, read_pieces

from .authorization import authorize
from .blob_redirects import check_link, redirect
from .copying.on_demand import copy_wanted_blob
from .dependencies import RegistryServices
from .errors import BlobUnknown, RangeInvalid
from .http import Request, Response, StoredBody
from .repositories import check_service, find_repositories, find_repository

_RENEWED_EVERY_S = 60.0


async def get(services: RegistryServices, request: Request, target: Target, digest: str) -> Response:
    """Serves a blob or a range of it; with --redirect-blobs, redirects to it."""
    is_head = request.method == "HEAD"
    await authorize(services, request, target, HEAD_BLOB if is_head else PULL, scopes=(PULL,))
    blob = await _get_known(services, target, digest)
    if is_head:
        await _renew(services, target, blob)
    elif services.links is not None:
        return await redirect(services, services.links, target, blob)
    return await _serve(services, request, blob)


async def get_by_link(services: RegistryServices, request: Request, target: Target, digest: str) -> Response:
    """Serves a blob to a client with a signed link; ignores any credential."""
    request.is_redirected = target.is_redirected
    check_link(services, request, target, digest)
    await services.decision_cache.read(
        ("link", target), lambda connection: check_service(connection, target), measure=lambda _: 0
    )
    return await _serve(services, request, await _get_known(services, target, digest))


async def _get_known(services: RegistryServices, target: Target, digest: str) -> Blob:
    """Returns the repository's blob of that digest. Raises InvalidDigest, BlobUnknown."""
    parse_digest(digest)
    key = (target.bucket, target.path, digest, "blob")
    known: Blob | None = services.content_cache.find(key)
    if known is None:
        known = await _read(services, target, digest)
    if known is None and await copy_wanted_blob(services, target, digest):
        known = await _read(services, target, digest)
    if known is None:
        raise BlobUnknown(digest)
    return known


async def _read(services: RegistryServices, target: Target, digest: str) -> Blob | None:
    """Returns the repository's blob; caches one that exists until the next commit."""
    return await services.content_cache.read(
        (target.bucket, target.path, digest, "blob"),
        lambda connection: find_blob(connection, target, digest),
        measure=_measure,
    )


async def _serve(services: RegistryServices, request: Request, blob: Blob) -> Response:
    """Returns a response with the blob, or the requested range of it.

    Raises RangeInvalid, and OSError or StorageUnavailable if the first byte is not there.
    """
    headers = {
        "Content-Type": "application/octet-stream",
        "Docker-Content-Digest": blob.digest,
        "Accept-Ranges": "bytes",
        "ETag": f'"{blob.digest}"',
    }
    if _matches(request.headers.get("if-none-match"), headers["ETag"]):
        return Response(304, headers)
    wanted = request.headers.get("range")
    if not _matches(request.headers.get("if-range", headers["ETag"]), headers["ETag"]):
        wanted = None
    try:
        span = find_span(wanted, blob.size)
    except UnsatisfiableRange as error:
        refusal = RangeInvalid(f"the blob has {blob.size} bytes")
        refusal.headers = {"Content-Range": f"bytes */{blob.size}"}
        raise refusal from error
    body = await _make_body(services, blob, span or Span(0, blob.size), is_head=request.method == "HEAD")
    if span is None:
        return Response(200, headers, body)
    headers["Content-Range"] = f"bytes {span.start}-{span.stop - 1}/{blob.size}"
    return Response(206, headers, body)


async def delete(services: RegistryServices, request: Request, target: Target, digest: str) -> Response:
    """Removes a blob from the repository; other repositories keep it."""
    await authorize(services, request, target, DELETE)
    parse_digest(digest)

    def work(connection: Connection) -> None:
        repository = find_repository(connection, target)
        if repository is None or not blobs.unlink(connection, repository, digest):
            raise BlobUnknown(digest)

    await services.database.write(work)
    reach("blob-unlinked")
    return Response(202)


async def _renew(services: RegistryServices, target: Target, blob: Blob) -> None:
    """Postpones the blob's garbage collection, because a client that finds a blob does not upload it."""
    now = services.clock.now()
    # At most one write per minute and blob; gc does not delete a blob that was used more recently than this.
    if now - blob.used_at <= min(_RENEWED_EVERY_S, services.limits.unused_lifetime_s / 2):
        return

    def work(connection: Connection) -> bool:
        found = find_repositories(connection, target)
        return any(blobs.renew(connection, each, blob.digest, now=now) for each in found)

    # An addition: only `write`, which runs alone, deletes the link.
    if not await services.database.add(work):
        raise BlobUnknown(blob.digest)


def _matches(header: str | None, etag: str) -> bool:
    """Returns whether a header of RFC 9110 §13.1 names the entity tag, which is the digest."""
    names = {part.strip().removeprefix("W/") for part in (header or "").split(",")}
    return bool(names & {etag, "*"})


def find_blob(connection: Connection, target: Target, digest: str) -> Blob | None:
    """Returns the repository's blob of that digest, or None. Raises NameUnknown as `find_repository` does."""
    found = (blobs.find(connection, each, digest) for each in find_repositories(connection, target))
    return next((blob for blob in found if blob is not None), None)


def _measure(blob: Blob | None) -> int | None:
    return None if blob is None else len(blob.data or blob.pieces or b"")


async def _make_body(
    services: RegistryServices, blob: Blob, span: Span, *, is_head: bool
) -> bytes | StoredBody:
    if blob.data is not None:
        return blob.data[span.start : span.stop]
    store, pieces = services.store, parse_pieces(blob.pieces)
    if is_head:
        check_pieces(store, pieces, span)
        return StoredBody(read_pieces(store, pieces, span), span.size)
    return StoredBody(await open_pieces(store, pieces, span), span.size)
