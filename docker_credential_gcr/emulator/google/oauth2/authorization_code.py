"""Authorization code grant: tokens for a user's code from the browser, and for a refresh token.

    {"access_token": "ya29.…", "expires_in": 3599, "refresh_token": "1//…", "scope": "…",
     "token_type": "Bearer"}

https://developers.google.com/identity/protocols/oauth2/native-app
"""

from sqlalchemy import Connection
from starlette.requests import Request

from docker_credential_gcr.emulator.database.accounts import authorization_codes, refresh_tokens
from docker_credential_gcr.emulator.database.accounts.authorization_codes import Code
from docker_credential_gcr.emulator.database.accounts.refresh_tokens import Login
from docker_credential_gcr.emulator.google.dependencies import GoogleServices
from docker_credential_gcr.emulator.google.rest.errors import GrantRefused
from docker_credential_gcr.emulator.google.rest.request_bodies import get_field
from docker_credential_gcr.emulator.identity.oauth import pkce
from docker_credential_gcr.emulator.identity.oauth.clients import Client
from docker_credential_gcr.emulator.identity.oauth.scopes import split_scope
from docker_credential_gcr.emulator.identity.principal import format_user

from .client_authentication import authenticate_client
from .token_responses import Subject, issue_access_token

# Google's messages.
MALFORMED_CODE = "Malformed auth code."
BAD_REQUEST = "Bad Request"
ENDED = "Token has been expired or revoked."


async def exchange_code(
    request: Request, services: GoogleServices, form: dict[str, str]
) -> dict[str, object]:
    """Exchanges a code for the first tokens of a login. Raises GrantRefused.

    A code that comes a second time may be stolen: the login that it began is ended.
    https://www.rfc-editor.org/rfc/rfc6749#section-4.1.2
    """
    client = authenticate_client(request, form)
    text, now = get_field(form, "code"), services.clock.now()

    def work(connection: Connection) -> tuple[Login, str, str] | GrantRefused:
        code = authorization_codes.find(connection, text, now=now)
        refusal = _find_refusal(code, client, form)
        if code is None or refusal is not None:
            # Returned, not raised: an exception would roll back the transaction.
            return refusal or GrantRefused("invalid_grant", MALFORMED_CODE)
        if code.login_id is not None:
            refresh_tokens.end(connection, code.login_id)
            return GrantRefused("invalid_grant", BAD_REQUEST)
        login, refresh_token = refresh_tokens.begin(
            connection, code.user, client.client_id, code.grant.oauth_scopes, now=now
        )
        authorization_codes.spend(connection, code, login.id)
        return login, refresh_token, code.grant.nonce

    outcome = await services.database.write(work)
    if isinstance(outcome, GrantRefused):
        raise outcome
    login, refresh_token, nonce = outcome
    tokens = await _issue_tokens(services, login, login.oauth_scopes, nonce=nonce)
    return {**tokens, "refresh_token": refresh_token}


async def exchange_refresh_token(
    request: Request, services: GoogleServices, form: dict[str, str]
) -> dict[str, object]:
    """Exchanges a refresh token for new tokens, with its scopes or fewer. Raises GrantRefused."""
    client = authenticate_client(request, form)
    refresh_token = get_field(form, "refresh_token")
    login = await services.database.read(lambda connection: refresh_tokens.find(connection, refresh_token))
    if login is None:
        raise GrantRefused("invalid_grant", ENDED)
    if login.client_id != client.client_id:
        raise GrantRefused("unauthorized_client", "Unauthorized")
    requested = split_scope(form.get("scope", ""))
    if not requested <= login.oauth_scopes:
        raise GrantRefused("invalid_scope", BAD_REQUEST)
    return await _issue_tokens(services, login, requested or login.oauth_scopes)


def _find_refusal(code: Code | None, client: Client, form: dict[str, str]) -> GrantRefused | None:
    """Returns the error if the request does not match the code."""
    if code is None:
        return GrantRefused("invalid_grant", MALFORMED_CODE)
    grant, verifier = code.grant, form.get("code_verifier", "")
    if grant.client_id != client.client_id:
        return GrantRefused("invalid_grant", BAD_REQUEST)
    if form.get("redirect_uri") != grant.redirect_uri:
        return GrantRefused("redirect_uri_mismatch", BAD_REQUEST)
    if grant.challenge and not verifier:
        return GrantRefused("invalid_grant", "Missing code verifier.")
    # A verifier without a challenge is refused too: an attacker may have removed the challenge.
    # https://www.rfc-editor.org/rfc/rfc9700#section-4.8.2
    if verifier and not (grant.challenge and pkce.matches(verifier, grant.challenge, grant.challenge_method)):
        return GrantRefused("invalid_grant", "Invalid code verifier.")
    return None


async def _issue_tokens(
    services: GoogleServices, login: Login, oauth_scopes: frozenset[str], *, nonce: str = ""
) -> dict[str, object]:
    user = login.user
    subject = Subject(format_user(user.email), user.unique_id, login.id, login.client_id, user.name)
    tokens = await issue_access_token(services, subject, oauth_scopes, nonce=nonce)
    return {**tokens, "scope": " ".join(sorted(oauth_scopes))}
