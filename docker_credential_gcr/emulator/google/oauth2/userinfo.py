"""openidconnect.googleapis.com and its elders: who an access token is for.

GET /v1/userinfo         {"sub": "1…", "name": …, "given_name": …, "email": …, "email_verified": true}
GET /oauth2/v2/userinfo  {"id": "1…", "name": …, "given_name": …, "email": …, "verified_email": true}

https://openid.net/specs/openid-connect-core-1_0.html#UserInfo
"""

from starlette.requests import Request
from starlette.responses import JSONResponse

from docker_credential_gcr.emulator.google.dependencies import GoogleServices
from docker_credential_gcr.emulator.google.rest.errors import InsufficientScopes
from docker_credential_gcr.emulator.identity.administrators import NotAnAdministrator
from docker_credential_gcr.emulator.identity.tokens import InvalidToken
from docker_credential_gcr.emulator.request_context import note_member

from .token_responses import EMAIL_SCOPES, OPENID, PROFILE_SCOPES, describe
from .tokeninfo import get_grant, get_subject, read_tokens

_SCOPES = EMAIL_SCOPES | PROFILE_SCOPES | {OPENID}
# name of version 3: name of the versions before
_OLD_NAMES = {"sub": "id", "email_verified": "verified_email"}


async def show(request: Request, services: GoogleServices) -> JSONResponse:
    """As OpenID Connect says it."""
    return JSONResponse(await _find_facts(request, services))


async def show_old(request: Request, services: GoogleServices) -> JSONResponse:
    """In the words before OpenID Connect."""
    facts = await _find_facts(request, services)
    return JSONResponse({_OLD_NAMES.get(name, name): value for name, value in facts.items()})


async def _find_facts(request: Request, services: GoogleServices) -> dict[str, object]:
    token = (await read_tokens(request)).get("access_token", "")
    try:
        grant = await get_grant(services, token)
        subject = await services.database.read(lambda connection: get_subject(connection, grant))
    except InvalidToken as error:
        raise NotAnAdministrator(str(error)) from error
    note_member(grant.member)
    if not grant.oauth_scopes & _SCOPES:
        raise InsufficientScopes
    return {"sub": subject.unique_id, **describe(subject, grant.oauth_scopes)}
