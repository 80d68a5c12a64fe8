"""Room for one more upload: those whose time is over go, and nobody has more than a share."""

import asyncio
from typing import NamedTuple

from sqlalchemy import Connection

from docker_credential_gcr.emulator.capacity import TooManyRequests
from docker_credential_gcr.emulator.records import uploads
from docker_credential_gcr.emulator.records.uploads import Upload

from .services import Services

# Uploads end any time; there is no telling when.
_RETRY_AFTER_S = 30


class Look(NamedTuple):
    """What a look at all uploads has told.

    `ended` are the IDs of those whose time was over; the new one counted, any account may begin `left`
    more, and the oldest began at `oldest`.
    """

    ended: list[str]
    left: int
    oldest: int


def make_room(services: Services, connection: Connection, upload: Upload) -> Look:
    """End the uploads whose time is over. Raises TooManyRequests if too many are left."""
    limits, noted = services.limits, services.noted
    count, oldest = uploads.survey(connection)
    before = services.uploads_since()
    ended = uploads.end_stale(connection, before=before) if oldest is not None and oldest < before else []
    if ended:
        count, oldest = uploads.survey(connection)
    count += noted.count(before)
    if count >= limits.uploads:
        raise TooManyRequests(f"more than {limits.uploads} uploads are going on", _RETRY_AFTER_S)
    # Counting takes a look at each, so it is done where it can matter.
    share, owner = limits.uploads_per_account, upload.owner
    if count >= share and uploads.count_of(connection, owner) + noted.count(before, owner) >= share:
        message = f"more than {share} uploads of this account are going on"
        raise TooManyRequests(f"{message}: finish or cancel some", _RETRY_AFTER_S)
    left = min(limits.uploads, limits.uploads_per_account) - count - 1
    ended += noted.list_stale(before)
    return Look(ended, left, upload.began_at if oldest is None else min(oldest, upload.began_at))


async def discard(services: Services, ended: list[str]) -> None:
    """Remove the bytes of uploads that were ended."""
    for upload_id in ended:
        services.spools.pop(upload_id, None)
        services.noted.forget(upload_id)
        await asyncio.to_thread(services.files.discard_upload, upload_id)
