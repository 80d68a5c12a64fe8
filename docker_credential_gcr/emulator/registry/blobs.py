"""Blobs: download, whole or a range, and removal from a repository."""

from docker_credential_gcr.emulator.crash_points import reach
from docker_credential_gcr.emulator.hosts import Target
from docker_credential_gcr.emulator.oci.digest import parse_digest
from docker_credential_gcr.emulator.oci.ranges import Span, UnsatisfiableRange, find_span
from docker_credential_gcr.emulator.oci.scope import DELETE, PULL
from docker_credential_gcr.emulator.records import blobs, repositories
from docker_credential_gcr.emulator.records.blobs import Blob
from docker_credential_gcr.emulator.records.repositories import Repository

from .access import authorize
from .errors import BlobUnknown, RangeInvalid
from .http import FileBody, Request, Response
from .services import Services

_RENEWED_EVERY_S = 60.0


async def get(services: Services, request: Request, target: Target, digest: str) -> Response:
    """The bytes of a blob, whole or a range."""
    authorize(services, request, target, PULL)
    repository, blob = _find(services, target, digest)
    if request.method == "HEAD":
        await _rely(services, repository, blob)
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
    body = _body(services, repository, blob, span)
    if span is None:
        return Response(200, headers, body)
    headers["Content-Range"] = f"bytes {span.start}-{span.stop - 1}/{blob.size}"
    return Response(206, headers, body)


async def delete(services: Services, request: Request, target: Target, digest: str) -> Response:
    """Hide a blob from the repository; others that hold it keep it."""
    authorize(services, request, target, DELETE)
    repository, blob = _find(services, target, digest)
    await services.database.write(lambda connection: blobs.unlink(connection, repository, blob.digest))
    reach("blob-unlinked")
    return Response(202)


async def _rely(services: Services, repository: Repository, blob: Blob) -> None:
    """Put off the blob's collection: who asks whether it is there leaves out its upload if so."""
    age_s = services.clock.now() - blob.used_at
    # An hour of pushes writes once a minute at most; what is younger is in no collection's reach.
    if age_s <= min(_RENEWED_EVERY_S, services.limits.unused_lifetime_s / 2):
        return
    now = services.clock.now()
    renewing = services.database.write(
        lambda connection: blobs.renew(connection, repository, blob.digest, now=now)
    )
    if not await renewing:
        raise BlobUnknown(blob.digest)


def _matches(header: str | None, etag: str) -> bool:
    """Whether a header of RFC 9110 §13.1 names the entity tag. Bytes under a digest never change."""
    names = {part.strip().removeprefix("W/") for part in (header or "").split(",")}
    return bool(names & {etag, "*"})


def _find(services: Services, target: Target, digest: str) -> tuple[Repository, Blob]:
    parse_digest(digest)
    with services.database.read() as connection:
        repository = repositories.find(connection, target.bucket, target.path)
        blob = None if repository is None else blobs.find(connection, repository, digest)
    if repository is None or blob is None:
        raise BlobUnknown(digest)
    return repository, blob


def _body(services: Services, repository: Repository, blob: Blob, span: Span | None) -> bytes | FileBody:
    wanted = span or Span(0, blob.size)
    if blob.data is not None:
        return blob.data[wanted.start : wanted.stop]
    path = services.files.path(repository.bucket.name, blob.digest)
    # A body once begun cannot become an error: look before.
    if path.stat().st_size != blob.size:
        raise OSError(f"{path} is not as long as its blob")
    return FileBody(path, wanted, whole=span is None)
