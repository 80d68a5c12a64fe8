"""Authorization at the registry: the credential, the token's scope, and IAM, as they are at each request."""

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

from .dependencies import Services
from .errors import ArtifactDenied, Denied, ProjectUnknown, Unauthorized
from .http import Request
from .repositories import check_service

IsGood = Callable[[RegistryGrant], bool]
# The principal, and when its registry token ends, if it is one.
Found = tuple[Principal, int | None]

# https://cloud.google.com/container-registry/docs/access-control
_PERMISSIONS = {
    PULL: ("storage.objects.get", "storage.objects.list"),
    # A push may move a tag, and so needs all that a change of what is there needs.
    PUSH: (
        "storage.buckets.get",
        "storage.objects.create",
        "storage.objects.delete",
        "storage.objects.get",
        "storage.objects.list",
    ),
    DELETE: ("storage.objects.delete",),
}
# The first push to a host makes the project's bucket there.
_CREATE_BUCKET = "storage.buckets.create"

# https://cloud.google.com/artifact-registry/docs/access-control#permissions
_ARTIFACT_PERMISSIONS = {
    PULL: "artifactregistry.repositories.downloadArtifacts",
    PUSH: "artifactregistry.repositories.uploadArtifacts",
    DELETE: "artifactregistry.repositories.deleteArtifacts",
}

# The actions that a challenge asks a client to get a token for.
_CHALLENGES = {PULL: (PULL,), PUSH: (PUSH, PULL), DELETE: (PULL, DELETE)}


async def authorize(
    services: Services, request: Request, target: Target, action: str, *, scopes: Sequence[str] = ()
) -> Principal:
    """Returns the principal, which may do `action` on the repository. Raises Unauthorized, Denied.

    A registry token is for one of the `scopes`, or without them for the action.
    """
    is_open = services.is_open and is_open_to(services, request)
    shown = None if is_open else request.headers.get("authorization")
    # For that the database need not be asked.
    if shown is None and not is_open:
        raise Unauthorized(_challenge(request, _format_needed(target, action)))
    # The host and the name say which repository it is, and cost less to hash.
    key = (shown, request.scheme, request.site_host, target.name, action, scopes)
    found: Found = services.decision_cache.find(key)
    if found is None:
        work = _judge(services, request, target, action, scopes or (action,))
        found = await services.decision_cache.read(key, work, measure=partial(_measure, shown))
    elif found[1] is not None and services.clock.now() >= found[1]:
        found = await services.database.read(_judge(services, request, target, action, scopes or (action,)))
    note_member(found[0].member)
    return found[0]


async def authorize_site(
    services: Services, request: Request, site: Site | None, scope: str | None = None
) -> Principal:
    """Returns the principal of a credential of any kind for the site, or with CATALOG for its catalog.

    Raises Unauthorized.
    """
    if "authorization" not in request.headers and not is_open_to(services, request):
        raise Unauthorized(_challenge(request, scope))

    def is_good(grant: RegistryGrant) -> bool:
        return (site is None or grant.site == site.host) and (scope is None or grant.lists_catalog)

    principal, _ = await services.database.read(
        lambda connection: _identify(services, connection, request, scope, is_good)
    )
    note_member(principal.member)
    return principal


def identify(services: Services, connection: Connection, authorization: str | None) -> Principal:
    """Returns the principal of one of Google's credentials, not of a registry token.

    Raises InvalidCredential, and ProjectUnknown for a good key whose project is deleted.
    """
    try:
        return services.authenticator.authenticate(connection, authorization, audiences.REGISTRIES)
    except KeyOfDeletedProject as error:
        raise ProjectUnknown(error.project_id, is_deleted=True) from error


def _judge(
    services: Services, request: Request, target: Target, action: str, scopes: Sequence[str]
) -> Callable[[Connection], Found]:
    """Returns the work that finds the principal, and when its registry token ends, if it is one.

    It raises Unauthorized, Denied.
    """

    def is_good(grant: RegistryGrant) -> bool:
        return not grant.find_actions(target.site.host, target.path).isdisjoint(scopes)

    def work(connection: Connection) -> Found:
        scope = _format_needed(target, action)
        principal, grant = _identify(services, connection, request, scope, is_good)
        permission = find_missing_permission(connection, principal, target, action)
        if permission is not None:
            raise describe_refusal(principal, target, permission)
        check_service(connection, target)
        return principal, None if grant is None else grant.expires_at

    return work


def _measure(shown: str | None, found: Found) -> int | None:
    # Only a registry token says here when it ends; any other credential is read each time.
    return None if shown is not None and found[1] is None else len(shown or "")


def find_missing_permission(
    connection: Connection, principal: Principal, target: Target, action: str
) -> str | None:
    """Returns the first permission that the principal lacks for `action` on the repository, if any."""
    if target.repository_id is not None:
        return _find_artifact_refusal(connection, principal, target, _ARTIFACT_PERMISSIONS[action])
    found = [
        policies.find(connection, f"projects/{target.project_id}"),
        # Not the policy that a bucket begins with: all that it adds is storage.buckets.get for viewers, and a
        # viewer's refused push must name that permission, as Container Registry's refusals do.
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
    resource = describe_repository(target.project_id, target.site.location, target.repository_id)
    return ArtifactDenied(principal.member, permission, resource.name)


def is_open_to(services: Services, request: Request) -> bool:
    """Returns whether the request needs no credential, whatever it brings: at a server of `serve --open`.

    Opened for this machine alone, the registry is not open to web pages: a browser here reaches loopback for
    every site that it shows, which its requests tell, or under a name that such a site chose (DNS
    rebinding). https://www.w3.org/TR/fetch-metadata/ Nor is it open to what a proxy forwards for others.
    """
    if not services.is_open:
        return False
    if services.is_open_to_others:
        return True
    has_own_name = is_loopback_host(request.host) or find_canonical_host(request.host) is not None
    is_of_program = comes_from_no_page(request.headers) and find_forwarding_header(request.headers) is None
    return has_own_name and is_of_program


def _find_artifact_refusal(
    connection: Connection, principal: Principal, target: Target, permission: str
) -> str | None:
    resource = describe_repository(target.project_id, target.site.location, target.repository_id or "")
    found = [
        policies.find(connection, f"projects/{target.project_id}"),
        policies.find(connection, resource.name),
    ]
    return None if decide(principal, found, permission, resource).allowed else permission


def _format_needed(target: Target, action: str) -> str:
    """Returns the scope that a client is to ask a token for."""
    return format_scope(target.name, *_CHALLENGES[action])


def _identify(
    services: Services, connection: Connection, request: Request, scope: str | None, is_good: IsGood
) -> tuple[Principal, RegistryGrant | None]:
    """Returns the principal of the credential, and its grant if that is a registry token.

    Raises Unauthorized, also for a registry token that is not good for this; `scope` is what a client is to
    ask a token for.
    """
    if is_open_to(services, request):
        return OPERATOR, None
    authorization = request.headers["authorization"]
    grant = _find_grant(services, connection, authorization)
    try:
        if grant is None:
            return identify(services, connection, authorization), None
    except InvalidCredential as error:
        raise Unauthorized(_challenge(request, scope)) from error
    if not is_good(grant):
        raise Unauthorized(_challenge(request, scope))
    return Principal(grant.member, grant.oauth_scopes, grant.key_id, grant.sets), grant


def _find_grant(services: Services, connection: Connection, authorization: str) -> RegistryGrant | None:
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
