"""Uploads of blobs: begun, appended to, asked after, finished, cancelled.

A blob is visible once its bytes are flushed and in place and its row is committed, in that order.
Each answer names a new Location; the one before is good for nothing.
"""

import asyncio
import functools
from contextlib import suppress

from sqlalchemy import Connection

from docker_credential_gcr.emulator.blobs.spool import Spool
from docker_credential_gcr.emulator.crash_points import reach
from docker_credential_gcr.emulator.hosts import Target
from docker_credential_gcr.emulator.oci.digest import parse_digest, split_digest
from docker_credential_gcr.emulator.oci.errors import InvalidDigest
from docker_credential_gcr.emulator.oci.ranges import parse_chunk_range
from docker_credential_gcr.emulator.oci.scope import PUSH
from docker_credential_gcr.emulator.records import blobs, uploads
from docker_credential_gcr.emulator.records.blobs import Blob
from docker_credential_gcr.emulator.records.repositories import Repository
from docker_credential_gcr.emulator.records.uploads import Upload

from . import places, upload_keeping, upload_locations
from .access import authorize
from .errors import DigestInvalid, RangeInvalid, UploadInvalid, UploadUnknown
from .http import Request, Response
from .mounts import mount
from .opening import find_repository, open_repository
from .services import Services
from .upload_spools import receive, remember, writing


async def start(services: Services, request: Request, target: Target) -> Response:
    """Begin an upload, or finish at once: a mount, or the whole blob in this request."""
    principal = authorize(services, request, target, PUSH)
    mounted = request.parameter("mount")
    if mounted is not None and await mount(services, request, target, parse_digest(mounted)):
        return _created(target, mounted)
    digest = request.parameter("digest")
    if digest is not None:
        parse_digest(digest)
    repository = await _open_repository(services, target)
    upload = upload_locations.begin(services, principal.member or "")
    if services.claims.is_shared:
        upload = await upload_keeping.keep(services, repository, upload)
    if digest is None:
        return _accepted(services, target, repository, upload)
    upload = await upload_keeping.keep_if_large(services, request, repository, upload)
    try:
        async with writing(services, target, upload) as spool:
            await receive(request, spool)
            return await _finish(services, target, repository, upload, spool, digest)
    except BaseException:
        # Nobody was told its Location. On a full disk it may stay, until its time is over.
        if upload.is_kept:
            services.database.write_unawaited(lambda connection: uploads.end(connection, upload.id))
        raise


async def status(services: Services, request: Request, target: Target, location: str) -> Response:
    """How much of an upload was acknowledged."""
    repository, upload = _find(services, request, target, location)
    return Response(204, _accepted(services, target, repository, upload).headers)


async def append(services: Services, request: Request, target: Target, location: str) -> Response:
    """Take a chunk, or all the bytes."""
    repository, upload = _find(services, request, target, location)
    upload = await upload_keeping.keep_if_large(services, request, repository, upload)
    async with writing(services, target, upload) as spool:
        _check_chunk(services, request, target, repository, upload)
        await receive(request, spool)
        reach("upload-written")
        moved = await upload_keeping.move(services, repository, upload, spool)
        reach("upload-moved")
        remember(services, upload.id, spool)
    return _accepted(services, target, repository, moved)


async def finish(services: Services, request: Request, target: Target, location: str) -> Response:
    """Take the last bytes, if any, and make the blob visible if they have its digest."""
    repository, upload = _find(services, request, target, location)
    digest = request.parameter("digest")
    if digest is None:
        raise InvalidDigest("the upload cannot be finished without ?digest=")
    parse_digest(digest)
    upload = await upload_keeping.keep_if_large(services, request, repository, upload)
    async with writing(services, target, upload) as spool:
        _check_chunk(services, request, target, repository, upload)
        await receive(request, spool)
        return await _finish(services, target, repository, upload, spool, digest)


async def cancel(services: Services, request: Request, target: Target, location: str) -> Response:
    """Forget an upload and its bytes."""
    _, upload = _find(services, request, target, location)
    async with writing(services, target, upload):
        await _end(services, upload)
    return Response(204)


def _find(services: Services, request: Request, target: Target, location: str) -> tuple[Repository, Upload]:
    principal = authorize(services, request, target, PUSH)
    try:
        return upload_locations.look_up(services, target, location, principal.member or "")
    except UploadUnknown:
        with services.database.read() as connection:
            places.find(connection, target)
        raise


async def _open_repository(services: Services, target: Target) -> Repository:
    """The repository, made by the first upload to it."""
    with services.database.read() as connection:
        repository = find_repository(services, connection, target)
    if repository is None:
        opening = functools.partial(open_repository, services, target=target)
        # Whoever holds power must not lose what it acknowledged; an upload can be begun anew.
        repository = await services.database.write(opening, durable=False)
    return repository


def _check_chunk(
    services: Services, request: Request, target: Target, repository: Repository, upload: Upload
) -> None:
    """Refuse a chunk that does not begin where the bytes so far end, or is not as long as it says."""
    header = request.headers.get("content-range")
    if header is None:
        return
    span = parse_chunk_range(header)
    if span is None:
        raise UploadInvalid(f"malformed Content-Range {header[:100]!r}")
    if span.start != upload.size:
        refusal = RangeInvalid(f"the chunk begins at {span.start}, the upload has {upload.size} bytes")
        refusal.headers = _accepted(services, target, repository, upload).headers
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
        if upload.is_kept and not uploads.end(connection, upload.id):
            raise UploadUnknown
        # A row of the upload would have gone with its repository.
        home = repository if upload.is_kept else open_repository(services, connection, target)
        blob = Blob(digest, spool.size, spool.data)
        blobs.add(connection, home, blob, now=services.clock.now())

    if spool.data is None:
        with await asyncio.to_thread(services.files.adopt, upload.id, target.bucket, digest):
            await services.database.write(work)
    else:
        await services.database.write(work)
    upload_locations.forget(services, upload)
    reach("blob-committed")
    return _created(target, digest)


async def _end(services: Services, upload: Upload) -> None:
    upload_locations.forget(services, upload)
    if not upload.is_kept:
        return
    await services.database.write(lambda connection: uploads.end(connection, upload.id))
    with suppress(FileNotFoundError):
        services.files.discard_upload(upload.id)


def _accepted(services: Services, target: Target, repository: Repository, upload: Upload) -> Response:
    location = upload_locations.format_location(services, target, upload)
    upload_locations.remember(services, location, repository, upload)
    headers = {
        "Location": f"/v2/{target.name}/blobs/uploads/{location}",
        "Range": f"0-{max(0, upload.size - 1)}",
        "Docker-Upload-UUID": upload.id,
    }
    return Response(202, headers)


def _created(target: Target, digest: str) -> Response:
    headers = {"Location": f"/v2/{target.name}/blobs/{digest}", "Docker-Content-Digest": digest}
    return Response(201, headers)
