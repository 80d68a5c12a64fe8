"""JWT bearer grant: tokens for a service account, for a JWT that one of its keys has signed.

    {"access_token": "ya29.…", "expires_in": 3599, "token_type": "Bearer"}
    {"id_token": "eyJ…"}

The second response is for an assertion with a `target_audience` instead of scopes.
https://developers.google.com/identity/protocols/oauth2/service-account
"""

from functools import partial

from sqlalchemy import Connection
from starlette.requests import Request

from docker_credential_gcr.emulator.database.accounts import service_account_keys
from docker_credential_gcr.emulator.database.accounts.service_accounts import ServiceAccount
from docker_credential_gcr.emulator.google.dependencies import GoogleServices
from docker_credential_gcr.emulator.google.iam.authorization import find_active_account
from docker_credential_gcr.emulator.google.rest.errors import GrantRefused
from docker_credential_gcr.emulator.google.rest.request_bodies import get_field
from docker_credential_gcr.emulator.identity.assertions import Assertion, InvalidAssertion, verify_assertion
from docker_credential_gcr.emulator.identity.principal import format_service_account

from .token_responses import Subject, issue_access_token, issue_id_token

# google-auth sends the first whatever the key's token_uri is; older clients send the others.
_AUDIENCES = (
    "https://oauth2.googleapis.com/token",
    "https://accounts.google.com/o/oauth2/token",
    "https://www.googleapis.com/oauth2/v4/token",
)


async def exchange_assertion(
    request: Request, services: GoogleServices, form: dict[str, str]
) -> dict[str, object]:
    """Exchanges an assertion for tokens. Raises GrantRefused."""
    # Google's Go library sends the URL that it posts to.
    own_url = f"{request.scope['scheme']}://{request.headers.get('host', '')}{request.scope['path']}"

    def work(connection: Connection) -> tuple[Assertion, ServiceAccount | None]:
        verified = verify_assertion(
            get_field(form, "assertion"),
            find_keys=partial(service_account_keys.find_candidates, connection),
            has_account=lambda email: find_active_account(connection, email) is not None,
            audiences=(*_AUDIENCES, own_url),
            now=services.clock.now(),
        )
        return verified, find_active_account(connection, verified.email)

    try:
        assertion, account = await services.database.read(work)
    except InvalidAssertion as error:
        raise GrantRefused(error.error, str(error)) from error
    # The account was deleted while the assertion was verified.
    if account is None:
        raise GrantRefused("invalid_grant", "Invalid grant: account not found")
    subject = Subject(
        format_service_account(assertion.email), account.unique_id, assertion.key_id, account.unique_id
    )
    if assertion.target_audience is not None:
        return {"id_token": await issue_id_token(services, subject, assertion.target_audience)}
    return await issue_access_token(services, subject, assertion.oauth_scopes)
