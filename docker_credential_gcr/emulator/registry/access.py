"""Who may do what at the registry: the credential, the token's scope, and IAM, for each request anew."""

from collections.abc import Sequence

from sqlalchemy import Connection

from docker_credential_gcr.emulator.current_request import note_member
from docker_credential_gcr.emulator.hosts import Site, Target, find_site
from docker_credential_gcr.emulator.identity import audiences
from docker_credential_gcr.emulator.identity.credentials import InvalidCredential, KeyOfDeletedProject
from docker_credential_gcr.emulator.identity.decision import decide
from docker_credential_gcr.emulator.identity.principal import OPERATOR, Principal
from docker_credential_gcr.emulator.identity.resource import find_in_bucket
from docker_credential_gcr.emulator.identity.resource import repository as artifact_repository
from docker_credential_gcr.emulator.identity.tokens import InvalidToken, RegistryGrant
from docker_credential_gcr.emulator.oci.challenge import format_challenge
from docker_credential_gcr.emulator.oci.scope import CATALOG, DELETE, PULL, PUSH, format_scope
from docker_credential_gcr.emulator.records import buckets, policies

from .errors import ArtifactDenied, Denied, ProjectUnknown, Unauthorized
from .http import Request
from .openness import is_open_to
from .places import check_service
from .services import Services

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


def authorize(
    services: Services, request: Request, target: Target, action: str, *, scopes: Sequence[str] = ()
) -> Principal:
    """The principal that may do `action` on the repository; raises Unauthorized, Denied.

    A registry token is for one of the `scopes`, or without them for the action.
    """
    # The host and the name say which repository it is, and cost less to hash.
    shown = request.headers.get("authorization")
    key = (shown, request.scheme, request.site_host, target.name, action, scopes)

    def find() -> tuple[Principal, int | None]:
        return _authorize(services, request, target, action, scopes or (action,))

    def measure(found: tuple[Principal, int | None]) -> int | None:
        # Only a registry token says here when it ends; any other credential is read each time.
        return None if shown is None or found[1] is None else len(shown)

    principal, ends_at = services.decisions.recall(key, find, measure=measure)
    if ends_at is not None and services.clock.now() >= ends_at:
        principal, _ = find()
    note_member(principal.member)
    return principal


def _authorize(
    services: Services, request: Request, target: Target, action: str, scopes: Sequence[str]
) -> tuple[Principal, int | None]:
    """As `authorize`, and when the registry token ends, if it is one."""
    challenge = _challenge(request, format_scope(target.name, *_CHALLENGES[action]))
    principal, grant = _identify(services, request, challenge)
    if grant is not None and grant.find_actions(target.site.host, target.path).isdisjoint(scopes):
        raise Unauthorized(challenge)
    with services.database.reading() as connection:
        permission = find_refusal(connection, principal, target, action)
        if permission is not None:
            raise describe_refusal(principal, target, permission)
        check_service(connection, target)
    return principal, None if grant is None else grant.expires_at


def authorize_catalog(services: Services, request: Request, site: Site) -> Principal:
    """Returns the principal of a credential, or of a token for the site's catalog; raises Unauthorized."""
    challenge = _challenge(request, CATALOG)
    principal, grant = _identify(services, request, challenge)
    if grant is not None and not (grant.lists_catalog and grant.site == site.host):
        raise Unauthorized(challenge)
    note_member(principal.member)
    return principal


def authorize_site(services: Services, request: Request) -> Principal:
    """The principal behind a credential of any kind for this site; raises Unauthorized."""
    challenge = _challenge(request, None)
    principal, grant = _identify(services, request, challenge)
    site = find_site(request.site_host)
    if grant is not None and site is not None and grant.site != site.host:
        raise Unauthorized(challenge)
    note_member(principal.member)
    return principal


def identify(services: Services, connection: Connection, authorization: str | None) -> Principal:
    """The principal behind a credential of Google's, not a registry token.

    Raises InvalidCredential, and ProjectUnknown for a good key whose project is deleted.
    """
    try:
        return services.authenticator.authenticate(connection, authorization, audiences.REGISTRIES)
    except KeyOfDeletedProject as error:
        raise ProjectUnknown(error.project_id, is_deleted=True) from error


def find_refusal(connection: Connection, principal: Principal, target: Target, action: str) -> str | None:
    """The first permission that the principal lacks for `action` on the repository; None when it may."""
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
        resource = find_in_bucket(permission, target.bucket, target.project_id)
        if not decide(principal, found, permission, resource).allowed:
            return permission
    return None


def describe_refusal(principal: Principal, target: Target, permission: str) -> Denied:
    """What a principal is told that lacks the permission on the target."""
    if target.repository_id is None:
        return Denied()
    resource = artifact_repository(target.project_id, target.site.location, target.repository_id)
    return ArtifactDenied(principal.member, permission, resource.name)


def _find_artifact_refusal(
    connection: Connection, principal: Principal, target: Target, permission: str
) -> str | None:
    resource = artifact_repository(target.project_id, target.site.location, target.repository_id or "")
    found = [
        policies.find(connection, f"projects/{target.project_id}"),
        policies.find(connection, resource.name),
    ]
    return None if decide(principal, found, permission, resource).allowed else permission


def _identify(services: Services, request: Request, challenge: str) -> tuple[Principal, RegistryGrant | None]:
    if is_open_to(services, request):
        return OPERATOR, None
    authorization = request.headers.get("authorization")
    if authorization is None:
        raise Unauthorized(challenge)
    with services.database.reading() as connection:
        grant = _find_grant(services, connection, authorization)
        if grant is not None:
            return Principal(grant.member, grant.oauth_scopes, grant.key_id, grant.sets), grant
        try:
            return identify(services, connection, authorization), None
        except InvalidCredential as error:
            raise Unauthorized(challenge) from error


def _find_grant(services: Services, connection: Connection, authorization: str) -> RegistryGrant | None:
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() != "bearer":
        return None
    try:
        grant = services.signer.verify_registry(token.strip(), services.clock.now())
    except InvalidToken:
        return None
    return grant if services.authenticator.is_living(connection, grant) else None


def _challenge(request: Request, scope: str | None) -> str:
    realm = f"{request.scheme}://{request.host}/v2/token"
    return format_challenge(realm, request.host, scope)
