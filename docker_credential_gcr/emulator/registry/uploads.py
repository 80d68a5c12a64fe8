"""Uploads of blobs: begun, appended to, asked after, finished, cancelled.

A blob is visible once its bytes are flushed and in place and its row is committed, in that order.
Each answer names a new Location; the one before is good for nothing.
"""

import asyncio
import functools
import secrets
from contextlib import ExitStack, suppress

from sqlalchemy import Connection

from docker_credential_gcr.emulator.blobs.spool import Spool
from docker_credential_gcr.emulator.crash_points import reach
from docker_credential_gcr.emulator.hosts import Target
from docker_credential_gcr.emulator.identity.principal import Principal
from docker_credential_gcr.emulator.oci.digest import parse_digest, split_digest
from docker_credential_gcr.emulator.oci.errors import InvalidDigest
from docker_credential_gcr.emulator.oci.ranges import parse_chunk_range
from docker_credential_gcr.emulator.oci.scope import PUSH
from docker_credential_gcr.emulator.records import blobs, uploads
from docker_credential_gcr.emulator.records.blobs import Blob
from docker_credential_gcr.emulator.records.repositories import Repository
from docker_credential_gcr.emulator.records.uploads import Upload

from .access import authorize
from .errors import DigestInvalid, RangeInvalid, UploadInvalid, UploadUnknown
from .http import Request, Response
from .mounts import mount
from .opening import open_repository
from .services import Services
from .upload_room import discard, make_room
from .upload_spools import receive, remember, writing


async def start(services: Services, request: Request, target: Target) -> Response:
    """Begin an upload, or finish at once: a mount, or the whole blob in this request."""
    principal = authorize(services, request, target, PUSH)
    mounted = request.parameter("mount")
    if mounted is not None and await mount(services, request, principal, target, parse_digest(mounted)):
        return _created(target, mounted)
    digest = request.parameter("digest")
    if digest is not None:
        parse_digest(digest)
    upload = Upload(secrets.token_hex(16), 0, principal.member or "", 0, b"")

    def work(connection: Connection) -> tuple[Repository, list[str]]:
        repository = open_repository(services, connection, target)
        ended = make_room(services, connection, upload.owner)
        uploads.start(connection, repository, upload, now=services.clock.now())
        return repository, ended

    # Whoever holds power must not lose what it acknowledged; an upload can be begun anew.
    repository, ended = await services.database.write(work, durable=False)
    await discard(services, ended)
    if digest is None:
        return _accepted(target, upload)
    try:
        async with writing(services, repository, upload) as spool:
            await receive(request, spool)
            return await _finish(services, target, repository, upload, spool, digest)
    except BaseException:
        # Nobody was told its Location. On a full disk it may stay, until its time is over.
        services.database.write_unawaited(lambda connection: uploads.end(connection, upload.id))
        raise


async def status(services: Services, request: Request, target: Target, location: str) -> Response:
    """How much of an upload was acknowledged."""
    _, upload = _find(services, target, location, authorize(services, request, target, PUSH))
    return Response(204, _accepted(target, upload).headers)


async def append(services: Services, request: Request, target: Target, location: str) -> Response:
    """Take a chunk, or all the bytes."""
    repository, upload = _find(services, target, location, authorize(services, request, target, PUSH))
    async with writing(services, repository, upload) as spool:
        _check_chunk(request, target, upload)
        await receive(request, spool)
        reach("upload-written")
        move = functools.partial(uploads.move, upload=upload, size=spool.size, data=spool.data)
        moved = await services.database.write(move, durable=False)
        if moved is None:
            raise UploadUnknown
        reach("upload-moved")
        remember(services, upload.id, spool)
    return _accepted(target, moved)


async def finish(services: Services, request: Request, target: Target, location: str) -> Response:
    """Take the last bytes, if any, and make the blob visible if they have its digest."""
    repository, upload = _find(services, target, location, authorize(services, request, target, PUSH))
    digest = request.parameter("digest")
    if digest is None:
        raise InvalidDigest("the upload cannot be finished without ?digest=")
    parse_digest(digest)
    async with writing(services, repository, upload) as spool:
        _check_chunk(request, target, upload)
        await receive(request, spool)
        return await _finish(services, target, repository, upload, spool, digest)


async def cancel(services: Services, request: Request, target: Target, location: str) -> Response:
    """Forget an upload and its bytes."""
    repository, upload = _find(services, target, location, authorize(services, request, target, PUSH))
    async with writing(services, repository, upload):
        await _end(services, upload)
    return Response(204)


def _find(
    services: Services, target: Target, location: str, principal: Principal
) -> tuple[Repository, Upload]:
    with services.database.read() as connection:
        found = uploads.find(
            connection,
            location,
            bucket_name=target.bucket,
            repository_name=target.path,
            since=services.clock.now() - services.limits.upload_lifetime_s,
        )
    # Another's upload is none at all: its bytes are not to be read, changed or ended.
    if found is None or found[1].owner != (principal.member or ""):
        raise UploadUnknown
    return found


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


async def _finish(
    services: Services, target: Target, repository: Repository, upload: Upload, spool: Spool, digest: str
) -> Response:
    actual = await spool.digest(split_digest(digest)[0])
    if actual != digest:
        await _end(services, upload)
        raise DigestInvalid(digest, actual)

    def work(connection: Connection) -> None:
        if not uploads.end(connection, upload.id):
            raise UploadUnknown
        blob = Blob(digest, spool.size, spool.data)
        blobs.add(connection, repository, blob, now=services.clock.now())

    with ExitStack() as holds:
        if spool.data is None:
            adopting = asyncio.to_thread(services.files.adopt, upload.id, repository.bucket.name, digest)
            holds.enter_context(await adopting)
        await services.database.write(work)
    reach("blob-committed")
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
