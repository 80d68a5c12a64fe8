"""Authorization endpoint (accounts.google.com): the user chooses an account, and allows or denies access.

GET  /o/oauth2/v2/auth      page to choose an account; with a login_hint the next page
GET  /signin/oauth/consent  page with the client and the scopes that it asks for
POST /signin/oauth/consent  redirect to the client, with a code or with error=access_denied

The pages' forms carry the request, which is parsed and checked each time: the server stores nothing before
the user allows access.
"""

from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import Response

from docker_credential_gcr.emulator.database.accounts import authorization_codes, users
from docker_credential_gcr.emulator.google.dependencies import GoogleServices
from docker_credential_gcr.emulator.google.rest.errors import GrantRefused
from docker_credential_gcr.emulator.google.rest.request_bodies import read_form
from docker_credential_gcr.emulator.google.rest.routing import Endpoint
from docker_credential_gcr.emulator.identity.principal import format_user
from docker_credential_gcr.emulator.identity.resource_names import is_user_email
from docker_credential_gcr.emulator.request_context import note_member

from .authorization_request import NONE, SELECT_ACCOUNT, AuthorizationRequest, RequestRefused, parse_request
from .csrf import (
    check_csrf,
    check_origin,
    create_csrf_token,
    create_secret,
    find_secret,
    format_cookie,
    knows_operator_token,
)
from .pages import describe_scope, redirect, render

# Accounts on one page; the user can type any other address.
_SHOWN = 100


def _with_pages(endpoint: Endpoint) -> Endpoint:
    """Returns the endpoint with its refusals as a page, never as a redirect."""

    async def answer(request: Request, services: GoogleServices) -> Response:
        try:
            check_origin(request, services)
            return await endpoint(request, services)
        except (RequestRefused, GrantRefused) as error:
            status = error.status if isinstance(error, RequestRefused) else 400
            return render("refused.html", status, code=status, error=error.error, description=str(error))

    return answer


@_with_pages
async def authorize(request: Request, services: GoogleServices) -> Response:
    """Returns the page to choose an account; with a login_hint, the consent page."""
    auth_request = parse_request(request.query_params.multi_items())
    if NONE in auth_request.prompts:
        # No session is kept: a user is never signed in already. https://openid.net/specs/openid-connect-core-1_0.html#AuthError
        return _refuse(auth_request, "login_required", "No user is signed in.")
    account = (
        None
        if SELECT_ACCOUNT in auth_request.prompts
        else await _find_account(services, auth_request.login_hint)
    )
    if account is None:
        return await _show_accounts(services, auth_request)
    return _show_consent(request, services, auth_request, account)


@_with_pages
async def ask_consent(request: Request, services: GoogleServices) -> Response:
    """Returns the consent page for the chosen account."""
    auth_request = parse_request(request.query_params.multi_items())
    account = await _find_account(services, request.query_params.get("account", ""))
    if account is None:
        error_message = "Enter an e-mail address, such as ada@example.com."
        return await _show_accounts(services, auth_request, error_message)
    return _show_consent(request, services, auth_request, account)


@_with_pages
async def decide(request: Request, services: GoogleServices) -> Response:
    """Redirects to the client with the user's decision."""
    form = await read_form(request)
    auth_request, account = parse_request(form.items()), form.get("account", "")
    check_csrf(request, services, auth_request, form)
    if form.get("decision") != "allow":
        return _refuse(auth_request, "access_denied", "You have denied access.")
    if not knows_operator_token(services, form):
        return _show_consent(
            request, services, auth_request, account, error_message="That is not the operator token."
        )
    note_member(format_user(account))
    now = services.clock.now()

    def work(connection: Connection) -> str:
        user = users.put(connection, account, now=now)
        return authorization_codes.add(connection, user, auth_request.grant, now=now)

    code = await services.database.write(work)
    if auth_request.shows_code:
        return render("code.html", client=auth_request.client.name, code=code)
    return redirect(
        auth_request.format_redirect(code=code, scope=" ".join(sorted(auth_request.grant.oauth_scopes)))
    )


def _refuse(auth_request: AuthorizationRequest, error: str, description: str) -> Response:
    """Redirects to the client with the error. Raises RequestRefused if the user would copy a code instead."""
    if auth_request.shows_code:
        raise RequestRefused(error, description)
    return redirect(auth_request.format_redirect(error=error))


async def _find_account(services: GoogleServices, text: str) -> str | None:
    """Returns the address that the user typed: a known one as it is, a new one in lower case."""
    email = text.strip()
    if not is_user_email(email):
        return None
    if email == email.lower():
        return email
    is_known = await services.database.scan(lambda connection: users.is_known(connection, email))
    return email if is_known else email.lower()


async def _show_accounts(
    services: GoogleServices, auth_request: AuthorizationRequest, error_message: str = ""
) -> Response:
    known: list[tuple[str, str]] = []
    # With --strict-admin no accounts are shown: the browser has not sent the operator token yet.
    if not services.strict_admin:
        known = await services.database.scan(lambda connection: users.list_known(connection, count=_SHOWN))
    return render(
        "accounts.html",
        400 if error_message else 200,
        client=auth_request.client.name,
        fields=auth_request.fields,
        accounts=known,
        error_message=error_message,
    )


def _show_consent(
    request: Request,
    services: GoogleServices,
    auth_request: AuthorizationRequest,
    account: str,
    error_message: str = "",
) -> Response:
    secret = find_secret(request) or create_secret()
    page = render(
        "consent.html",
        403 if error_message else 200,
        redirect_uri="" if auth_request.shows_code else auth_request.grant.redirect_uri,
        client=auth_request.client.name,
        target="" if auth_request.shows_code else auth_request.grant.redirect_uri,
        account=account,
        scopes=[(scope, describe_scope(scope)) for scope in sorted(auth_request.grant.oauth_scopes)],
        fields=auth_request.fields,
        csrf_token=create_csrf_token(services, secret, auth_request, account),
        needs_token=services.strict_admin,
        error_message=error_message,
    )
    page.headers["Set-Cookie"] = format_cookie(request, secret)
    return page
