"""sts.googleapis.com: whose an access token is, for gcloud, which names accounts by it.

POST /v1/introspect  token=ya29.…&token_type_hint=urn:ietf:params:oauth:token-type:access_token
200                  {"active": true, "username": "principal://iam.googleapis.com/…", "scope": …, "exp": …}

https://www.rfc-editor.org/rfc/rfc7662
"""

from starlette.requests import Request
from starlette.responses import JSONResponse

from docker_credential_gcr.emulator.identity.credentials import is_living
from docker_credential_gcr.emulator.identity.tokens import AccessGrant, InvalidToken

from .bodies import read_form
from .errors import GrantRefused
from .services import Services


async def introspect_token(request: Request, services: Services) -> JSONResponse:
    """What the token says, to whoever has it; a client's name and secret are taken and not looked at."""
    token = (await read_form(request)).get("token")
    if not token:
        raise GrantRefused("invalid_request", 'Invalid value for "token". It is required.')
    grant = _find_grant(services, token)
    body: dict[str, object] = {"active": False}
    if grant is not None:
        body = {
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
    return JSONResponse(body, headers={"Cache-Control": "no-store"})


def _find_grant(services: Services, token: str) -> AccessGrant | None:
    """What the token says, if it counts."""
    now = services.clock.now()
    try:
        grant = services.signer.verify_access(token, now)
    except InvalidToken:
        return None
    living = is_living(
        grant.key_id, grant.member, find_key=services.find_key, has_pool=services.has_pool, now=now
    )
    return grant if living else None
