"""userinfo (openidconnect.googleapis.com and older URLs): the user or account of an access token.

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

from .token_responses import EMAIL_SCOPES, OPENID, PROFILE_SCOPES, describe_subject
from .tokeninfo import get_grant, get_subject, read_tokens

_SCOPES = EMAIL_SCOPES | PROFILE_SCOPES | {OPENID}
# v3's name -> the name in v1 and v2
_OLD_NAMES = {"sub": "id", "email_verified": "verified_email"}


async def show(request: Request, services: GoogleServices) -> JSONResponse:
    """Returns the user's claims by OpenID Connect's names."""
    return JSONResponse(await _find_facts(request, services))


async def show_old(request: Request, services: GoogleServices) -> JSONResponse:
    """Returns the user's claims by the names of v1 and v2."""
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
    return {"sub": subject.unique_id, **describe_subject(subject, grant.oauth_scopes)}
