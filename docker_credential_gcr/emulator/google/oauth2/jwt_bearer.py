"""Tokens for service accounts, against a JWT that one of their keys has signed.

    {"access_token": "ya29.…", "expires_in": 3599, "token_type": "Bearer"}
    {"id_token": "eyJ…"}

The second is for an assertion with a `target_audience` in place of scopes.
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

from .token_responses import Subject, format_access, format_id_token

# google-auth writes the first whatever the key's token_uri is; older clients the others.
_AUDIENCES = (
    "https://oauth2.googleapis.com/token",
    "https://accounts.google.com/o/oauth2/token",
    "https://www.googleapis.com/oauth2/v4/token",
)


async def exchange_assertion(
    request: Request, services: GoogleServices, form: dict[str, str]
) -> dict[str, object]:
    """The tokens for an assertion. Raises GrantRefused."""
    # Clients of Go's library name the URL that they post to.
    own_url = f"{request.scope['scheme']}://{request.headers.get('host', '')}{request.scope['path']}"

    def work(connection: Connection) -> tuple[Assertion, ServiceAccount | None]:
        said = verify_assertion(
            get_field(form, "assertion"),
            find_keys=partial(service_account_keys.find_candidates, connection),
            has_account=lambda email: find_active_account(connection, email) is not None,
            audiences=(*_AUDIENCES, own_url),
            now=services.clock.now(),
        )
        return said, find_active_account(connection, said.email)

    try:
        said, account = await services.database.read(work)
    except InvalidAssertion as error:
        raise GrantRefused(error.error, str(error)) from error
    if account is None:  # deleted at this very moment
        raise GrantRefused("invalid_grant", "Invalid grant: account not found")
    subject = Subject(format_service_account(said.email), account.unique_id, said.key_id, account.unique_id)
    if said.target_audience is not None:
        return {"id_token": await format_id_token(services, subject, said.target_audience)}
    return await format_access(services, subject, said.oauth_scopes)
