"""The bytes of an upload, in the hands of one request at a time."""

import asyncio

from docker_credential_gcr.emulator.blobs.spool import Spool
from docker_credential_gcr.emulator.hosts import Target
from docker_credential_gcr.emulator.records.uploads import Upload

from .errors import UploadUnknown
from .http import Request
from .services import Services, keep_last
from .upload_locations import format_location, look_up

# A spool holds at most 64 KiB and a hash; a client that never comes back must not hold one for ever.
_REMEMBERED_SPOOLS = 1024


class writing:
    """The upload's spool, for one request at a time; a second one meanwhile finds no upload."""

    __slots__ = ("_services", "_target", "_upload")

    def __init__(self, services: Services, target: Target, upload: Upload) -> None:
        self._services = services
        self._target = target
        self._upload = upload

    async def __aenter__(self) -> Spool:
        """The spool. Raises UploadUnknown."""
        services, upload = self._services, self._upload
        if not services.claims.claim(upload.id):
            raise UploadUnknown
        try:
            # Before anything can go wrong for which bytes are cut off: they would be another worker's.
            _check_current(services, self._target, upload)
            try:
                return await _find_spool(services, upload)
            except BaseException as error:
                self._cut(error)
                raise
        except BaseException:
            services.claims.release(upload.id)
            raise

    async def __aexit__(self, _kind: object, error: BaseException | None, _traceback: object) -> None:
        """Let go of it; what was not acknowledged is undone."""
        try:
            if error is not None:
                self._cut(error)
        finally:
            self._services.claims.release(self._upload.id)

    def _cut(self, error: BaseException) -> None:
        """Give back the space of what was not acknowledged now, not when the upload ends."""
        is_over = self._upload.data is not None or isinstance(error, UploadUnknown)
        self._services.files.cut_upload(self._upload.id, 0 if is_over else self._upload.size)
        if isinstance(error, FileNotFoundError):
            raise UploadUnknown from error


async def _find_spool(services: Services, upload: Upload) -> Spool:
    spool = services.spools.pop(upload.id, None)
    if spool is not None and spool.size == upload.size:
        return spool
    if upload.data is None:
        return await asyncio.to_thread(Spool.resume, services.files.uploads, upload.id, upload.size)
    return Spool(services.files.uploads, upload.id, upload.data)


def _check_current(services: Services, target: Target, upload: Upload) -> None:
    """Raise UploadUnknown where another worker went on with the upload before it could be claimed here."""
    if services.claims.is_shared:
        location = format_location(services, target, upload)
        if look_up(services, target, location, upload.owner)[1] != upload:
            raise UploadUnknown


def remember(services: Services, upload_id: str, spool: Spool) -> None:
    """Keep the spool for the upload's next request: its bytes need not be hashed again."""
    keep_last(services.spools, upload_id, spool, _REMEMBERED_SPOOLS)


async def receive(request: Request, spool: Spool) -> None:
    """Have the request's body in the spool. Raises BodyIncomplete, OSError."""
    try:
        async for chunk in request.chunks():
            await spool.append(chunk)
    finally:
        await spool.settle()
