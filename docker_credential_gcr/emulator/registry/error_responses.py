"""Error responses: one table of the HTTP status and code of each error.

The body is the specification's, `{"errors":[{"code":…,"message":…}]}`, with Google's codes where a registry
of Google has its own.
https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#error-codes
"""

import json
from collections.abc import Mapping
from functools import lru_cache

from docker_credential_gcr.emulator.database.engine.errors import translate_error
from docker_credential_gcr.emulator.oci.errors import (
    InvalidDigest,
    InvalidManifest,
    InvalidName,
    InvalidReference,
    InvalidScope,
)
from docker_credential_gcr.emulator.request_context import note_reason
from docker_credential_gcr.emulator.runtime.errors import StorageFull, TooManyRequests, Unavailable

from .errors import (
    BlobUnknown,
    ContainerRegistryShutDown,
    DanglingParent,
    DanglingSubject,
    DanglingTag,
    Denied,
    DigestInvalid,
    ImageMissing,
    ManifestBlobUnknown,
    ManifestUnknown,
    MethodNotAllowed,
    NameUnknown,
    PageSizeInvalid,
    RangeInvalid,
    RepositoryReadOnly,
    TagImmutable,
    Unauthorized,
    Unsupported,
    UploadInvalid,
    UploadUnknown,
)
from .http import BodyIncomplete, BodyTooLarge, QueryTooLong, Response

# Longer messages are not cached: they may quote a client's input.
_CACHED_LENGTH = 1024

# class -> (status, code)
_TABLE: dict[type[Exception], tuple[int, str]] = {
    Unauthorized: (401, "UNAUTHORIZED"),
    Denied: (403, "DENIED"),
    BlobUnknown: (404, "BLOB_UNKNOWN"),
    UploadUnknown: (404, "BLOB_UPLOAD_UNKNOWN"),
    UploadInvalid: (400, "BLOB_UPLOAD_INVALID"),
    RangeInvalid: (416, "BLOB_UPLOAD_INVALID"),
    DigestInvalid: (400, "DIGEST_INVALID"),
    ManifestUnknown: (404, "MANIFEST_UNKNOWN"),
    ManifestBlobUnknown: (400, "MANIFEST_BLOB_UNKNOWN"),
    TagImmutable: (400, "MANIFEST_INVALID"),
    DanglingTag: (400, "GOOGLE_MANIFEST_DANGLING_TAG"),
    DanglingParent: (400, "GOOGLE_MANIFEST_DANGLING_PARENT_IMAGE"),
    DanglingSubject: (400, "GOOGLE_MANIFEST_REFERRING_MANIFEST"),
    NameUnknown: (404, "NAME_UNKNOWN"),
    RepositoryReadOnly: (400, "UNSUPPORTED"),
    Unsupported: (404, "UNSUPPORTED"),
    MethodNotAllowed: (405, "UNSUPPORTED"),
    PageSizeInvalid: (400, "PAGINATION_NUMBER_INVALID"),
    InvalidDigest: (400, "DIGEST_INVALID"),
    InvalidManifest: (400, "MANIFEST_INVALID"),
    InvalidName: (400, "NAME_INVALID"),
    ImageMissing: (400, "NAME_INVALID"),
    InvalidReference: (404, "MANIFEST_UNKNOWN"),
    InvalidScope: (400, "UNSUPPORTED"),
    TooManyRequests: (429, "TOOMANYREQUESTS"),
    # 507, not 500 or 503 as elsewhere: of a 5xx Docker, Podman and Skopeo show the status line only, so the
    # status has to say what is wrong: "507 Insufficient Storage".
    # https://github.com/goharbor/harbor/issues/14616
    # UNAVAILABLE is Docker's code; the specification has none.
    StorageFull: (507, "UNAVAILABLE"),
    Unavailable: (503, "UNAVAILABLE"),
}
# Errors without a message. The specification has no code for 413.
_TEXTS: dict[type[Exception], tuple[int, str, str]] = {
    BodyTooLarge: (413, "SIZE_INVALID", "the body is larger than this registry takes"),
    BodyIncomplete: (400, "SIZE_INVALID", "the body did not arrive whole"),
    QueryTooLong: (414, "UNSUPPORTED", "the query has too many parameters"),
}


def format_error(
    status: int, code: str, message: str, headers: Mapping[str, str] | None = None, *, end: bytes = b""
) -> Response:
    """Returns the response for one error, and records its message for the log."""
    note_reason(message)
    form = _format_body if len(message) <= _CACHED_LENGTH else _format_body.__wrapped__
    return Response(
        status, {"Content-Type": "application/json", **(headers or {})}, form(code, message) + end
    )


# Cached, because a few messages are frequent: each client's first request gets one.
@lru_cache(256)
def _format_body(code: str, message: str) -> bytes:
    return json.dumps({"errors": [{"code": code, "message": message}]}, separators=(",", ":")).encode()


def find_response(error: Exception, advice: str = "") -> Response | None:
    """Returns the response for an error, with the advice after its message; None for an unexpected error."""
    error = translate_error(error)
    if isinstance(error, ContainerRegistryShutDown):
        note_reason(str(error))
        return Response(412, {"Content-Type": "text/plain; charset=utf-8"}, str(error).encode())
    if type(error) in _TEXTS:
        return format_error(*_TEXTS[type(error)])
    for kind in type(error).__mro__:
        if kind in _TABLE:
            headers, end = getattr(error, "headers", None), getattr(error, "body_end", b"")
            return format_error(*_TABLE[kind], f"{error}{advice}", headers, end=end)
    return None
