"""Where an upload goes on: the last segment of its Location, of which each is good for one request.

    ID-TURN     an upload that has bytes: its row says whose turn it is, or what was noted of it
    ID-0-MAC    one that was begun and has nothing yet: its name says all of it, signed, so that no row
                is written for what most uploads leave at once. ID ends with the second it began in.

The second kind could be taken again once its upload has ended, so a process remembers for a while what
it ended, and where there are others every upload has a row; after a restart its owner may begin once
more under the same name.
"""

import hmac
import json
import secrets
from hashlib import blake2b

from docker_credential_gcr.emulator.hosts import Target
from docker_credential_gcr.emulator.records import uploads
from docker_credential_gcr.emulator.records.repositories import Repository
from docker_credential_gcr.emulator.records.uploads import Upload, format_id

from .errors import UploadUnknown
from .known_upload import KnownUpload
from .services import Services, keep_last

_REMEMBERED = 1024
# In twelve seconds of nothing but small pushes so many end.
_REMEMBERED_ENDS = 16_384


def begin(services: Services, owner: str) -> Upload:
    """A new upload of the member's, of which nothing is kept yet."""
    return Upload(format_id(secrets.token_hex(12), services.clock.now()), 0, owner, 0, b"", is_kept=False)


def format_location(services: Services, target: Target, upload: Upload) -> str:
    """The last segment of the one URL at which the upload goes on."""
    location = _format_turn(upload)
    return location if upload.is_kept or upload.turn else f"{location}-{_sign(services, target, upload)}"


def note(services: Services, repository: Repository, upload: Upload) -> bool:
    """Have the upload go on without a row; False where it needs one."""
    return services.noted.note(_format_turn(upload), repository, upload)


def remember(services: Services, location: str, repository: Repository, upload: Upload) -> None:
    """Know what goes on at the location without asking the database, where no other process changes it."""
    if not services.claims.is_shared and upload.id not in services.noted:
        keep_last(services.known_uploads, upload.id, KnownUpload(location, repository, upload), _REMEMBERED)


def look_up(services: Services, target: Target, location: str, owner: str) -> tuple[Repository, Upload]:
    """The member's upload that goes on at `location`. Raises UploadUnknown.

    Another's upload is none at all: its bytes are not to be read, changed or ended.
    """
    upload_id, _, rest = location.partition("-")
    turn, _, mac = rest.partition("-")
    since = services.uploads_since()
    known = services.noted.find(upload_id) or services.known_uploads.get(upload_id)
    if known is not None and known.location == location and known.is_for(target, owner, since):
        return known.repository, known.upload
    if upload_id in services.noted:
        raise UploadUnknown
    if mac and turn == "0":
        return _look_up_begun(
            services, target, Upload(upload_id, 0, owner, 0, b"", is_kept=False), mac, since
        )
    with services.database.read() as connection:
        found = uploads.find(
            connection,
            upload_id,
            turn,
            bucket_name=target.bucket,
            repository_name=target.path,
            since=since,
        )
    if found is None or found[1].owner != owner:
        raise UploadUnknown
    return found


def forget(services: Services, upload: Upload) -> None:
    """Remember that it has ended."""
    services.known_uploads.pop(upload.id, None)
    services.noted.forget(upload.id)
    keep_last(services.ended_uploads, upload.id, None, _REMEMBERED_ENDS)


def _look_up_begun(
    services: Services, target: Target, upload: Upload, mac: str, since: float
) -> tuple[Repository, Upload]:
    if not hmac.compare_digest(mac.encode(), _sign(services, target, upload).encode()):
        raise UploadUnknown
    if upload.began_at < since or upload.id in services.ended_uploads:
        raise UploadUnknown
    with services.database.read() as connection:
        found = uploads.find_begun(connection, upload, bucket_name=target.bucket, repository_name=target.path)
    if found is None:
        raise UploadUnknown
    return found


def _format_turn(upload: Upload) -> str:
    return f"{upload.id}-{upload.turn}"


def _sign(services: Services, target: Target, upload: Upload) -> str:
    # As JSON, in which no field can look like two.
    said = json.dumps((upload.id, target.bucket, target.path, upload.owner))
    return blake2b(said.encode(), key=services.upload_key, digest_size=16).hexdigest()
