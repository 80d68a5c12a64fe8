"""Upload sessions: the Location of the next request, the state between two requests, and the end.

    POST    Location = ID-0-MAC: the signed Location is the whole state; nothing is written
    PATCH   up to 64 KiB in total: a row with the bytes; more: a piece in the blob store, which a row lists
    PUT     the rest as in a PATCH; then one transaction replaces the row by the blob, with the same pieces

Each request with bytes increases `sequence` by one, and the next Location has it: ID-1, and so on. Of two
requests at one Location the database accepts one; for the other the upload is unknown, as it is for another
account, at an earlier Location, and after it has expired. Acknowledged bytes survive SIGKILL. Nothing is
renamed, truncated or locked.
"""

import asyncio
import hmac
import json
import re
import secrets
from collections.abc import AsyncIterator
from hashlib import blake2b
from typing import NamedTuple

from sqlalchemy import Connection

from docker_credential_gcr.emulator.database.images import blobs, doomed, repositories, uploads
from docker_credential_gcr.emulator.database.images.blobs import Blob
from docker_credential_gcr.emulator.database.images.uploads import Upload
from docker_credential_gcr.emulator.oci.digest import split_digest
from docker_credential_gcr.emulator.registry.dependencies import RegistryServices
from docker_credential_gcr.emulator.registry.errors import DigestInvalid, UploadUnknown
from docker_credential_gcr.emulator.registry.repositories import ensure_repository, find_repository
from docker_credential_gcr.emulator.runtime.errors import DatabaseUnavailable, TooManyRequests
from docker_credential_gcr.emulator.runtime.failpoints import reach
from docker_credential_gcr.emulator.sites.hosts import Target
from docker_credential_gcr.emulator.storage.pieces import is_whole, list_keys

from .chunks import discard, find_digest, list_new_keys, receive

_LOCATION = re.compile(r"([0-9a-f]{32})-(?:0-([0-9a-f]{32})|([1-9][0-9]{0,15}))")
# A guess: other uploads may end at any time.
_RETRY_AFTER_S = 30


class Session(NamedTuple):
    """An upload to a repository, as of the last acknowledged request."""

    target: Target
    upload: Upload


def begin(services: RegistryServices, target: Target, owner: str) -> Session:
    """Returns a new upload of the member `owner`; writes nothing."""
    upload_id = uploads.format_id(secrets.token_hex(11), services.clock.now())
    return Session(target, Upload(upload_id, owner))


def format_location(services: RegistryServices, session: Session) -> str:
    """Returns the last segment of the URL of the next request."""
    upload = session.upload
    if upload.sequence:
        return f"{upload.id}-{upload.sequence}"
    return f"{upload.id}-0-{sign(services.upload_key, session.target, upload)}"


async def find(services: RegistryServices, target: Target, location: str, owner: str) -> Session:
    """Returns the upload at a Location of the member `owner`. Raises UploadUnknown.

    Does not read the database for an upload without a row: `check`, or the transaction that creates its row,
    refuses one that was cancelled or has a row by now.
    """
    match = _LOCATION.fullmatch(location)
    if match is None:
        raise UploadUnknown
    upload_id, mac, sequence = match.groups()
    upload = Upload(upload_id, owner, int(sequence or 0))
    is_signed = mac is None or hmac.compare_digest(mac, sign(services.upload_key, target, upload))
    if not is_signed or upload.started_at < _find_oldest(services):
        raise UploadUnknown
    if upload.sequence == 0:
        return Session(target, upload)
    names = {"bucket_name": target.bucket, "repository_name": target.path}
    found = await services.database.read(lambda connection: uploads.find(connection, upload, **names))
    if found is None:
        raise UploadUnknown
    return Session(target, found)


async def check(services: RegistryServices, session: Session) -> None:
    """Raises UploadUnknown if an upload without a row has one by now, or was cancelled."""
    upload = session.upload
    if upload.sequence:
        return
    if not await services.database.read(lambda connection: uploads.can_begin(connection, upload)):
        raise UploadUnknown


def sign(key: bytes, target: Target, upload: Upload) -> str:
    """Returns the MAC of an upload that has no row."""
    # JSON, so that no two different lists of fields have the same text.
    fields = json.dumps((upload.id, target.bucket, target.path, upload.owner))
    return blake2b(fields.encode(), key=key, digest_size=16).hexdigest()


async def append(services: RegistryServices, session: Session, chunks: AsyncIterator[bytes]) -> Session:
    """Appends the bytes of a request; returns the new state.

    Raises UploadUnknown, TooManyRequests, BodyTooLarge, BodyIncomplete, OSError.
    """
    upload = session.upload

    def check_start(connection: Connection) -> None:
        if upload.sequence == 0:
            _check_limits(services, connection, upload)
            if not uploads.can_begin(connection, upload):
                raise UploadUnknown

    moved = await receive(services, upload, chunks, check=check_start)
    new = [] if moved.pieces is None else list_new_keys(upload, moved)
    reach("upload-written")

    def work(connection: Connection) -> None:
        is_saved = _save(services, connection, session, moved)
        if not is_saved or (new and not doomed.name(connection, new)):
            raise UploadUnknown

    try:
        # An addition: of two requests at one Location `sequence` accepts one, in any order. Only `write`,
        # which runs alone, deletes the repository or condemns the key.
        await services.database.add(work, durable=False)
    except DatabaseUnavailable:
        raise  # to discard asks the database, too, for as long again: the sweeper deletes the piece
    except BaseException:
        await discard(services, new)
        raise
    reach("upload-moved")
    return session._replace(upload=moved)


async def finish(
    services: RegistryServices, session: Session, chunks: AsyncIterator[bytes], digest: str
) -> None:
    """Appends the last bytes, and publishes the blob if its digest is right.

    Raises as `append`, and DigestInvalid, which also ends the upload.
    """
    whole = await receive(services, session.upload, chunks)
    try:
        actual = await find_digest(services, whole, split_digest(digest)[0])
        if actual != digest:
            await cancel(services, session)
            raise DigestInvalid(digest, actual)
        damaged = await _find_damaged(services, session, whole, digest)
        # An addition, as in `append`: of two uploads of one blob the second finds the row of the first.
        unused = await services.database.add(
            lambda connection: _make_blob(services, connection, session, whole, digest, damaged)
        )
    except DatabaseUnavailable:
        raise  # as above
    except BaseException:
        await discard(services, list_new_keys(session.upload, whole))
        raise
    reach("blob-committed")
    await discard(services, unused)


async def cancel(services: RegistryServices, session: Session) -> None:
    """Deletes the upload and its bytes. Raises UploadUnknown."""
    upload = session.upload

    def work(connection: Connection) -> None:
        if not uploads.end(connection, upload):
            raise UploadUnknown
        if upload.sequence == 0:
            # Without this the signed Location could be used again.
            due_at = services.clock.now() + services.limits.upload_lifetime_s
            doomed.enter(connection, upload.id, due_at=due_at)

    await services.database.write(work)
    await discard(services, list_keys(upload.pieces))


def _find_oldest(services: RegistryServices) -> float:
    """Returns the earliest start of an upload that has not expired."""
    return services.clock.now() - services.limits.upload_lifetime_s


def _check_limits(services: RegistryServices, connection: Connection, upload: Upload) -> None:
    """Raises TooManyRequests if the account, or the server, has too many uploads for one more.

    Uploads that start at the same moment on a shared database do not count each other.
    """
    limits, since = services.limits, _find_oldest(services)
    count = uploads.count(connection, since=since, most=limits.uploads)
    if count >= limits.uploads:
        raise TooManyRequests(f"more than {limits.uploads} uploads are in progress", _RETRY_AFTER_S)
    share, owner = limits.uploads_per_account, upload.owner
    if count >= share and uploads.count(connection, since=since, most=share, owner=owner) >= share:
        message = f"more than {share} uploads of this account are in progress"
        raise TooManyRequests(f"{message}: finish or cancel some", _RETRY_AFTER_S)


def _save(services: RegistryServices, connection: Connection, session: Session, moved: Upload) -> bool:
    """Saves the new state in the upload's row; returns False for an unknown upload."""
    target, upload = session
    if upload.sequence:
        return uploads.move(connection, moved)
    _check_limits(services, connection, upload)
    names = {"bucket_name": target.bucket, "repository_name": target.path}
    if uploads.start(connection, moved, **names):
        return True
    if repositories.find(connection, target.bucket, target.path) is not None:
        return False
    ensure_repository(services, connection, target)
    return uploads.start(connection, moved, **names)


def _make_blob(
    services: RegistryServices,
    connection: Connection,
    session: Session,
    whole: Upload,
    digest: str,
    damaged: str | None,
) -> list[str]:
    """Replaces the upload by the blob; returns the keys of pieces that the blob does not need."""
    target, upload = session
    if not uploads.end(connection, upload):
        raise UploadUnknown
    repository = ensure_repository(services, connection, target)
    blob = Blob(digest, whole.size, whole.data, pieces=whole.pieces)
    is_new = blobs.add(connection, repository, blob, now=services.clock.now())
    if is_new or whole.pieces is None:
        unused = []
    else:
        old = blobs.find_pieces(connection, repository, digest)
        if _is_kept(services, old, damaged):
            return list_keys(whole.pieces)
        # The old pieces of the blob are damaged: the new ones replace them.
        if not blobs.replace_pieces(connection, repository, digest, old=old, new=whole.pieces):
            return list_keys(whole.pieces)  # another upload has replaced them meanwhile
        unused = list_keys(old)
        for key in unused:
            doomed.enter(connection, key, due_at=1)
    if not doomed.name(connection, list_keys(whole.pieces)):
        raise UploadUnknown
    return unused


async def _find_damaged(
    services: RegistryServices, session: Session, whole: Upload, digest: str
) -> str | None:
    """Returns the pieces of the blob that is there already, if one is missing in an object store.

    No transaction waits for an object store. Files are checked in the transaction, by `_is_kept`.
    """
    keys = list_keys(whole.pieces)
    if not keys or services.store.path(keys[0]) is not None:
        return None

    def find(connection: Connection) -> str | None:
        repository = find_repository(connection, session.target)
        return None if repository is None else blobs.find_pieces(connection, repository, digest)

    old = await services.database.read(find)
    return None if await asyncio.to_thread(is_whole, services.store, old) else old


def _is_kept(services: RegistryServices, old: str | None, damaged: str | None) -> bool:
    """Returns whether a blob keeps its old pieces; `damaged` are those that `_find_damaged` has found."""
    keys = list_keys(old)
    if keys and services.store.path(keys[0]) is None:
        return old != damaged
    return is_whole(services.store, old)
