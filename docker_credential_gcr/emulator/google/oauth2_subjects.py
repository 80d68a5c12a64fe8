"""Whom an access token is for, as long as it counts."""

from sqlalchemy import Connection
from starlette.requests import Request

from docker_credential_gcr.emulator.identity.principal import format_service_account, format_user
from docker_credential_gcr.emulator.identity.tokens import AccessGrant, InvalidToken
from docker_credential_gcr.emulator.records import logins, service_accounts

from .bodies import has_form, read_form
from .oauth2_tokens import Subject
from .services import Services


async def find_grant(services: Services, token: str) -> AccessGrant:
    """Returns the grant in an access token. Raises InvalidToken, also where its key or login was deleted."""
    grant = services.signer.verify_access(token, services.clock.now())
    is_living = services.authenticator.is_living
    if not await services.database.read(lambda connection: is_living(connection, grant)):
        raise InvalidToken("the key, the login or the pool behind the token is gone")
    return grant


async def read_tokens(request: Request) -> dict[str, str]:
    """Returns what the Authorization header, the query and the form say, the header as `access_token`.

    https://www.rfc-editor.org/rfc/rfc6750#section-2
    """
    scheme, _, bearer = request.headers.get("authorization", "").partition(" ")
    header = {"access_token": bearer.strip()} if scheme.lower() == "bearer" else {}
    form = await read_form(request) if has_form(request) else {}
    query = {name: value for name, value in request.query_params.items() if value}
    return {**header, **query, **form}


def find_subject(connection: Connection, grant: AccessGrant) -> Subject:
    """Returns the user or the service account of the token. Raises InvalidToken for any other member."""
    kind, _, email = grant.member.partition(":")
    if kind == "user" and grant.key_id is not None:
        login = logins.find_by_id(connection, grant.key_id)
        if login is not None:
            user = login.user
            return Subject(format_user(email), user.unique_id, login.id, login.client_id, user.name)
    account = service_accounts.find(connection, email) if kind == "serviceAccount" else None
    if account is None:
        raise InvalidToken("neither a user's nor a service account's")
    member = format_service_account(account.email)
    return Subject(member, account.unique_id, grant.key_id or "", account.unique_id)
