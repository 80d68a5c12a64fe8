"""Uploads of blobs: begun, appended to, asked after, finished, cancelled.

A blob is visible once its bytes are flushed and in place and its row is committed, in that order.
Each answer names a new Location; the one before is good for nothing.
"""

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace

from sqlalchemy import Connection

from docker_credential_gcr.emulator.blobs.spool import Spool
from docker_credential_gcr.emulator.hosts import Target, locate
from docker_credential_gcr.emulator.identity.principal import Principal
from docker_credential_gcr.emulator.oci.digest import parse_digest, split_digest
from docker_credential_gcr.emulator.oci.errors import InvalidDigest, InvalidName
from docker_credential_gcr.emulator.oci.ranges import parse_chunk_range
from docker_credential_gcr.emulator.oci.scope import PULL, PUSH
from docker_credential_gcr.emulator.records import blobs, repositories, uploads
from docker_credential_gcr.emulator.records.blobs import Blob
from docker_credential_gcr.emulator.records.repositories import Repository
from docker_credential_gcr.emulator.records.uploads import Upload

from . import places
from .access import authorize, find_refusal
from .errors import DigestInvalid, RangeInvalid, UploadInvalid, UploadUnknown
from .http import Request, Response
from .services import Services

# A spool holds at most 64 KiB and a hash; a client that never comes back must not hold one for ever.
_REMEMBERED_SPOOLS = 1024


async def start(services: Services, request: Request, target: Target) -> Response:
    """Begin an upload, or finish at once: a mount, or the whole blob in this request."""
    principal = authorize(services, request, target, PUSH)
    mounted = request.parameter("mount")
    if mounted is not None and await _mount(services, request, principal, target, parse_digest(mounted)):
        return _created(target, mounted)
    digest = request.parameter("digest")
    if digest is not None:
        parse_digest(digest)
    upload = Upload(secrets.token_hex(16), secrets.token_hex(16), principal.member or "", 0, b"")

    def work(connection: Connection) -> Repository:
        repository = open_repository(services, connection, target)
        uploads.start(connection, repository, upload, now=services.clock.now())
        return repository

    repository = await services.database.write(work)
    if digest is None:
        return _accepted(target, upload)
    async with _writing(services, upload) as spool:
        await _receive(request, spool)
        return await _finish(services, target, repository, upload, spool, digest)


async def status(services: Services, request: Request, target: Target, location: str) -> Response:
    """How much of an upload was acknowledged."""
    _, upload = _find(services, target, location, authorize(services, request, target, PUSH))
    return replace(_accepted(target, upload), status=204)


async def append(services: Services, request: Request, target: Target, location: str) -> Response:
    """Take a chunk, or all the bytes."""
    _, upload = _find(services, target, location, authorize(services, request, target, PUSH))
    async with _writing(services, upload) as spool:
        _check_chunk(request, target, upload)
        await _receive(request, spool)
        moved = replace(upload, location=secrets.token_hex(16), size=spool.size, data=spool.data)
        if not await services.database.write(lambda connection: uploads.move(connection, moved)):
            raise UploadUnknown
        _remember(services, upload.id, spool)
    return _accepted(target, moved)


async def finish(services: Services, request: Request, target: Target, location: str) -> Response:
    """Take the last bytes, if any, and make the blob visible if they have its digest."""
    repository, upload = _find(services, target, location, authorize(services, request, target, PUSH))
    digest = request.parameter("digest")
    if digest is None:
        raise InvalidDigest("the upload cannot be finished without ?digest=")
    parse_digest(digest)
    async with _writing(services, upload) as spool:
        _check_chunk(request, target, upload)
        await _receive(request, spool)
        return await _finish(services, target, repository, upload, spool, digest)


async def cancel(services: Services, request: Request, target: Target, location: str) -> Response:
    """Forget an upload and its bytes."""
    _, upload = _find(services, target, location, authorize(services, request, target, PUSH))
    async with _writing(services, upload):
        await _end(services, upload)
    return Response(204)


def open_repository(services: Services, connection: Connection, target: Target) -> Repository:
    """The repository, made if it was not there, and its bucket with it. Raises NameUnknown."""
    repository = repositories.find(connection, target.bucket, target.path)
    if repository is None:
        places.create(services, connection, target)
        repository = repositories.create(connection, target.bucket, target.path)
    if repository is None:
        raise places.describe_missing(target)
    return repository


async def _mount(
    services: Services, request: Request, principal: Principal, target: Target, digest: str
) -> bool:
    """Link a blob that the principal may pull from the source; False if there is none.

    Without `from` any repository of the bucket is a source: who may pull from one may from all. The
    token is for the target alone, so it is the principal's own rights that count for the source.
    """
    source = target
    if (name := request.parameter("from")) is not None:
        try:
            source = locate(request.host, name)
        except InvalidName:
            return False
    if source.bucket != target.bucket:
        return False

    def work(connection: Connection) -> bool:
        if find_refusal(connection, principal, source, PULL) is not None:
            return False
        if not blobs.is_linked(connection, target.bucket, digest, repository=name and source.path):
            return False
        blobs.link(connection, open_repository(services, connection, target), digest)
        return True

    return await services.database.write(work)


def _find(
    services: Services, target: Target, location: str, principal: Principal
) -> tuple[Repository, Upload]:
    with services.database.read() as connection:
        repository = repositories.find(connection, target.bucket, target.path)
        upload = None if repository is None else uploads.find(connection, repository, location)
    # Another's upload is none at all: its bytes are not to be read, changed or ended.
    if repository is None or upload is None or upload.owner != (principal.member or ""):
        raise UploadUnknown
    return repository, upload


@asynccontextmanager
async def _writing(services: Services, upload: Upload) -> AsyncIterator[Spool]:
    """The upload's spool, for one request at a time; a second one meanwhile finds no upload."""
    if upload.id in services.busy:
        raise UploadUnknown
    services.busy.add(upload.id)
    try:
        spool = services.spools.pop(upload.id, None)
        if spool is None or spool.size != upload.size:
            path = services.files.upload_path(upload.id)
            spool = await asyncio.to_thread(Spool.resume, path, upload.data, upload.size)
        yield spool
    except FileNotFoundError as error:
        raise UploadUnknown from error
    finally:
        services.busy.discard(upload.id)


def _remember(services: Services, upload_id: str, spool: Spool) -> None:
    while len(services.spools) >= _REMEMBERED_SPOOLS:
        services.spools.pop(next(iter(services.spools)))
    services.spools[upload_id] = spool


def _check_chunk(request: Request, target: Target, upload: Upload) -> None:
    """Refuse a chunk that does not begin where the bytes so far end, or is not as long as it says."""
    header = request.headers.get("content-range")
    if header is None:
        return
    span = parse_chunk_range(header)
    if span is None:
        raise UploadInvalid(f"malformed Content-Range {header[:100]!r}")
    if span.start != upload.size:
        refusal = RangeInvalid(f"the chunk begins at {span.start}, the upload has {upload.size} bytes")
        refusal.headers = _accepted(target, upload).headers
        raise refusal
    announced = request.headers.get("content-length")
    if announced is not None and int(announced) != span.size:
        raise UploadInvalid(f"Content-Range {header[:100]!r} is not as long as Content-Length {announced}")


async def _receive(request: Request, spool: Spool) -> None:
    async for chunk in request.chunks():
        await spool.append(chunk)
    await spool.settle()


async def _finish(
    services: Services, target: Target, repository: Repository, upload: Upload, spool: Spool, digest: str
) -> Response:
    actual = await spool.digest(split_digest(digest)[0])
    if actual != digest:
        await _end(services, upload)
        raise DigestInvalid(digest, actual)
    if spool.data is None:
        await asyncio.to_thread(services.files.adopt, upload.id, repository.bucket.name, digest)

    def work(connection: Connection) -> None:
        if not uploads.end(connection, upload.id):
            raise UploadUnknown
        blob = Blob(digest, spool.size, spool.data)
        blobs.add(connection, repository, blob, now=services.clock.now())

    await services.database.write(work)
    return _created(target, digest)


async def _end(services: Services, upload: Upload) -> None:
    await services.database.write(lambda connection: uploads.end(connection, upload.id))
    with suppress(FileNotFoundError):
        services.files.discard_upload(upload.id)


def _accepted(target: Target, upload: Upload) -> Response:
    headers = {
        "Location": f"/v2/{target.name}/blobs/uploads/{upload.location}",
        "Range": f"0-{max(0, upload.size - 1)}",
        "Docker-Upload-UUID": upload.id,
    }
    return Response(202, headers)


def _created(target: Target, digest: str) -> Response:
    headers = {"Location": f"/v2/{target.name}/blobs/{digest}", "Docker-Content-Digest": digest}
    return Response(201, headers)
