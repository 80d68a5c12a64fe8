"""sts.googleapis.com: whose an access token is, for gcloud, which names accounts by it.

POST /v1/introspect  token=ya29.…&token_type_hint=urn:ietf:params:oauth:token-type:access_token
200                  {"active": true, "username": "principal://iam.googleapis.com/…", "scope": …, "exp": …}

https://www.rfc-editor.org/rfc/rfc7662
"""

from starlette.requests import Request
from starlette.responses import JSONResponse

from docker_credential_gcr.emulator.identity.tokens import InvalidToken

from .bodies import read_form
from .errors import GrantRefused
from .oauth2_subjects import find_grant
from .services import Services


async def introspect_token(request: Request, services: Services) -> JSONResponse:
    """What the token says, to whoever has it; a client's name and secret are taken and not looked at."""
    token = (await read_form(request)).get("token")
    if not token:
        raise GrantRefused("invalid_request", 'Invalid value for "token". It is required.')
    return JSONResponse(await _describe(services, token), headers={"Cache-Control": "no-store"})


async def _describe(services: Services, token: str) -> dict[str, object]:
    try:
        grant = await find_grant(services, token)
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
