"""Upload endpoints: start, status, append, finish and cancel; sessions.py says what an upload is.

A blob is visible after its bytes are flushed and then its row is committed. Each response has a new Location;
the one before is no longer valid.
"""

import functools
from collections.abc import Awaitable, Callable

from sqlalchemy import Connection

from docker_credential_gcr.emulator.database.images import repositories
from docker_credential_gcr.emulator.oci.digest import parse_digest
from docker_credential_gcr.emulator.oci.errors import InvalidDigest
from docker_credential_gcr.emulator.oci.ranges import parse_chunk_range
from docker_credential_gcr.emulator.oci.token_auth import PUSH
from docker_credential_gcr.emulator.registry.authorization import authorize
from docker_credential_gcr.emulator.registry.dependencies import RegistryServices
from docker_credential_gcr.emulator.registry.errors import RangeInvalid, UploadInvalid, UploadUnknown
from docker_credential_gcr.emulator.registry.http import Request, Response
from docker_credential_gcr.emulator.registry.repositories import ensure_repository, find_repository
from docker_credential_gcr.emulator.sites.hosts import Target

from . import sessions
from .mounts import mount
from .sessions import Session

Handler = Callable[[RegistryServices, Request, Target, str], Awaitable[Response]]


async def start(services: RegistryServices, request: Request, target: Target) -> Response:
    """Starts an upload, or finishes it at once: as a mount, or with the whole blob in this request."""
    principal = await authorize(services, request, target, PUSH)
    mounted = request.parameter("mount")
    if mounted is not None and await mount(services, request, target, parse_digest(mounted)):
        return _make_created(target, mounted)
    digest = request.parameter("digest")
    if digest is not None:
        parse_digest(digest)
    await _ensure_repository(services, target)
    session = sessions.begin(services, target, principal.member or "")
    if digest is None:
        return _make_accepted(services, session)
    await sessions.finish(services, session, request.chunks(), digest)
    return _make_created(target, digest)


def raises_name_unknown(handler: Handler) -> Handler:
    """Returns the handler, which raises NameUnknown for an unknown upload if its project is missing."""

    @functools.wraps(handler)
    async def handle(services: RegistryServices, request: Request, target: Target, location: str) -> Response:
        try:
            return await handler(services, request, target, location)
        except UploadUnknown:
            await services.database.read(lambda connection: find_repository(connection, target))
            raise

    return handle


@raises_name_unknown
async def status(services: RegistryServices, request: Request, target: Target, location: str) -> Response:
    """Returns how many bytes of an upload are acknowledged."""
    session = await _find(services, request, target, location)
    await sessions.check(services, session)
    return Response(204, _make_accepted(services, session).headers)


@raises_name_unknown
async def append(services: RegistryServices, request: Request, target: Target, location: str) -> Response:
    """Receives a chunk, or all bytes at once."""
    session = await _find(services, request, target, location)
    _check_chunk(services, request, session)
    return _make_accepted(services, await sessions.append(services, session, request.chunks()))


@raises_name_unknown
async def finish(services: RegistryServices, request: Request, target: Target, location: str) -> Response:
    """Receives the last bytes, if any, and publishes the blob if its digest is right."""
    session = await _find(services, request, target, location)
    digest = request.parameter("digest")
    if digest is None:
        raise InvalidDigest("the upload cannot be finished without a digest: add ?digest=")
    parse_digest(digest)
    _check_chunk(services, request, session)
    await sessions.finish(services, session, request.chunks(), digest)
    return _make_created(target, digest)


@raises_name_unknown
async def cancel(services: RegistryServices, request: Request, target: Target, location: str) -> Response:
    """Deletes an upload and its bytes."""
    await sessions.cancel(services, await _find(services, request, target, location))
    return Response(204)


async def _find(services: RegistryServices, request: Request, target: Target, location: str) -> Session:
    principal = await authorize(services, request, target, PUSH)
    return await sessions.find(services, target, location, principal.member or "")


async def _ensure_repository(services: RegistryServices, target: Target) -> None:
    """Creates the repository with the first upload to it.

    An existing one is cached; the transaction that saves the upload creates it again if it was deleted since.
    """
    key = ("repository", target.bucket, target.path)
    if services.decision_cache.find(key):
        return

    def find(connection: Connection) -> bool:
        return repositories.find(connection, target.bucket, target.path) is not None

    if not await services.decision_cache.read(key, find, measure=lambda is_there: 0 if is_there else None):
        create = functools.partial(ensure_repository, services, target=target)
        # An addition: only `write`, which runs alone, deletes what it finds. Survives a crash, not power
        # loss: the client can restart an upload.
        await services.database.add(create, durable=False)


def _check_chunk(services: RegistryServices, request: Request, session: Session) -> None:
    """Raises RangeInvalid, UploadInvalid for a chunk that does not match the upload, or its own length."""
    header = request.headers.get("content-range")
    if header is None:
        return
    span, size = parse_chunk_range(header), session.upload.size
    if span is None:
        raise UploadInvalid(f"malformed Content-Range {header[:100]!r}")
    if span.start != size:
        refusal = RangeInvalid(f"the chunk begins at {span.start}, the upload has {size} bytes")
        refusal.headers = _make_accepted(services, session).headers
        raise refusal
    announced = request.headers.get("content-length")
    if announced is not None and int(announced) != span.size:
        raise UploadInvalid(f"Content-Range {header[:100]!r} is not as long as Content-Length {announced}")


def _make_accepted(services: RegistryServices, session: Session) -> Response:
    location = sessions.format_location(services, session)
    headers = {
        "Location": f"/v2/{session.target.name}/blobs/uploads/{location}",
        "Range": f"0-{max(0, session.upload.size - 1)}",
        "Docker-Upload-UUID": session.upload.id,
    }
    return Response(202, headers)


def _make_created(target: Target, digest: str) -> Response:
    headers = {"Location": f"/v2/{target.name}/blobs/{digest}", "Docker-Content-Digest": digest}
    return Response(201, headers)
