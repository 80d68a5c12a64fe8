"""What a token says, for who holds it.

GET /tokeninfo?access_token=ya29.…  {"azp": …, "aud": …, "sub": …, "scope": "…", "exp": "1700003600",
                                     "expires_in": "3599", "email": …, "email_verified": "true",
                                     "access_type": "offline"}
GET /tokeninfo?id_token=eyJ…        the claims, as texts, and "alg", "kid", "typ"

https://developers.google.com/identity/sign-in/web/backend-auth#calling-the-tokeninfo-endpoint
"""

from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse

from docker_credential_gcr.emulator.identity.id_tokens import ALGORITHM
from docker_credential_gcr.emulator.identity.tokens import InvalidToken

from .errors import GrantRefused
from .oauth2_subjects import find_grant, find_subject, read_tokens
from .oauth2_tokens import describe
from .services import Services

# name in the first version: name in the third; what is not here has no name there
_FIRST_NAMES = {
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


async def show(request: Request, services: Services) -> JSONResponse:
    """What the token says, all of it texts."""
    facts = await _find_facts(request, services)
    return JSONResponse({name: _format(value) for name, value in facts.items()})


async def show_v1(request: Request, services: Services) -> JSONResponse:
    """The same under the names of the first version, which knows numbers."""
    facts = await _find_facts(request, services)
    return JSONResponse({name: facts[third] for name, third in _FIRST_NAMES.items() if third in facts})


async def _find_facts(request: Request, services: Services) -> dict[str, Any]:
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


async def _describe_access(services: Services, token: str) -> dict[str, Any]:
    grant = await find_grant(services, token)
    subject = await services.database.read(lambda connection: find_subject(connection, grant))
    facts = describe(subject, grant.oauth_scopes)
    return {
        "azp": subject.client_id,
        "aud": subject.client_id,
        "sub": subject.unique_id,
        "scope": " ".join(sorted(grant.oauth_scopes)),
        "exp": grant.expires_at,
        "expires_in": int(grant.expires_at - services.clock.now()),
        **{name: facts[name] for name in _ADDRESS if name in facts},
        # Whoever logs in here gets a refresh token, for every client is an installed program.
        "access_type": "offline" if grant.member.startswith("user:") else "online",
    }


def _format(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
