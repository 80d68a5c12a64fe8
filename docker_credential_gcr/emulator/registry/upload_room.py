"""Room for one more upload: those whose time is over go, and nobody has more than a share."""

import asyncio

from sqlalchemy import Connection

from docker_credential_gcr.emulator.capacity import TooManyRequests
from docker_credential_gcr.emulator.records import uploads

from .services import Services

# Uploads end any time; there is no telling when.
_RETRY_AFTER_S = 30


def make_room(services: Services, connection: Connection, owner: str) -> list[str]:
    """End the uploads whose time is over; their IDs. Raises TooManyRequests if too many are left."""
    limits = services.limits
    count, oldest = uploads.survey(connection)
    before = services.clock.now() - limits.upload_lifetime_s
    ended = uploads.end_stale(connection, before=before) if oldest is not None and oldest < before else []
    count -= len(ended)
    if count >= limits.uploads:
        raise TooManyRequests(f"more than {limits.uploads} uploads are going on", _RETRY_AFTER_S)
    # Counting takes a look at each, so it is done where it can matter.
    if (
        count >= limits.uploads_per_account
        and uploads.count_of(connection, owner) >= limits.uploads_per_account
    ):
        message = f"more than {limits.uploads_per_account} uploads of this account are going on"
        raise TooManyRequests(f"{message}: finish or cancel some", _RETRY_AFTER_S)
    return ended


async def discard(services: Services, ended: list[str]) -> None:
    """Remove the bytes of uploads that were ended."""
    for upload_id in ended:
        services.spools.pop(upload_id, None)
        await asyncio.to_thread(services.files.discard_upload, upload_id)
