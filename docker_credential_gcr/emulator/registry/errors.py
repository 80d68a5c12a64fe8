"""Registry errors, with Google's texts where it has its own; error_responses.py has their status and code."""

from collections.abc import Mapping

from docker_credential_gcr.emulator.identity.google_services import CONTAINER_REGISTRY, SERVICES

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


class RegistryError(Exception):
    """A refused request; the message is for the client's user, `body_end` follows the JSON."""

    headers: Mapping[str, str] = {}
    body_end = b""


class Unauthorized(RegistryError):
    """No credential, or an invalid one; `challenge` says where to get a token."""

    def __init__(self, challenge: str | None, message: str = "Unauthorized access.") -> None:
        super().__init__(message)
        if challenge is not None:
            self.headers = {"WWW-Authenticate": challenge}


class ArtifactUnauthorized(Unauthorized):
    """The same, as Artifact Registry answers it."""

    body_end = b"\n"

    def __init__(self, challenge: str | None, message: str) -> None:
        super().__init__(challenge, message)
        self.headers = {**self.headers, "X-Content-Type-Options": "nosniff"}


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


class ImageMissing(RegistryError):
    """A name in Artifact Registry without an image."""

    body_end = b"\n"


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


class RepositoryReadOnly(RegistryError):
    """A push to a virtual repository, or a deletion in one."""

    def __init__(self, repository_id: str) -> None:
        super().__init__(
            f'Repository "{repository_id}" is a virtual repository, which is read-only: '
            "push to one of its upstream repositories"
        )


class Unsupported(RegistryError):
    """This registry has no such resource or method."""


class MethodNotAllowed(RegistryError):
    """Another method of this resource is the one to use."""

    def __init__(self, method: str, path: str, *, allowed: str) -> None:
        super().__init__(f"{method} {path} is not allowed: use {allowed.partition(',')[0]}")
        self.headers = {"Allow": allowed}


class PageSizeInvalid(RegistryError):
    """A parameter of a page is not a number of entries, or not what the last page gave."""
