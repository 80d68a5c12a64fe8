"""The resources of uploads: begun, appended to, asked after, finished, cancelled; see sessions.py.

A blob is visible once its bytes are flushed and its row is committed, in that order. Each answer names a new
Location; the one before is good for nothing.
"""

import functools
from collections.abc import Awaitable, Callable

from sqlalchemy import Connection

from docker_credential_gcr.emulator.oci.digest import parse_digest
from docker_credential_gcr.emulator.oci.errors import InvalidDigest
from docker_credential_gcr.emulator.oci.ranges import parse_chunk_range
from docker_credential_gcr.emulator.oci.token_auth import PUSH
from docker_credential_gcr.emulator.registry.authorization import authorize
from docker_credential_gcr.emulator.registry.dependencies import Services
from docker_credential_gcr.emulator.registry.errors import RangeInvalid, UploadInvalid, UploadUnknown
from docker_credential_gcr.emulator.registry.http import Request, Response
from docker_credential_gcr.emulator.registry.repositories import ensure_repository, find_repository
from docker_credential_gcr.emulator.sites.hosts import Target

from . import sessions
from .mounts import mount
from .sessions import Session

Handler = Callable[[Services, Request, Target, str], Awaitable[Response]]


async def start(services: Services, request: Request, target: Target) -> Response:
    """Begins an upload, or finishes at once: a mount, or the whole blob in this request."""
    principal = await authorize(services, request, target, PUSH)
    mounted = request.parameter("mount")
    if mounted is not None and await mount(services, request, target, parse_digest(mounted)):
        return _created(target, mounted)
    digest = request.parameter("digest")
    if digest is not None:
        parse_digest(digest)
    await _make_repository(services, target)
    session = sessions.begin(services, target, principal.member or "")
    if digest is None:
        return _accepted(services, session)
    await sessions.finish(services, session, request.chunks(), digest)
    return _created(target, digest)


def explained(handler: Handler) -> Handler:
    """Returns the handler, which says of an unknown upload that its project is gone, where it is."""

    @functools.wraps(handler)
    async def explain(services: Services, request: Request, target: Target, location: str) -> Response:
        try:
            return await handler(services, request, target, location)
        except UploadUnknown:
            await services.database.read(lambda connection: find_repository(connection, target))
            raise

    return explain


@explained
async def status(services: Services, request: Request, target: Target, location: str) -> Response:
    """Tells how much of an upload was acknowledged."""
    session = await _find(services, request, target, location)
    await sessions.check(services, session)
    return Response(204, _accepted(services, session).headers)


@explained
async def append(services: Services, request: Request, target: Target, location: str) -> Response:
    """Takes a chunk, or all the bytes."""
    session = await _find(services, request, target, location)
    _check_chunk(services, request, session)
    return _accepted(services, await sessions.append(services, session, request.chunks()))


@explained
async def finish(services: Services, request: Request, target: Target, location: str) -> Response:
    """Takes the last bytes, if any, and makes the blob visible if they have its digest."""
    session = await _find(services, request, target, location)
    digest = request.parameter("digest")
    if digest is None:
        raise InvalidDigest("the upload cannot be finished without ?digest=")
    parse_digest(digest)
    _check_chunk(services, request, session)
    await sessions.finish(services, session, request.chunks(), digest)
    return _created(target, digest)


@explained
async def cancel(services: Services, request: Request, target: Target, location: str) -> Response:
    """Forgets an upload and its bytes."""
    await sessions.cancel(services, await _find(services, request, target, location))
    return Response(204)


async def _find(services: Services, request: Request, target: Target, location: str) -> Session:
    principal = await authorize(services, request, target, PUSH)
    return await sessions.find(services, target, location, principal.member or "")


async def _make_repository(services: Services, target: Target) -> None:
    """Creates the repository with the first upload to it.

    One that is there is remembered; the transaction that keeps the upload finds out when it went since.
    """
    key = ("repository", target.bucket, target.path)
    if services.decision_cache.find(key):
        return

    def find(connection: Connection) -> bool:
        return find_repository(connection, target) is not None

    if not await services.decision_cache.read(key, find, measure=lambda is_there: 0 if is_there else None):
        opening = functools.partial(ensure_repository, services, target=target)
        # Survives a crash, not power loss: the client can restart an upload.
        await services.database.write(opening, durable=False)


def _check_chunk(services: Services, request: Request, session: Session) -> None:
    """Refuses a chunk that does not begin where the bytes so far end, or is not as long as it says."""
    header = request.headers.get("content-range")
    if header is None:
        return
    span, size = parse_chunk_range(header), session.upload.size
    if span is None:
        raise UploadInvalid(f"malformed Content-Range {header[:100]!r}")
    if span.start != size:
        refusal = RangeInvalid(f"the chunk begins at {span.start}, the upload has {size} bytes")
        refusal.headers = _accepted(services, session).headers
        raise refusal
    announced = request.headers.get("content-length")
    if announced is not None and int(announced) != span.size:
        raise UploadInvalid(f"Content-Range {header[:100]!r} is not as long as Content-Length {announced}")


def _accepted(services: Services, session: Session) -> Response:
    location = sessions.format_location(services, session)
    headers = {
        "Location": f"/v2/{session.target.name}/blobs/uploads/{location}",
        "Range": f"0-{max(0, session.upload.size - 1)}",
        "Docker-Upload-UUID": session.upload.id,
    }
    return Response(202, headers)


def _created(target: Target, digest: str) -> Response:
    headers = {"Location": f"/v2/{target.name}/blobs/{digest}", "Docker-Content-Digest": digest}
    return Response(201, headers)
