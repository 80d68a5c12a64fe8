"""tokeninfo: the contents of an access token or an ID token.

GET /tokeninfo?access_token=ya29.…  {"azp": …, "aud": …, "sub": …, "scope": "…", "exp": "1700003600",
                                     "expires_in": "3599", "email": …, "email_verified": "true",
                                     "access_type": "offline"}
GET /tokeninfo?id_token=eyJ…        the claims, as texts, and "alg", "kid", "typ"

https://developers.google.com/identity/sign-in/web/backend-auth#calling-the-tokeninfo-endpoint
"""

from typing import Any

from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import JSONResponse

from docker_credential_gcr.emulator.database.accounts import refresh_tokens, service_accounts
from docker_credential_gcr.emulator.google.dependencies import GoogleServices
from docker_credential_gcr.emulator.google.rest.errors import GrantRefused
from docker_credential_gcr.emulator.google.rest.request_bodies import has_form, read_form
from docker_credential_gcr.emulator.identity.id_tokens import ALGORITHM
from docker_credential_gcr.emulator.identity.principal import format_service_account, format_user
from docker_credential_gcr.emulator.identity.tokens import AccessGrant, InvalidToken

from .token_responses import Subject, describe_subject

# v1's name -> v3's name; v1 has no other members.
_V1_NAMES = {
    "issued_to": "azp",
    "audience": "aud",
    "user_id": "sub",
    "scope": "scope",
    "expires_in": "expires_in",
    "email": "email",
    "verified_email": "email_verified",
    "access_type": "access_type",
    "issuer": "iss",
    "issued_at": "iat",
    "nonce": "nonce",
}
_ADDRESS: tuple[str, ...] = ("email", "email_verified")


async def show(request: Request, services: GoogleServices) -> JSONResponse:
    """Returns the token's contents, every value as a string."""
    facts = await _find_facts(request, services)
    return JSONResponse({name: _format(value) for name, value in facts.items()})


async def show_v1(request: Request, services: GoogleServices) -> JSONResponse:
    """Returns the token's contents by v1's names; numbers and booleans are not strings."""
    facts = await _find_facts(request, services)
    return JSONResponse({name: facts[third] for name, third in _V1_NAMES.items() if third in facts})


async def _find_facts(request: Request, services: GoogleServices) -> dict[str, Any]:
    given = await read_tokens(request)
    try:
        if token := given.get("id_token"):
            claims = services.id_tokens.verify(token, services.clock.now())
            left_s = int(claims["exp"] - services.clock.now())
            header = {"alg": ALGORITHM, "kid": services.id_tokens.key_id, "typ": "JWT"}
            return {**claims, "expires_in": left_s, **header}
        if token := given.get("access_token"):
            return await _describe_access(services, token)
    except InvalidToken as error:
        raise GrantRefused("invalid_token", "Invalid Value") from error
    raise GrantRefused("invalid_request", "Either access_token or id_token required")


async def _describe_access(services: GoogleServices, token: str) -> dict[str, Any]:
    grant = await get_grant(services, token)
    subject = await services.database.read(lambda connection: get_subject(connection, grant))
    facts = describe_subject(subject, grant.oauth_scopes)
    return {
        "azp": subject.client_id,
        "aud": subject.client_id,
        "sub": subject.unique_id,
        "scope": " ".join(sorted(grant.oauth_scopes)),
        "exp": grant.expires_at,
        "expires_in": int(grant.expires_at - services.clock.now()),
        **{name: facts[name] for name in _ADDRESS if name in facts},
        # Every user's login has a refresh token here: all clients are installed programs.
        "access_type": "offline" if grant.member.startswith("user:") else "online",
    }


def _format(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


async def get_grant(services: GoogleServices, token: str) -> AccessGrant:
    """Returns the grant in an access token. Raises InvalidToken, also if its key or login was deleted."""
    grant = services.signer.verify_access(token, services.clock.now())
    is_active = services.authenticator.is_active
    if not await services.database.read(lambda connection: is_active(connection, grant)):
        raise InvalidToken("the key, the login or the pool behind the token is gone")
    return grant


async def read_tokens(request: Request) -> dict[str, str]:
    """Returns the tokens in the Authorization header (as `access_token`), the query and the form.

    https://www.rfc-editor.org/rfc/rfc6750#section-2
    """
    scheme, _, bearer = request.headers.get("authorization", "").partition(" ")
    header = {"access_token": bearer.strip()} if scheme.lower() == "bearer" else {}
    form = await read_form(request) if has_form(request) else {}
    query = {name: value for name, value in request.query_params.items() if value}
    return {**header, **query, **form}


def get_subject(connection: Connection, grant: AccessGrant) -> Subject:
    """Returns the user or the service account of the token. Raises InvalidToken for any other member."""
    kind, _, email = grant.member.partition(":")
    if kind == "user" and grant.key_id is not None:
        login = refresh_tokens.find_by_id(connection, grant.key_id)
        if login is not None:
            user = login.user
            return Subject(format_user(email), user.unique_id, login.id, login.client_id, user.name)
    account = service_accounts.find(connection, email) if kind == "serviceAccount" else None
    if account is None:
        raise InvalidToken("neither a user's nor a service account's")
    member = format_service_account(account.email)
    return Subject(member, account.unique_id, grant.key_id or "", account.unique_id)
