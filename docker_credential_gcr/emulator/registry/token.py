"""Token endpoint, GET /v2/token: exchanges a Google credential for a registry token.

    {"token": "…", "access_token": "…", "expires_in": 300, "issued_at": "2026-01-01T00:00:00.000000+00:00"}

    {"token": "…", "expires_in": 43200}     Artifact Registry

https://distribution.github.io/distribution/spec/auth/token/
"""

import json
from datetime import datetime, timezone

from sqlalchemy import Connection

from docker_credential_gcr.emulator.database.images import buckets
from docker_credential_gcr.emulator.identity.credentials import InvalidCredential
from docker_credential_gcr.emulator.identity.principal import ANONYMOUS, OPERATOR, Principal
from docker_credential_gcr.emulator.identity.tokens import RegistryGrant
from docker_credential_gcr.emulator.oci.errors import InvalidName, InvalidScope
from docker_credential_gcr.emulator.oci.token_auth import (
    ALL,
    DELETE,
    PULL,
    PUSH,
    Scope,
    is_catalog_scope,
    parse_scope,
)
from docker_credential_gcr.emulator.registry.dialects.advice import suggest_image
from docker_credential_gcr.emulator.registry.dialects.dialect import Dialect, find_dialect, find_site_dialect
from docker_credential_gcr.emulator.request_context import note_member
from docker_credential_gcr.emulator.sites.hosts import DEFAULT_SITE, Target, find_site, locate, locate_folder

from .authorization import authenticate, is_open_to
from .dependencies import RegistryServices
from .errors import InvalidRepository, MethodNotAllowed, RegistryError, Unsupported
from .http import Request, Response
from .repositories import check_service, create_for_push
from .transition import Use, find_served

Wanted = list[tuple[Target, frozenset[str]]]


async def issue(services: RegistryServices, request: Request) -> Response:
    """Issues a token for the scopes. Raises Unauthorized, Denied, InvalidRepository, InvalidScope."""
    scopes = _parse_scopes(services, request)
    located, refusals = _locate_all(request, scopes)
    wanted = await _find_served(services, request, located)
    dialect = _find_dialect(services, request, wanted)
    is_open = is_open_to(services, request)

    def work(connection: Connection) -> tuple[Principal, Wanted]:
        principal = OPERATOR if is_open else _identify(services, connection, request, dialect)
        note_member(principal.member)
        return principal, _grant_all(connection, principal, wanted, [*refusals])

    principal, granted = await services.database.read(work)
    await _create_missing(services, granted, principal)
    if is_open:
        # Anonymous, so that the token grants nothing when the server is no longer open.
        principal = ANONYMOUS
    site = wanted[0][0].site if wanted else find_site(request.site_host) or DEFAULT_SITE
    now, lifetime_s = services.clock.now(), dialect.authentication.find_lifetime_s(principal)
    grant = RegistryGrant(
        member=principal.member,
        key_id=principal.key_id,
        oauth_scopes=principal.oauth_scopes,
        site=site.host,
        repositories=_format_names(granted, site.host),
        expires_at=int(now) + lifetime_s,
        issued_at=int(now),
        sets=principal.sets,
        # `podman search` asks for no scope.
        lists_catalog=not scopes or any(map(is_catalog_scope, scopes)),
    )
    return _make_response(dialect, services.signer.sign_registry(grant, now), lifetime_s, now)


async def refuse_post(services: RegistryServices, request: Request) -> Response:
    """Refuses the POST of OAuth 2.0, after which clients use GET. Raises MethodNotAllowed, Unsupported."""
    if find_site_dialect(services, request).authentication.refuses_post:
        raise MethodNotAllowed(request.method, request.path, allowed="GET, HEAD")
    raise Unsupported(f"this registry has no {request.method} {request.path}")


def _find_dialect(services: RegistryServices, request: Request, wanted: Wanted) -> Dialect:
    """Returns the dialect of the answer: Container Registry's if one of several repositories is there."""
    if not wanted:
        return find_site_dialect(services, request)
    found = [find_dialect(target) for target, _ in wanted]
    return next((each for each in found if each.authentication.has_bound_tokens), found[0])


def _identify(
    services: RegistryServices, connection: Connection, request: Request, dialect: Dialect
) -> Principal:
    try:
        return authenticate(services, connection, request.headers.get("authorization"))
    except InvalidCredential as error:
        rules = dialect.authentication
        raise rules.unauthorized(None, rules.bad_token_credential) from error


def _parse_scopes(services: RegistryServices, request: Request) -> list[Scope]:
    texts = [text for value in request.query.get("scope", []) for text in value.split(" ")]
    if len(texts) > services.limits.scopes:
        raise InvalidScope(f"more than {services.limits.scopes} scopes")
    return [parse_scope(text) for text in texts]


def _locate_all(request: Request, scopes: list[Scope]) -> tuple[Wanted, list[RegistryError]]:
    """Returns the targets of the scopes with their actions, and the errors of the scopes that are left out.

    Raises InvalidRepository for a push.
    """
    wanted: dict[Target, frozenset[str]] = {}
    refusals: list[RegistryError] = []
    for scope in [scope for scope in scopes if not _is_other_registry(request, scope)] or scopes:
        if scope.type != "repository":
            continue
        try:
            target = _locate(request, scope)
        except InvalidRepository as error:
            _collect_refusal(error, scope.actions, refusals)
        else:
            wanted[target] = wanted.get(target, frozenset()) | _expand_actions(scope)
    return list(wanted.items()), refusals


async def _find_served(services: RegistryServices, request: Request, wanted: Wanted) -> Wanted:
    """Returns the targets as their projects' registries serve them. Raises ContainerRegistryShutDown."""
    served = [
        (await find_served(services, target, Use.READ_TOKEN if actions <= {PULL} else Use.OTHER), actions)
        for target, actions in wanted
    ]
    if served:
        request.is_redirected = any(target.is_redirected for target, _ in served)
    return served


def _is_other_registry(request: Request, scope: Scope) -> bool:
    """Returns whether a scope at a registry's host names another registry: the source of a mount does."""
    return find_site(request.site_host) is not None and find_site(scope.name.partition("/")[0]) is not None


def _collect_refusal(error: RegistryError, actions: frozenset[str], refusals: list[RegistryError]) -> None:
    """Collects the error of a scope. Raises it for a push.

    A token for fewer scopes is no error: https://distribution.github.io/distribution/spec/auth/token/
    But for a push Container Registry fails the exchange, with a message that names the missing permission.
    """
    if PUSH in actions:
        raise error
    refusals.append(error)


def _locate(request: Request, scope: Scope) -> Target:
    """Returns the target of a scope. Raises InvalidRepository."""
    # A project or folder can be listed, with a scope for pull, but not pushed.
    find = locate_folder if scope.actions <= {PULL} else locate
    try:
        return find(request.site_host, scope.name)
    except InvalidName as error:
        raise InvalidRepository(error, suggest_image(request, scope.name)) from error


def _expand_actions(scope: Scope) -> frozenset[str]:
    return scope.actions | {PULL, DELETE} if ALL in scope.actions else scope.actions


def _grant_all(
    connection: Connection, principal: Principal, wanted: Wanted, refusals: list[RegistryError]
) -> Wanted:
    """Returns the granted part of `wanted`. Raises the first refusal if nothing is granted."""
    granted: Wanted = []
    for target, actions in wanted:
        try:
            granted.append((target, _grant(connection, principal, target, actions)))
        except RegistryError as error:
            _collect_refusal(error, actions, refusals)
    if refusals and not any(actions for _, actions in granted):
        raise refusals[0]
    return granted


def _format_names(granted: Wanted, host: str) -> tuple[tuple[str, frozenset[str]], ...]:
    """Returns the granted targets by their names in a token for `host`."""
    return tuple(
        (RegistryGrant.format_name(host, target.site.host, target.path), actions)
        for target, actions in granted
    )


def _grant(
    connection: Connection, principal: Principal, target: Target, actions: frozenset[str]
) -> frozenset[str]:
    """Returns the granted actions. Raises RegistryError if a push, or every action, is refused."""
    rules = find_dialect(target).authentication

    def find_missing(action: str) -> str | None:
        return rules.find_missing_permission(connection, principal, target, action)

    asked = {rules.token_actions[action] for action in actions - {ALL}}
    missing = {action: permission for action in asked if (permission := find_missing(action)) is not None}
    granted = asked - set(missing)
    if ALL in actions and find_missing(PUSH) is None:
        granted |= {PUSH}
    if PUSH in missing or (missing and not granted):
        raise rules.describe_refused_token(principal, target, missing)
    # After the permissions, because the error reveals the state of the project.
    if granted:
        check_service(connection, target)
    return frozenset(granted)


async def _create_missing(services: RegistryServices, granted: Wanted, principal: Principal) -> None:
    """Creates the buckets of pushes now, because clients request a token only to check a permission."""
    pushed = {target.bucket: target for target, actions in granted if PUSH in actions}
    missing = await services.database.read(
        lambda connection: [name for name in pushed if buckets.find(connection, name) is None]
    )

    def work(connection: Connection) -> None:
        for name in missing:
            create_for_push(services, connection, pushed[name], principal)

    if missing:
        await services.database.write(work)


def _make_response(dialect: Dialect, token: str, lifetime_s: int, now: float) -> Response:
    document: dict[str, object] = {"token": token, "expires_in": lifetime_s}
    if dialect.authentication.has_long_token_answer:
        issued_at = datetime.fromtimestamp(now, timezone.utc).isoformat(timespec="microseconds")
        document |= {"access_token": token, "issued_at": issued_at}
    return Response(200, {"Content-Type": "application/json"}, json.dumps(document).encode())
