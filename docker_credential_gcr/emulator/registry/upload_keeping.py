"""What is kept of an upload between two of its requests.

    nothing    while it has no bytes: its Location says all of it
    a slot     while they are very few, see noted_uploads.py
    a row      while they are few, or where other processes may go on with it
    a file     otherwise, beside the row

What was acknowledged outlives the process, however that ends; not the machine's loss of power.
"""

import functools

from sqlalchemy import Connection

from docker_credential_gcr.emulator.blobs.spool import SMALL, Spool
from docker_credential_gcr.emulator.records import uploads
from docker_credential_gcr.emulator.records.repositories import Repository
from docker_credential_gcr.emulator.records.uploads import Upload

from . import upload_locations
from .errors import UploadUnknown
from .http import Request
from .services import Services
from .upload_room import Look, discard, make_room


async def keep_if_large(
    services: Services, request: Request, repository: Repository, upload: Upload
) -> Upload:
    """The upload, with a row if bytes may come that go to a file: a file without a row is nobody's."""
    if upload.is_kept or int(request.headers.get("content-length", SMALL + 1)) <= SMALL:
        return upload
    return await keep(services, repository, upload)


async def keep(services: Services, repository: Repository, upload: Upload) -> Upload:
    """The upload, with a row. Raises TooManyRequests, and UploadUnknown where it went on elsewhere."""
    # Where uploads have other processes too, only the database knows of them all.
    is_alone = not services.claims.is_shared
    has_room = is_alone and services.room.take(upload.began_at, before=services.uploads_since())
    taken = services.room.taken

    def work(connection: Connection) -> Look | None:
        look = None if has_room else make_room(services, connection, upload)
        if not uploads.start(connection, repository, upload):
            raise UploadUnknown
        return look

    services.known_uploads.pop(upload.id, None)
    with services.noted.leaving(upload.id):
        look = await services.database.write(work, durable=False)
    if look is not None:
        services.room.note(look.left, look.oldest, taken=taken)
        await discard(services, look.ended)
    return upload._replace(is_kept=True)


async def move(services: Services, repository: Repository, upload: Upload, spool: Spool) -> Upload:
    """The upload with what arrived, and its next turn."""
    if not upload.is_kept:
        moved = Upload(upload.id, upload.turn + 1, upload.owner, spool.size, spool.data, is_kept=False)
        return moved if _note(services, repository, moved) else await keep(services, repository, moved)
    work = functools.partial(uploads.move, upload=upload, size=spool.size, data=spool.data)
    found = await services.database.write(work, durable=False)
    if found is None:
        raise UploadUnknown
    return found


def _note(services: Services, repository: Repository, upload: Upload) -> bool:
    """Whether the upload's bytes could be noted: they are few, and it has room that is known of."""
    has_room = upload.id in services.noted or services.room.take(
        upload.began_at, before=services.uploads_since()
    )
    return has_room and upload_locations.note(services, repository, upload)
