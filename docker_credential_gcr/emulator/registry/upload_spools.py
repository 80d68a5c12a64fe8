"""The bytes of an upload, in the hands of one request at a time."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from docker_credential_gcr.emulator.blobs.spool import Spool
from docker_credential_gcr.emulator.records import uploads
from docker_credential_gcr.emulator.records.repositories import Repository
from docker_credential_gcr.emulator.records.uploads import Upload

from .errors import UploadUnknown
from .http import Request
from .services import Services

# A spool holds at most 64 KiB and a hash; a client that never comes back must not hold one for ever.
_REMEMBERED_SPOOLS = 1024


@asynccontextmanager
async def writing(services: Services, repository: Repository, upload: Upload) -> AsyncIterator[Spool]:
    """The upload's spool, for one request at a time; a second one meanwhile finds no upload."""
    if not services.claims.claim(upload.id):
        raise UploadUnknown
    try:
        # Before anything can go wrong for which bytes are cut off: they would be another worker's.
        _check_current(services, repository, upload)
        try:
            yield await _find_spool(services, upload)
        except BaseException as error:
            # What was not acknowledged gives its space back now, not when the upload ends.
            is_over = upload.data is not None or isinstance(error, UploadUnknown)
            services.files.cut_upload(upload.id, 0 if is_over else upload.size)
            if isinstance(error, FileNotFoundError):
                raise UploadUnknown from error
            raise
    finally:
        services.claims.release(upload.id)


async def _find_spool(services: Services, upload: Upload) -> Spool:
    spool = services.spools.pop(upload.id, None)
    if spool is not None and spool.size == upload.size:
        return spool
    path = services.files.upload_path(upload.id)
    if upload.data is None:
        return await asyncio.to_thread(Spool.resume, path, upload.size)
    return Spool(path, upload.data)


def _check_current(services: Services, repository: Repository, upload: Upload) -> None:
    """Raise UploadUnknown where another worker went on with the upload before it could be claimed here."""
    if not services.claims.is_shared:
        return
    with services.database.read() as connection:
        found = uploads.find(
            connection,
            upload.location,
            bucket_name=repository.bucket.name,
            repository_name=repository.name,
            since=services.clock.now() - services.limits.upload_lifetime_s,
        )
    if found is None or found[1] != upload:
        raise UploadUnknown


def remember(services: Services, upload_id: str, spool: Spool) -> None:
    """Keep the spool for the upload's next request: its bytes need not be hashed again."""
    while len(services.spools) >= _REMEMBERED_SPOOLS:
        services.spools.pop(next(iter(services.spools)))
    services.spools[upload_id] = spool


async def receive(request: Request, spool: Spool) -> None:
    """Have the request's body in the spool. Raises BodyIncomplete, OSError."""
    try:
        async for chunk in request.chunks():
            await spool.append(chunk)
    finally:
        await spool.settle()
