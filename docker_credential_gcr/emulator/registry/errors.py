"""Registry errors, and one table of their HTTP status and code.

The body is the specification's, `{"errors":[{"code":…,"message":…}]}`, with Google's codes and texts where
Container Registry has its own.
https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#error-codes
"""

import json
from collections.abc import Mapping
from functools import lru_cache

from docker_credential_gcr.emulator.database.engine.errors import translate_error
from docker_credential_gcr.emulator.identity.google_services import CONTAINER_REGISTRY, SERVICES
from docker_credential_gcr.emulator.oci.errors import (
    InvalidDigest,
    InvalidManifest,
    InvalidName,
    InvalidReference,
    InvalidScope,
)
from docker_credential_gcr.emulator.request_context import note_reason
from docker_credential_gcr.emulator.runtime.errors import StorageFull, TooManyRequests, Unavailable

from .http import BodyIncomplete, BodyTooLarge, QueryTooLong, Response

NEEDED_PERMISSIONS = (
    "You don't have the needed permissions to perform this operation, and you may have invalid "
    "credentials. To authenticate your request, follow the steps in: "
    "https://cloud.google.com/container-registry/docs/advanced-authentication"
)

_CREATE_ON_PUSH = "Creating on push requires the artifactregistry.repositories.createOnPush permission"
_SHUT_DOWN = (
    "Container Registry is deprecated and shutting down, please use the auto migration tool to migrate to "
    "Artifact Registry (gcloud artifacts docker upgrade migrate --projects='{}'). For more details see: "
    "https://cloud.google.com/artifact-registry/docs/transition/auto-migrate-gcr-ar"
)

_CACHED_LENGTH = 1024  # longer messages may quote a client's input


class RegistryError(Exception):
    """A refused request; the message is for the client's user."""

    headers: Mapping[str, str] = {}


class Unauthorized(RegistryError):
    """No credential, or an invalid one; `challenge` says where to get a token."""

    def __init__(self, challenge: str | None, message: str = "Unauthorized access.") -> None:
        super().__init__(message)
        if challenge is not None:
            self.headers = {"WWW-Authenticate": challenge}


class Denied(RegistryError):
    """A valid credential without the permission."""

    def __init__(self, message: str = "Access denied.") -> None:
        super().__init__(message)


class InvalidRepository(Denied):
    """An invalid repository name in the first request of a push.

    The code is DENIED, because after NAME_INVALID docker repeats a push for 50 seconds.
    https://github.com/moby/moby/blob/v28.2.2/distribution/errors.go (retryOnError)
    """

    def __init__(self, error: Exception, example: str) -> None:
        super().__init__(f"{error}, such as {example}")


class TokenExchangeFailed(Denied):
    """A valid credential without a permission that a push needs."""

    def __init__(self, project_id: str, permission: str, *, is_of_member: bool = False) -> None:
        super().__init__(
            f"Token exchange failed for project '{project_id}'. Caller does not have permission "
            f"'{permission}'. To configure permissions, follow instructions at: "
            "https://cloud.google.com/container-registry/docs/access-control"
        )
        self.project_id = project_id
        # The caller is a service account of the project, so the project exists.
        self.is_of_member = is_of_member


class ArtifactDenied(Denied):
    """A missing permission on a repository of Artifact Registry; `member` is None without a credential."""

    def __init__(self, member: str | None, permission: str, repository: str) -> None:
        place = f'resource "{repository}" (or it may not exist)'
        super().__init__(
            f'Permission "{permission}" denied on {place}'
            if member is not None
            else "Unauthenticated request. Unauthenticated requests do not have permission "
            f'"{permission}" on {place}'
        )


class CreateOnPushDenied(Denied):
    """The first push to a redirected host, by who may push but not create its repository."""

    def __init__(self, host: str) -> None:
        super().__init__(f"{host} repo does not exist. {_CREATE_ON_PUSH}")


# Messages for a disabled API; {0} is the project.
_TOKEN_EXCHANGE = (
    "Token exchange failed for project '{0}'. Please enable or contact project owners to enable the Google "
    "Container Registry API in Cloud Console at https://console.cloud.google.com/apis/api/"
    "containerregistry.googleapis.com/overview?project={0} before performing this operation."
)
_NOT_USED = (
    "{1} has not been used in project {0} before or it is disabled. Enable it by visiting "
    "https://console.developers.google.com/apis/api/{2}/overview?project={0} then retry. If you enabled this "
    "API recently, wait a few minutes for the action to propagate to our systems and retry."
)


class ServiceDisabled(Denied):
    """The registry's API, or one that it needs, is disabled in the project."""

    def __init__(self, project_id: str, service: str) -> None:
        text = _TOKEN_EXCHANGE if service == CONTAINER_REGISTRY else _NOT_USED
        super().__init__(text.format(project_id, SERVICES[service], service))


class LinkInvalid(Denied):
    """A link to a blob with a wrong signature, or an expired one."""

    def __init__(self) -> None:
        super().__init__("invalid or expired link to a blob: request the blob from the registry again")


class TagImmutable(RegistryError):
    """The repository's tags are immutable."""

    def __init__(self, tag: str, verb: str) -> None:
        super().__init__(f"cannot {verb} tag {tag}. The repository has enabled tag immutability")


class BlobUnknown(RegistryError):
    """The repository has no such blob."""

    def __init__(self, digest: str) -> None:
        super().__init__(f"blob unknown to this repository: {digest}")


class UploadUnknown(RegistryError):
    """No such upload: it has ended, or another request has moved it to a new Location."""

    def __init__(self) -> None:
        super().__init__("unknown upload: use the Location of the last response, or start a new upload")


class UploadInvalid(RegistryError):
    """A chunk that does not match its headers."""


class RangeInvalid(RegistryError):
    """A chunk that does not begin at the end of the upload, or a range outside of the blob."""


class DigestInvalid(RegistryError):
    """The bytes have another digest."""

    def __init__(self, expected: str, actual: str) -> None:
        super().__init__(f"digest {expected} was announced, the bytes are {actual}")


class ManifestUnknown(RegistryError):
    """The repository has no such manifest, or the client accepts other types only."""


class ManifestBlobUnknown(RegistryError):
    """A manifest refers to something that its repository lacks."""


class Dangling(RegistryError):
    """A manifest that is in use cannot be deleted; `blocked_by` is a tag or digest that must go first."""

    def __init__(self, message: str, blocked_by: str) -> None:
        super().__init__(message)
        self.blocked_by = blocked_by


class DanglingTag(Dangling):
    """A manifest that a tag names cannot be deleted."""


class DanglingParent(Dangling):
    """A manifest that an index names cannot be deleted."""


class DanglingSubject(Dangling):
    """A manifest that has referrers cannot be deleted."""


class NameUnknown(RegistryError):
    """No such repository."""


class ProjectUnknown(NameUnknown):
    """No such project, or a deleted one."""

    def __init__(self, project_id: str, *, is_deleted: bool = False) -> None:
        super().__init__(f"Project 'project:{project_id}' not found or deleted.")
        self.project_id = project_id
        self.is_deleted = is_deleted


class RepositoryUnknown(NameUnknown):
    """No such repository of Artifact Registry."""

    def __init__(self, project_id: str, location: str, repository_id: str) -> None:
        super().__init__(f'Repository "{repository_id}" not found')
        self.project_id = project_id
        self.location = location
        self.repository_id = repository_id


class ContainerRegistryShutDown(RegistryError):
    """A project that never left Container Registry; not JSON, so that docker shows the text."""

    def __init__(self, project_id: str) -> None:
        super().__init__(_SHUT_DOWN.format(project_id))


class Unsupported(RegistryError):
    """This registry has no such resource or method."""


class PageSizeInvalid(RegistryError):
    """A parameter of a page is not a number of entries, or not what the last page gave."""


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
    Unsupported: (404, "UNSUPPORTED"),
    PageSizeInvalid: (400, "PAGINATION_NUMBER_INVALID"),
    InvalidDigest: (400, "DIGEST_INVALID"),
    InvalidManifest: (400, "MANIFEST_INVALID"),
    InvalidName: (400, "NAME_INVALID"),
    InvalidReference: (404, "MANIFEST_UNKNOWN"),
    InvalidScope: (400, "UNSUPPORTED"),
    TooManyRequests: (429, "TOOMANYREQUESTS"),
    # 507, not 500 or 503 as elsewhere: of a 5xx Docker, Podman and Skopeo show the status line only, so the
    # status has to say what is wrong. https://github.com/goharbor/harbor/issues/14616
    StorageFull: (507, "UNAVAILABLE"),  # Docker's code; the specification has none
    Unavailable: (503, "UNAVAILABLE"),
}
# Errors without a message; no code is for 413.
_TEXTS: dict[type[Exception], tuple[int, str, str]] = {
    BodyTooLarge: (413, "SIZE_INVALID", "the body is larger than this registry takes"),
    BodyIncomplete: (400, "SIZE_INVALID", "the body did not arrive whole"),
    QueryTooLong: (414, "UNSUPPORTED", "the query has too many parameters"),
}


def format_error(status: int, code: str, message: str, headers: Mapping[str, str] | None = None) -> Response:
    """Returns the response for one error, and records its message for the log."""
    note_reason(message)
    form = _format_body if len(message) <= _CACHED_LENGTH else _format_body.__wrapped__
    return Response(status, {"Content-Type": "application/json", **(headers or {})}, form(code, message))


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
            return format_error(*_TABLE[kind], f"{error}{advice}", getattr(error, "headers", None))
    return None
