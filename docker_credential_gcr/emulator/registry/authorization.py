"""Registry authorization: credential, token scope and IAM, checked for each request."""

from collections.abc import Callable, Sequence
from functools import partial

from sqlalchemy import Connection

from docker_credential_gcr.emulator.identity import audiences
from docker_credential_gcr.emulator.identity.administrators import (
    comes_from_no_page,
    find_forwarding_header,
    is_loopback_host,
)
from docker_credential_gcr.emulator.identity.credentials import InvalidCredential, KeyOfDeletedProject
from docker_credential_gcr.emulator.identity.principal import ANONYMOUS, OPERATOR, Principal
from docker_credential_gcr.emulator.identity.tokens import InvalidToken, RegistryGrant
from docker_credential_gcr.emulator.oci.token_auth import DELETE, PUSH
from docker_credential_gcr.emulator.registry.dialects.challenges import format_repository_challenge
from docker_credential_gcr.emulator.registry.dialects.dialect import find_dialect, find_site_dialect
from docker_credential_gcr.emulator.request_context import note_member
from docker_credential_gcr.emulator.sites.hosts import Site, Target, find_canonical_host

from .dependencies import RegistryServices
from .errors import ProjectUnknown, Unauthorized
from .http import Request
from .repositories import check_is_writable, check_service, has_owner

AcceptsGrant = Callable[[RegistryGrant], bool]
# The principal, and the instant at which its registry token expires; None for other credentials.
Authorized = tuple[Principal, int | None]


async def authorize(
    services: RegistryServices, request: Request, target: Target, action: str, *, scopes: Sequence[str] = ()
) -> Principal:
    """Returns the principal if it may do `action` on the repository. Raises Unauthorized, Denied.

    A registry token of Container Registry must be for one of the actions `scopes`, by default for `action`.
    """
    is_open = services.is_open and is_open_to(services, request)
    authorization = None if is_open else request.headers.get("authorization")
    if authorization is None and not is_open:
        return await _authorize_anonymous(services, request, target, action)
    # Host and name are what the client wrote, the bucket is the registry that serves it: faster to hash than
    # the target.
    key = (authorization, request.site_host, target.name, target.bucket, action, scopes)
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
    rules = find_site_dialect(services, request).authentication
    if "authorization" not in request.headers and not is_open_to(services, request):
        challenge = rules.format_site_challenge(request, scope)
        raise rules.unauthorized(challenge, rules.no_site_credential)

    def refuse() -> Unauthorized:
        has_challenge = rules.challenges_bad_credential
        challenge = rules.format_site_challenge(request, scope) if has_challenge else None
        return rules.unauthorized(challenge, rules.bad_credential)

    def accepts(grant: RegistryGrant) -> bool:
        if not rules.has_bound_tokens:
            return site is None or grant.is_for_site(site.host)
        return (site is None or grant.site == site.host) and (scope is None or grant.lists_catalog)

    principal, _ = await services.database.read(
        lambda connection: _authenticate_request(services, connection, request, accepts, refuse)
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


async def _authorize_anonymous(
    services: RegistryServices, request: Request, target: Target, action: str
) -> Principal:
    """Returns ANONYMOUS if the dialect serves public repositories without a token. Raises Unauthorized.

    Container Registry answers without a read of the database. Artifact Registry's answers are cached, but not
    those for repositories that do not exist: names without end would take the room of all others.
    """
    rules = find_dialect(target).authentication

    def find(connection: Connection) -> tuple[bool, bool]:
        is_public = rules.find_missing_permission(connection, ANONYMOUS, target, action) is None
        if is_public:
            check_service(connection, target)
        return is_public, has_owner(connection, target)

    if rules.serves_anonymous:
        key = ("public", target.bucket, action)
        found = await services.decision_cache.read(key, find, measure=lambda found: 0 if found[1] else None)
        if found[0]:
            return ANONYMOUS
    raise rules.unauthorized(_challenge(request, target, action), rules.no_credential)


def _authorize_work(
    services: RegistryServices, request: Request, target: Target, action: str, scopes: Sequence[str]
) -> Callable[[Connection], Authorized]:
    """Returns the database work of `authorize`. The work raises Unauthorized, Denied."""
    rules = find_dialect(target).authentication

    def refuse() -> Unauthorized:
        challenge = _challenge(request, target, action) if rules.challenges_bad_credential else None
        return rules.unauthorized(challenge, rules.bad_credential)

    def accepts(grant: RegistryGrant) -> bool:
        if not rules.has_bound_tokens:
            return grant.is_for_site(target.site.host)
        return not grant.find_actions(target.site.host, target.path).isdisjoint(scopes)

    def work(connection: Connection) -> Authorized:
        principal, grant = _authenticate_request(services, connection, request, accepts, refuse)
        permission = rules.find_missing_permission(connection, principal, target, action)
        if permission is not None:
            raise rules.describe_refusal(principal, target, permission)
        check_service(connection, target)
        if action in (PUSH, DELETE):
            check_is_writable(connection, target)
        return principal, None if grant is None else grant.expires_at

    return work


def _measure(authorization: str | None, authorized: Authorized) -> int | None:
    # Only for registry tokens is the expiry known here; other credentials are not cached.
    return None if authorization is not None and authorized[1] is None else len(authorization or "")


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


def _authenticate_request(
    services: RegistryServices,
    connection: Connection,
    request: Request,
    accepts: AcceptsGrant,
    refuse: Callable[[], Unauthorized],
) -> tuple[Principal, RegistryGrant | None]:
    """Returns the principal of the request's credential, and the grant of a registry token.

    Raises the error of `refuse` for a bad credential, also if `accepts` is false of the grant.
    """
    if is_open_to(services, request):
        return OPERATOR, None
    authorization = request.headers["authorization"]
    grant = _find_grant(services, connection, authorization)
    try:
        if grant is None:
            return authenticate(services, connection, authorization), None
    except InvalidCredential as error:
        raise refuse() from error
    if not accepts(grant):
        raise refuse()
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


def _challenge(request: Request, target: Target, action: str) -> str:
    rules = find_dialect(target).authentication
    actions = rules.challenge_actions[action]
    return format_repository_challenge(request, target, actions, unnamed_image=rules.unnamed_image)
