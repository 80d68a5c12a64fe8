"""oauth2.googleapis.com: access tokens for service accounts.

POST /token  grant_type=urn:ietf:params:oauth:grant-type:jwt-bearer&assertion=JWT
200          {"access_token": "ya29.…", "expires_in": 3599, "token_type": "Bearer"}
"""

from starlette.requests import Request
from starlette.responses import JSONResponse

from docker_credential_gcr.emulator.identity.assertions import InvalidAssertion, verify_assertion
from docker_credential_gcr.emulator.identity.principal import format_service_account
from docker_credential_gcr.emulator.identity.tokens import AccessGrant
from docker_credential_gcr.emulator.records import service_accounts

from .bodies import read_form
from .errors import GrantRefused
from .services import Services

JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
LIFETIME_S = 3600

# google-auth writes the first whatever the key's token_uri is; older clients the others.
_AUDIENCES = (
    "https://oauth2.googleapis.com/token",
    "https://accounts.google.com/o/oauth2/token",
    "https://www.googleapis.com/oauth2/v4/token",
)


async def issue_token(request: Request, services: Services) -> JSONResponse:
    """Trade a service account's assertion for an access token."""
    form = await read_form(request)
    grant_type = _get(form, "grant_type")
    if grant_type != JWT_BEARER:
        raise GrantRefused("unsupported_grant_type", f"Invalid grant_type: {grant_type}")
    now = services.clock.now()
    # Clients of Go's library name the URL that they post to.
    own_url = f"{request.url.scheme}://{request.headers.get('host', '')}/token"
    try:
        said = verify_assertion(
            _get(form, "assertion"),
            find_key=services.find_key,
            has_account=lambda email: _has_account(services, email),
            audiences=(*_AUDIENCES, own_url),
            now=now,
        )
    except InvalidAssertion as error:
        raise GrantRefused(error.error, str(error)) from error
    grant = AccessGrant(
        format_service_account(said.email), said.key_id, said.oauth_scopes, int(now) + LIFETIME_S, int(now)
    )
    # A second less than it is good for, as Google says it.
    body = {
        "access_token": services.signer.sign_access(grant, now),
        "expires_in": LIFETIME_S - 1,
        "token_type": "Bearer",
    }
    return JSONResponse(body, headers={"Cache-Control": "no-store"})


def _get(form: dict[str, str], field: str) -> str:
    value = form.get(field)
    if not value:
        raise GrantRefused("invalid_request", f"Required parameter is missing: {field}")
    return value


def _has_account(services: Services, email: str) -> bool:
    with services.database.read() as connection:
        account = service_accounts.find(connection, email)
    return account is not None and not account.disabled
