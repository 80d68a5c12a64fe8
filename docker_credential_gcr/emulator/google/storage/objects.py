"""Objects of Cloud Storage (storage.googleapis.com): a registry's blobs, containers/images/sha256:<hex>.

https://cloud.google.com/storage/docs/json_api/v1/objects
"""

import base64
from collections.abc import AsyncGenerator
from typing import Any
from urllib.parse import quote

from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from docker_credential_gcr.emulator.database.images import storage_objects
from docker_credential_gcr.emulator.database.images.blob_hashes import Hashes
from docker_credential_gcr.emulator.database.images.storage_objects import StoredObject
from docker_credential_gcr.emulator.database.projects.storage_buckets import StorageBucket
from docker_credential_gcr.emulator.google.rest.calls import Call, get_caller_or_anonymous
from docker_credential_gcr.emulator.google.rest.errors import InvalidArgument, NotFound
from docker_credential_gcr.emulator.google.rest.methods import Result, method, writes
from docker_credential_gcr.emulator.google.rest.pagination import parse_page
from docker_credential_gcr.emulator.identity.resource import IMAGES
from docker_credential_gcr.emulator.oci.ranges import Span, UnsatisfiableRange, find_span
from docker_credential_gcr.emulator.runtime.blocks import send_blocks
from docker_credential_gcr.emulator.runtime.timestamps import format_instant
from docker_credential_gcr.emulator.storage.pieces import open_pieces, parse_pieces

from .authorization import check_generation, get_bucket, refuse_parameters
from .object_hashes import MAX_LISTED, find_hashes, format_hashes, format_header

_TYPE = "application/octet-stream"


@method(body=None, identify=get_caller_or_anonymous)
async def list_objects(call: Call) -> Result:
    """Returns the objects of a bucket, in the order of their names; takes ?prefix= and ?delimiter=/."""
    page = parse_page(call.query, default=1000, size_name="maxResults")
    prefix, delimiter = call.query.get("prefix", ""), call.query.get("delimiter", "")
    refuse_parameters(call.query, "startOffset", "endOffset", "matchGlob", "softDeleted")
    if delimiter not in ("", "/"):
        raise InvalidArgument("gcr-emulator has the delimiter / only.")
    wanted = _find_digest_prefix(prefix)

    def work(connection: Connection) -> tuple[StorageBucket, list[StoredObject]]:
        bucket = get_bucket(connection, call, "storage.objects.list", prefix)
        if wanted is None:
            return bucket, []
        return bucket, storage_objects.list_page(
            connection, bucket.id, prefix=wanted, last=page.last, count=page.count
        )

    bucket, found = await call.services.database.read(work)
    # All objects are in one folder: each of its parents holds one folder.
    if found and delimiter and len(prefix) < len(IMAGES):
        folder = prefix + IMAGES[len(prefix) :].partition("/")[0] + "/"
        return {"kind": "storage#objects", "prefixes": [folder]}
    hashes = await find_hashes(call.services, bucket, found[: page.size], limit=MAX_LISTED)
    listed = page.format(
        "items",
        found,
        lambda item: _format(call.request, bucket, item, hashes.get(item.digest)),
        lambda item: item.digest,
    )
    return {"kind": "storage#objects", **listed}


@method(body=None, identify=get_caller_or_anonymous)
async def show_object(call: Call) -> Result:
    """Returns an object's metadata; with ?alt=media its bytes."""
    if call.query.get("alt") == "media":
        return await _download(call)
    read = call.services.database.read
    bucket, found = await read(lambda connection: _get(connection, call, "storage.objects.get"))
    hashes = await find_hashes(call.services, bucket, [found])
    return _format(call.request, bucket, found, hashes.get(found.digest))


@method(body=None, identify=get_caller_or_anonymous)
async def download_object(call: Call) -> Result:
    """Returns the bytes of an object, all or a range."""
    return await _download(call)


async def _download(call: Call) -> Response:
    def work(connection: Connection) -> tuple[StorageBucket, StoredObject, bytes | None, str | None]:
        bucket, found = _get(connection, call, "storage.objects.get")
        return bucket, found, *storage_objects.find_content(connection, bucket.id, found.digest)

    bucket, found, data, pieces = await call.services.database.read(work)
    hashes = await find_hashes(call.services, bucket, [found])
    headers = {
        **format_header(hashes.get(found.digest)),
        "Cache-Control": "public, max-age=3600",
        "X-Goog-Generation": _generation(found),
        "X-Goog-Metageneration": "1",
        "X-Goog-Storage-Class": "STANDARD",
        "X-Goog-Stored-Content-Encoding": "identity",
        "X-Goog-Stored-Content-Length": str(found.size),
    }
    try:
        span = find_span(call.request.headers.get("range"), found.size)
    except UnsatisfiableRange:
        return Response(b"", 416, {"Content-Range": f"bytes */{found.size}"})
    status, wanted = (200, Span(0, found.size)) if span is None else (206, span)
    if span is None:
        headers["Accept-Ranges"] = "bytes"
    else:
        headers["Content-Range"] = f"bytes {span.start}-{span.stop - 1}/{found.size}"
    if data is None:
        blocks = await open_pieces(call.services.store, parse_pieces(pieces), wanted)
        return _StoredResponse(blocks, status, {**headers, "Content-Length": str(wanted.size)})
    return Response(data[wanted.start : wanted.stop], status, headers, _TYPE)


class _StoredResponse(Response):
    """Response that streams blocks of a blob."""

    def __init__(self, blocks: AsyncGenerator[bytes, None], status: int, headers: dict[str, str]) -> None:
        super().__init__(None, status, headers, _TYPE)
        self._blocks = blocks

    async def __call__(self, _scope: Scope, receive: Receive, send: Send) -> None:
        """Sends the response."""
        start = {"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers}
        await send_blocks(start, self._blocks, receive, send)


@writes(body=None)
def delete_object(connection: Connection, call: Call) -> Result:
    """Deletes an object; images that need it break, as in the real registry."""
    bucket, found = _get(connection, call, "storage.objects.delete")
    storage_objects.remove(connection, bucket.id, found.digest)
    return None


def _get(connection: Connection, call: Call, permission: str) -> tuple[StorageBucket, StoredObject]:
    bucket_name, name = call.path["bucket"], call.path["object"]
    bucket = get_bucket(connection, call, permission, name)
    found = None
    if name.startswith(IMAGES):
        found = storage_objects.find(connection, bucket.id, name.removeprefix(IMAGES))
    if found is None:
        raise NotFound(f"No such object: {bucket_name}/{name}")
    check_generation(call.query, _generation(found), f"{bucket_name}/{name}")
    return bucket, found


def _find_digest_prefix(prefix: str) -> str | None:
    """Returns the digest prefix in a prefix of objects' names; None if no object can match."""
    if IMAGES.startswith(prefix):
        return ""
    return prefix.removeprefix(IMAGES) if prefix.startswith(IMAGES) else None


def _generation(found: StoredObject) -> str:
    """Returns the object's only generation, in microseconds since the epoch, as Google's."""
    return str(found.created_at * 10**6)


def _format(
    request: Request, bucket: StorageBucket, found: StoredObject, hashes: Hashes | None
) -> dict[str, Any]:
    name, instant = f"{IMAGES}{found.digest}", format_instant(found.created_at, ".000")
    path = f"storage/v1/b/{bucket.name}/o/{quote(name, safe='')}"
    # Clients download from mediaLink: it must lead to the host and scheme that they used.
    root = f"{request.scope['scheme']}://{request.headers['host']}"
    return {
        "kind": "storage#object",
        "id": f"{bucket.name}/{name}/{_generation(found)}",
        "selfLink": f"{root}/{path}",
        "mediaLink": f"{root}/download/{path}?alt=media",
        "name": name,
        "bucket": bucket.name,
        "generation": _generation(found),
        "metageneration": "1",
        "contentType": _TYPE,
        "storageClass": "STANDARD",
        "size": str(found.size),
        **format_hashes(hashes),
        "etag": base64.b64encode(found.digest.encode()).decode(),
        "timeCreated": instant,
        "updated": instant,
        "timeStorageClassUpdated": instant,
    }
