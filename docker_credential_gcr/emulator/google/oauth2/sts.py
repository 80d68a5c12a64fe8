"""Token exchange (sts.googleapis.com): an external identity provider's token for an access token.

POST /v1/token  grant_type=urn:ietf:params:oauth:grant-type:token-exchange&audience=//iam.googleapis.com/…
                &requested_token_type=urn:ietf:params:oauth:token-type:access_token&scope=…
                &subject_token=JWT&subject_token_type=urn:ietf:params:oauth:token-type:jwt
200             {"access_token": "ya29.…", "token_type": "Bearer", "expires_in": 3599,
                 "issued_token_type": "urn:ietf:params:oauth:token-type:access_token"}

The fields may also be JSON: {"grantType": …, "subjectToken": …}. Google accepts a token until it expires; the
emulator accepts one with a jti once (RFC 7523 §3), except Kubernetes' tokens, which clients read from a file
again and again.
https://cloud.google.com/iam/docs/reference/sts/rest/v1/TopLevel/token, https://www.rfc-editor.org/rfc/rfc8693
"""

import math
import re
from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import JSONResponse

from docker_credential_gcr.emulator.database.accounts import aws_access_keys, workload_identity
from docker_credential_gcr.emulator.database.accounts.workload_identity import Provider
from docker_credential_gcr.emulator.database.errors import AlreadyExists
from docker_credential_gcr.emulator.google.dependencies import GoogleServices
from docker_credential_gcr.emulator.google.rest.errors import GrantRefused, InvalidArgument
from docker_credential_gcr.emulator.google.rest.message_schema import to_snake
from docker_credential_gcr.emulator.google.rest.request_bodies import find_content_type, read_form, read_json
from docker_credential_gcr.emulator.identity.federation.aws_sigv4 import verify_request
from docker_credential_gcr.emulator.identity.federation.principals import format_member, list_sets
from docker_credential_gcr.emulator.identity.federation.subject_tokens import (
    ExchangeRefused,
    map_attributes,
    verify_id_token,
)
from docker_credential_gcr.emulator.identity.oauth.scopes import is_scope, split_scope
from docker_credential_gcr.emulator.identity.tokens import AccessGrant
from docker_credential_gcr.emulator.request_context import note_member
from docker_credential_gcr.emulator.runtime import strict_json

_GRANT = "urn:ietf:params:oauth:grant-type:token-exchange"
_ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"
_LIFETIME_S = 3600
_AUDIENCE = re.compile(
    r"//iam\.googleapis\.com/projects/(?P<number>[0-9]{1,20})/locations/global/workloadIdentityPools/"
    r"(?P<pool>[a-z0-9-]{1,64})/providers/(?P<provider>[a-z0-9-]{1,64})",
    re.ASCII,
)
_DOCUMENTATION = "https://cloud.google.com/iam/docs/reference/sts/rest/v1/TopLevel/token"
# Google's messages, word for word: users search for them.
WRONG_AUDIENCE = (
    'Invalid value for "audience". This value should be the full resource name of the Identity Provider. '
    f"See {_DOCUMENTATION} for the list of possible formats."
)
NO_PROVIDER = (
    'The target service indicated by the "audience" parameters is invalid. This might either be because the '
    "pool or provider is disabled or deleted or because it doesn't exist."
)
# Google has no message for this.
SPENT = "The ID Token has been exchanged before: get a new one, gcr-emulator accepts a jti once."

Claims = dict[str, Any]


async def exchange_token(request: Request, services: GoogleServices) -> JSONResponse:
    """Exchanges a subject token for an access token of the identity that it proves."""
    fields = await _read_fields(request)
    scopes = _check_fields(fields)
    audience = _get(fields, "audience")
    provider = await _get_provider(services, audience)
    now = services.clock.now()
    verify = _get_verifier(fields, provider)
    try:
        # Stripped: a file written by `echo` ends with a newline.
        token = _get(fields, "subject_token").strip()
        claims, token_expires_at = await services.database.read(
            lambda connection: verify(connection, services, provider, token)
        )
        identity = map_attributes(provider.settings, claims)
    except ExchangeRefused as error:
        raise GrantRefused(error.error, str(error)) from error
    await _spend(services, provider, claims)
    expires_at = min(int(now) + _LIFETIME_S, token_expires_at)
    member = format_member(provider.pool, identity)
    note_member(member)
    grant = AccessGrant(member, None, scopes, expires_at, int(now), list_sets(identity))
    body = {
        "access_token": services.signer.sign_access(grant, now),
        "issued_token_type": _ACCESS_TOKEN,
        "token_type": "Bearer",
        # One second less than the lifetime, as the other token endpoint says.
        "expires_in": expires_at - int(now) - 1,
    }
    return JSONResponse(body, headers={"Cache-Control": "no-store"})


async def _read_fields(request: Request) -> dict[str, str]:
    """Returns the request's fields, by their names in a form. Raises GrantRefused."""
    if find_content_type(request) != "application/json":
        return await read_form(request)
    try:
        document = await read_json(request)
    except InvalidArgument as error:
        raise GrantRefused("invalid_request", str(error)) from error
    fields = {to_snake(name): value for name, value in document.items()}
    if not all(isinstance(value, str) for value in fields.values()):
        raise GrantRefused("invalid_request", "Every field must be a string.")
    return fields


def _check_fields(fields: Mapping[str, str]) -> frozenset[str]:
    """Returns the requested scopes. Raises GrantRefused for other fields that are wrong or not supported."""
    if _get(fields, "grant_type") != _GRANT:
        raise GrantRefused("unsupported_grant_type", f'Invalid value for "grant_type". It must be {_GRANT}.')
    if _get(fields, "requested_token_type") != _ACCESS_TOKEN:
        raise GrantRefused(
            "invalid_request", f'Invalid value for "requested_token_type". It must be {_ACCESS_TOKEN}.'
        )
    _check_options(fields.get("options") or "{}")
    scope = fields.get("scope", "")
    if not is_scope(scope) or not split_scope(scope):
        raise GrantRefused("invalid_scope", 'Invalid value for "scope". It must hold Google OAuth scopes.')
    return split_scope(scope)


def _check_options(text: str) -> None:
    """Raises GrantRefused for an accessBoundary; ignores userProject, the project that Google bills."""
    try:
        options = strict_json.decode(text)
    except strict_json.InvalidJson as error:
        raise GrantRefused("invalid_request", 'Invalid value for "options": it must be JSON.') from error
    if not isinstance(options, dict) or "accessBoundary" in options:
        raise GrantRefused(
            "invalid_request", 'Invalid value for "options": gcr-emulator has no accessBoundary.'
        )


async def _get_provider(services: GoogleServices, audience: str) -> Provider:
    """Returns the provider that the audience names, if it is active. Raises GrantRefused."""
    match = _AUDIENCE.fullmatch(audience)
    if match is None:
        raise GrantRefused("invalid_request", WRONG_AUDIENCE)

    def work(connection: Connection) -> Provider:
        pool = workload_identity.find(connection, match["number"], match["pool"])
        if pool is not None and pool.is_active:
            found = workload_identity.find_provider(connection, pool, match["provider"])
            if found is not None and found.is_active:
                return found
        raise GrantRefused("invalid_target", NO_PROVIDER)

    return await services.database.read(work)


def _verify_jwt(
    _connection: Connection, services: GoogleServices, provider: Provider, token: str
) -> tuple[Claims, int]:
    """Returns the claims of a JWT, and when it expires. Raises ExchangeRefused."""
    claims = verify_id_token(
        token,
        oidc=provider.settings["oidc"],
        audiences=(f"https://iam.googleapis.com/{provider.name}", f"//iam.googleapis.com/{provider.name}"),
        issuer=services.issuer,
        now=services.clock.now(),
    )
    return claims, math.ceil(claims["exp"])


def _verify_aws(
    connection: Connection, services: GoogleServices, provider: Provider, token: str
) -> tuple[Claims, int]:
    """Returns the AWS identity that signed a request, and when its access token expires.

    Raises ExchangeRefused.
    """
    identity = verify_request(
        token,
        audience=f"//iam.googleapis.com/{provider.name}",
        find_key=lambda key_id: aws_access_keys.find(connection, key_id),
        now=services.clock.now(),
    )
    if identity["account"] != provider.settings["aws"]["accountId"]:
        raise ExchangeRefused(
            f"The AWS account {identity['account']} is not that of the provider, "
            f"{provider.settings['aws']['accountId']}."
        )
    return dict(identity), int(services.clock.now()) + _LIFETIME_S


Verify = Callable[[Connection, GoogleServices, Provider, str], tuple[Claims, int]]
# subject_token_type -> (kind of provider, function that verifies the token)
SUBJECT_TOKEN_TYPES: dict[str, tuple[str, Verify]] = {
    "urn:ietf:params:oauth:token-type:jwt": ("oidc", _verify_jwt),
    "urn:ietf:params:oauth:token-type:id_token": ("oidc", _verify_jwt),
    "urn:ietf:params:aws:token-type:aws4_request": ("aws", _verify_aws),
}


def _get_verifier(fields: Mapping[str, str], provider: Provider) -> Verify:
    kind, verify = SUBJECT_TOKEN_TYPES.get(_get(fields, "subject_token_type"), ("", None))
    if verify is None or kind not in provider.settings:
        raise GrantRefused(
            "invalid_request",
            'Invalid value for "subject_token_type". The provider does not accept this type.',
        )
    return verify


async def _spend(services: GoogleServices, provider: Provider, claims: Claims) -> None:
    token_id = claims.get("jti")
    if "oidc" not in provider.settings or not isinstance(token_id, str) or "kubernetes.io" in claims:
        return
    now, expires_at = services.clock.now(), math.ceil(claims["exp"])

    def work(connection: Connection) -> None:
        workload_identity.spend(connection, provider.name, token_id, expires_at=expires_at, now=now)

    try:
        # An addition: of two exchanges of a token the second INSERT fails; it deletes only expired records.
        await services.database.add(work)
    except AlreadyExists as error:
        raise GrantRefused("invalid_grant", SPENT) from error


def _get(fields: Mapping[str, str], field: str) -> str:
    value = fields.get(field)
    if not value:
        raise GrantRefused("invalid_request", f'Invalid value for "{field}". It is required.')
    return value
