"""Token endpoint (oauth2.googleapis.com): issues access tokens and ID tokens, and revokes logins.

POST /token   grant_type=urn:ietf:params:oauth:grant-type:jwt-bearer&assertion=JWT
200           {"access_token": "ya29.…", "expires_in": 3599, "token_type": "Bearer"}
POST /revoke  token=1//…
200           {}
"""

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import JSONResponse

from docker_credential_gcr.emulator.database.accounts import refresh_tokens
from docker_credential_gcr.emulator.google.dependencies import GoogleServices
from docker_credential_gcr.emulator.google.rest.errors import GrantRefused
from docker_credential_gcr.emulator.google.rest.request_bodies import get_field, read_form
from docker_credential_gcr.emulator.identity.credentials import LOGIN_PREFIX
from docker_credential_gcr.emulator.identity.tokens import InvalidToken

from . import authorization_code, jwt_bearer
from .tokeninfo import read_tokens

Exchange = Callable[[Request, GoogleServices, dict[str, str]], Awaitable[dict[str, object]]]

# grant_type -> function that exchanges the grant for tokens
GRANTS: dict[str, Exchange] = {
    "urn:ietf:params:oauth:grant-type:jwt-bearer": jwt_bearer.exchange_assertion,
    "authorization_code": authorization_code.exchange_code,
    "refresh_token": authorization_code.exchange_refresh_token,
}
_NO_STORE = {"Cache-Control": "no-store", "Pragma": "no-cache"}


async def issue_token(request: Request, services: GoogleServices) -> JSONResponse:
    """Exchanges an assertion, a code or a refresh token for tokens. Raises GrantRefused."""
    form = await read_form(request)
    grant_type = get_field(form, "grant_type")
    if grant_type not in GRANTS:
        raise GrantRefused("unsupported_grant_type", f"Invalid grant_type: {grant_type}")
    return JSONResponse(await GRANTS[grant_type](request, services, form), headers=_NO_STORE)


async def revoke_token(request: Request, services: GoogleServices) -> JSONResponse:
    """Ends the login of a refresh token or a user's access token. Raises GrantRefused.

    https://developers.google.com/identity/protocols/oauth2/web-server#tokenrevoke
    """
    token = (await read_tokens(request)).get("token")
    if not token:
        raise GrantRefused("invalid_request", "Required parameter is missing: token")
    login_id = await _find_login(services, token)
    if login_id is None:
        raise GrantRefused("invalid_token", "Token expired or revoked")
    await services.database.write(lambda connection: refresh_tokens.end(connection, login_id))
    return JSONResponse({}, headers=_NO_STORE)


async def _find_login(services: GoogleServices, token: str) -> str | None:
    if token.startswith(refresh_tokens.REFRESH_TOKEN_PREFIX):
        login = await services.database.read(lambda connection: refresh_tokens.find(connection, token))
        return None if login is None else login.id
    try:
        login_id = services.signer.verify_access(token, services.clock.now()).key_id or ""
    except InvalidToken:
        return None
    if not login_id.startswith(LOGIN_PREFIX):
        # A service account's token ends with its key, or expires. https://www.rfc-editor.org/rfc/rfc7009#section-2.2.1
        raise GrantRefused("unsupported_token_type", "Only tokens of users can be revoked")
    is_active = await services.database.read(
        lambda connection: refresh_tokens.is_active(connection, login_id)
    )
    return login_id if is_active else None
