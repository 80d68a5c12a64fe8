"""Registry authorization: credential, token scope and IAM, checked for each request."""

from collections.abc import Callable, Sequence
from functools import partial

from sqlalchemy import Connection

from docker_credential_gcr.emulator.database.images import buckets
from docker_credential_gcr.emulator.database.projects import policies
from docker_credential_gcr.emulator.identity import audiences
from docker_credential_gcr.emulator.identity.administrators import (
    comes_from_no_page,
    find_forwarding_header,
    is_loopback_host,
)
from docker_credential_gcr.emulator.identity.authorization import decide
from docker_credential_gcr.emulator.identity.credentials import InvalidCredential, KeyOfDeletedProject
from docker_credential_gcr.emulator.identity.principal import OPERATOR, Principal
from docker_credential_gcr.emulator.identity.resource import describe_repository, get_bucket_resource
from docker_credential_gcr.emulator.identity.tokens import InvalidToken, RegistryGrant
from docker_credential_gcr.emulator.oci.token_auth import DELETE, PULL, PUSH, format_challenge, format_scope
from docker_credential_gcr.emulator.request_context import note_member
from docker_credential_gcr.emulator.sites.hosts import Site, Target, find_canonical_host

from .dependencies import RegistryServices
from .errors import ArtifactDenied, CreateOnPushDenied, Denied, ProjectUnknown, Unauthorized
from .http import Request
from .repositories import CREATE_ON_PUSH, check_service, has_artifact_repository

AcceptsGrant = Callable[[RegistryGrant], bool]
# The principal, and the instant at which its registry token expires; None for other credentials.
Authorized = tuple[Principal, int | None]

# https://cloud.google.com/container-registry/docs/access-control
_PERMISSIONS = {
    PULL: ("storage.objects.get", "storage.objects.list"),
    # A push may move a tag, so it needs the permissions to replace objects too.
    PUSH: (
        "storage.buckets.get",
        "storage.objects.create",
        "storage.objects.delete",
        "storage.objects.get",
        "storage.objects.list",
    ),
    DELETE: ("storage.objects.delete",),
}
# The first push to a host creates the project's bucket there.
_CREATE_BUCKET = "storage.buckets.create"

# https://cloud.google.com/artifact-registry/docs/access-control#permissions
_ARTIFACT_PERMISSIONS = {
    PULL: "artifactregistry.repositories.downloadArtifacts",
    PUSH: "artifactregistry.repositories.uploadArtifacts",
    DELETE: "artifactregistry.repositories.deleteArtifacts",
}

# Action -> the actions of the scope in the challenge.
_CHALLENGES = {PULL: (PULL,), PUSH: (PUSH, PULL), DELETE: (PULL, DELETE)}


async def authorize(
    services: RegistryServices, request: Request, target: Target, action: str, *, scopes: Sequence[str] = ()
) -> Principal:
    """Returns the principal if it may do `action` on the repository. Raises Unauthorized, Denied.

    A registry token must be for one of the actions `scopes`, by default for `action`.
    """
    is_open = services.is_open and is_open_to(services, request)
    authorization = None if is_open else request.headers.get("authorization")
    # Answered without a read of the database.
    if authorization is None and not is_open:
        raise Unauthorized(_challenge(request, _format_scope(target, action)))
    # Host, name and repository identify the target, and are faster to hash.
    place = (request.site_host, target.name, target.repository_id)
    key = (authorization, request.scheme, place, action, scopes)
    authorized: Authorized = services.decision_cache.find(key)
    if authorized is None:
        work = _authorize_work(services, request, target, action, scopes or (action,))
        authorized = await services.decision_cache.read(key, work, measure=partial(_measure, authorization))
    elif authorized[1] is not None and services.clock.now() >= authorized[1]:
        work = _authorize_work(services, request, target, action, scopes or (action,))
        authorized = await services.database.read(work)
    note_member(authorized[0].member)
    return authorized[0]


async def authorize_site(
    services: RegistryServices, request: Request, site: Site | None, scope: str | None = None
) -> Principal:
    """Returns the principal of any valid credential for the site; with CATALOG for its catalog.

    Raises Unauthorized.
    """
    if "authorization" not in request.headers and not is_open_to(services, request):
        raise Unauthorized(_challenge(request, scope))

    def accepts(grant: RegistryGrant) -> bool:
        return (site is None or grant.site == site.host) and (scope is None or grant.lists_catalog)

    principal, _ = await services.database.read(
        lambda connection: _authenticate_request(services, connection, request, scope, accepts)
    )
    note_member(principal.member)
    return principal


def authenticate(services: RegistryServices, connection: Connection, authorization: str | None) -> Principal:
    """Returns the principal of a Google credential, not of a registry token.

    Raises InvalidCredential, and ProjectUnknown for a valid key of a deleted project.
    """
    try:
        return services.authenticator.authenticate(connection, authorization, audiences.REGISTRIES)
    except KeyOfDeletedProject as error:
        raise ProjectUnknown(error.project_id, is_deleted=True) from error


def _authorize_work(
    services: RegistryServices, request: Request, target: Target, action: str, scopes: Sequence[str]
) -> Callable[[Connection], Authorized]:
    """Returns the database work of `authorize`. The work raises Unauthorized, Denied."""

    def accepts(grant: RegistryGrant) -> bool:
        return not grant.find_actions(target.site.host, target.path).isdisjoint(scopes)

    def work(connection: Connection) -> Authorized:
        scope = _format_scope(target, action)
        principal, grant = _authenticate_request(services, connection, request, scope, accepts)
        permission = find_missing_permission(connection, principal, target, action)
        if permission is not None:
            raise describe_refusal(principal, target, permission)
        check_service(connection, target)
        return principal, None if grant is None else grant.expires_at

    return work


def _measure(authorization: str | None, authorized: Authorized) -> int | None:
    # Only for registry tokens is the expiry known here; other credentials are not cached.
    return None if authorization is not None and authorized[1] is None else len(authorization or "")


def find_missing_permission(
    connection: Connection, principal: Principal, target: Target, action: str
) -> str | None:
    """Returns the first permission that the principal lacks for `action` on the repository, or None."""
    if target.repository_id is not None:
        creates = action == PUSH and target.is_redirected and not has_artifact_repository(connection, target)
        wanted = [_ARTIFACT_PERMISSIONS[action], *([CREATE_ON_PUSH] if creates else [])]
        return _find_artifact_refusal(connection, principal, target, wanted)
    found = [
        policies.find(connection, f"projects/{target.project_id}"),
        # Without a new bucket's default policy: it only gives viewers storage.buckets.get, and the error of a
        # viewer's push must name that permission, as Container Registry's does.
        policies.find(connection, f"buckets/{target.bucket}"),
    ]
    needed = _PERMISSIONS[action]
    if action == PUSH and buckets.find(connection, target.bucket) is None:
        needed = (needed[0], _CREATE_BUCKET, *needed[1:])
    for permission in needed:
        resource = get_bucket_resource(permission, target.bucket, target.project_id)
        if not decide(principal, found, permission, resource).allowed:
            return permission
    return None


def describe_refusal(principal: Principal, target: Target, permission: str) -> Denied:
    """Returns the error for a principal that lacks the permission on the target."""
    if target.repository_id is None:
        return Denied()
    if permission == CREATE_ON_PUSH:
        return CreateOnPushDenied(target.repository_id)
    resource = describe_repository(target.project_id, target.site.location, target.repository_id)
    return ArtifactDenied(principal.member, permission, resource.name)


def is_open_to(services: RegistryServices, request: Request) -> bool:
    """Returns whether the request needs no credential, and none is checked: with `serve --open`.

    Without --open-remote, requests of web pages and of proxies need one. A page of any site can send requests
    to loopback, which fetch metadata headers show, or to its own host name that resolves to loopback (DNS
    rebinding). https://www.w3.org/TR/fetch-metadata/
    """
    if not services.is_open:
        return False
    if services.is_open_to_others:
        return True
    has_own_name = is_loopback_host(request.host) or find_canonical_host(request.host) is not None
    is_of_program = comes_from_no_page(request.headers) and find_forwarding_header(request.headers) is None
    return has_own_name and is_of_program


def _find_artifact_refusal(
    connection: Connection, principal: Principal, target: Target, needed: Sequence[str]
) -> str | None:
    resource = describe_repository(target.project_id, target.site.location, target.repository_id or "")
    found = [
        policies.find(connection, f"projects/{target.project_id}"),
        policies.find(connection, resource.name),
    ]
    return next((each for each in needed if not decide(principal, found, each, resource).allowed), None)


def _format_scope(target: Target, action: str) -> str:
    """Returns the scope for the challenge."""
    return format_scope(target.name, *_CHALLENGES[action])


def _authenticate_request(
    services: RegistryServices,
    connection: Connection,
    request: Request,
    scope: str | None,
    accepts: AcceptsGrant,
) -> tuple[Principal, RegistryGrant | None]:
    """Returns the principal of the request's credential, and the grant of a registry token.

    Raises Unauthorized, with a challenge for `scope`, also if `accepts` is false of the grant.
    """
    if is_open_to(services, request):
        return OPERATOR, None
    authorization = request.headers["authorization"]
    grant = _find_grant(services, connection, authorization)
    try:
        if grant is None:
            return authenticate(services, connection, authorization), None
    except InvalidCredential as error:
        raise Unauthorized(_challenge(request, scope)) from error
    if not accepts(grant):
        raise Unauthorized(_challenge(request, scope))
    return Principal(grant.member, grant.oauth_scopes, grant.key_id, grant.sets), grant


def _find_grant(
    services: RegistryServices, connection: Connection, authorization: str
) -> RegistryGrant | None:
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() != "bearer":
        return None
    try:
        grant = services.signer.verify_registry(token.strip(), services.clock.now())
    except InvalidToken:
        return None
    return grant if services.authenticator.is_active(connection, grant) else None


def _challenge(request: Request, scope: str | None) -> str:
    return format_challenge(f"{request.scheme}://{request.host}/v2/token", request.host, scope)
