"""accounts.google.com: a person chooses who they are, and allows a client what it asks for, or does not.

GET  /o/oauth2/v2/auth      the accounts to choose from; with a login_hint straight to the next
GET  /signin/oauth/consent  the client, and what it asks for
POST /signin/oauth/consent  to the client, with a code or with error=access_denied

The request travels through the pages in their forms and is read anew each time: the server keeps nothing
before somebody allows it.
"""

from collections.abc import Awaitable, Callable

from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import Response

from docker_credential_gcr.emulator.database.accounts import authorization_codes, users
from docker_credential_gcr.emulator.google.dependencies import GoogleServices
from docker_credential_gcr.emulator.google.rest.errors import GrantRefused
from docker_credential_gcr.emulator.google.rest.request_bodies import read_form
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

Endpoint = Callable[[Request, GoogleServices], Awaitable[Response]]

# People to choose from on one page; any other address can be typed.
_SHOWN = 100


def _with_pages(endpoint: Endpoint) -> Endpoint:
    """The endpoint, whose refusals become a page: what is wrong with a request is never sent anywhere."""

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
    """Let the person choose an account; with a hint at one, go on to the consent."""
    asked = parse_request(request.query_params.multi_items())
    if NONE in asked.prompts:
        # Nobody is signed in here beforehand. https://openid.net/specs/openid-connect-core-1_0.html#AuthError
        return _refuse(asked, "login_required", "Nobody is signed in.")
    account = None if SELECT_ACCOUNT in asked.prompts else await _find_account(services, asked.login_hint)
    if account is None:
        return await _show_accounts(services, asked)
    return _show_consent(request, services, asked, account)


@_with_pages
async def ask_consent(request: Request, services: GoogleServices) -> Response:
    """Ask for consent in the name of the account that was chosen."""
    asked = parse_request(request.query_params.multi_items())
    account = await _find_account(services, request.query_params.get("account", ""))
    if account is None:
        complaint = "Enter an e-mail address, such as ada@example.com."
        return await _show_accounts(services, asked, complaint)
    return _show_consent(request, services, asked, account)


@_with_pages
async def decide(request: Request, services: GoogleServices) -> Response:
    """Send the person's decision to the client."""
    form = await read_form(request)
    asked, account = parse_request(form.items()), form.get("account", "")
    check_csrf(request, services, asked, form)
    if form.get("decision") != "allow":
        return _refuse(asked, "access_denied", "You have denied access.")
    if not knows_operator_token(services, form):
        return _show_consent(request, services, asked, account, complaint="That is not the operator token.")
    note_member(format_user(account))
    now = services.clock.now()

    def work(connection: Connection) -> str:
        user = users.put(connection, account, now=now)
        return authorization_codes.add(connection, user, asked.grant, now=now)

    code = await services.database.write(work)
    if asked.is_for_page:
        return render("code.html", client=asked.client.name, code=code)
    return redirect(asked.format_redirect(code=code, scope=" ".join(sorted(asked.grant.oauth_scopes))))


def _refuse(asked: AuthorizationRequest, error: str, description: str) -> Response:
    """Tell the client why it gets no code; where a person would have taken it there, tell them."""
    if asked.is_for_page:
        raise RequestRefused(error, description)
    return redirect(asked.format_redirect(error=error))


async def _find_account(services: GoogleServices, text: str) -> str | None:
    """The address that the person means: one that is known as it is, a new one in lower case."""
    email = text.strip()
    if not is_user_email(email):
        return None
    if email == email.lower():
        return email
    is_known = await services.database.scan(lambda connection: users.is_known(connection, email))
    return email if is_known else email.lower()


async def _show_accounts(
    services: GoogleServices, asked: AuthorizationRequest, complaint: str = ""
) -> Response:
    known: list[tuple[str, str]] = []
    if not services.strict_admin:  # else anybody could read who there is
        known = await services.database.scan(lambda connection: users.list_known(connection, count=_SHOWN))
    return render(
        "accounts.html",
        400 if complaint else 200,
        client=asked.client.name,
        fields=asked.fields,
        accounts=known,
        complaint=complaint,
    )


def _show_consent(
    request: Request, services: GoogleServices, asked: AuthorizationRequest, account: str, complaint: str = ""
) -> Response:
    secret = find_secret(request) or create_secret()
    page = render(
        "consent.html",
        403 if complaint else 200,
        redirect_uri="" if asked.is_for_page else asked.grant.redirect_uri,
        client=asked.client.name,
        target="" if asked.is_for_page else asked.grant.redirect_uri,
        account=account,
        scopes=[(scope, describe_scope(scope)) for scope in sorted(asked.grant.oauth_scopes)],
        fields=asked.fields,
        proof=create_csrf_token(services, secret, asked, account),
        needs_token=services.strict_admin,
        complaint=complaint,
    )
    page.headers["Set-Cookie"] = format_cookie(request, secret)
    return page
