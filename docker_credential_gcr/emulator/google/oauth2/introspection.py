"""Token introspection (sts.googleapis.com): gcloud reads the name of an account from it.

POST /v1/introspect  token=ya29.…&token_type_hint=urn:ietf:params:oauth:token-type:access_token
200                  {"active": true, "username": "principal://iam.googleapis.com/…", "scope": …, "exp": …}

https://www.rfc-editor.org/rfc/rfc7662
"""

from starlette.requests import Request
from starlette.responses import JSONResponse

from docker_credential_gcr.emulator.google.dependencies import GoogleServices
from docker_credential_gcr.emulator.google.rest.errors import GrantRefused
from docker_credential_gcr.emulator.google.rest.request_bodies import read_form
from docker_credential_gcr.emulator.identity.tokens import InvalidToken

from .tokeninfo import get_grant


async def introspect_token(request: Request, services: GoogleServices) -> JSONResponse:
    """Returns the contents of an access token. The client is not authenticated."""
    token = (await read_form(request)).get("token")
    if not token:
        raise GrantRefused("invalid_request", 'Invalid value for "token". It is required.')
    return JSONResponse(await _describe(services, token), headers={"Cache-Control": "no-store"})


async def _describe(services: GoogleServices, token: str) -> dict[str, object]:
    try:
        grant = await get_grant(services, token)
    except InvalidToken:
        return {"active": False}
    return {
        "active": True,
        "client_id": "",
        "username": grant.member,
        "sub": grant.member,
        "scope": " ".join(sorted(grant.oauth_scopes)),
        "token_type": "Bearer",
        "iat": grant.issued_at,
        "exp": grant.expires_at,
        "iss": "https://sts.googleapis.com/",
    }
