"""iam.googleapis.com: service accounts. Their keys are in keys.py, their deletion in account_deletion.py.

https://cloud.google.com/iam/docs/reference/rest/v1/projects.serviceAccounts
"""

from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import JSONResponse

from docker_credential_gcr.emulator.identity.names import ACCOUNT_RULE, is_account
from docker_credential_gcr.emulator.records import service_accounts
from docker_credential_gcr.emulator.records.service_accounts import ServiceAccount

from .access import find_caller, get_project
from .account_access import find_account, format_account
from .bodies import read_json
from .errors import InvalidArgument
from .field_masks import list_paths
from .paging import cut, parse_page
from .request_messages import ACCOUNT
from .services import Services


async def create_account(request: Request, services: Services) -> JSONResponse:
    """Make a service account."""
    caller = find_caller(request, services)
    body = await read_json(request)
    account, (display_name, description) = body.get("accountId"), _parse_texts(body.get("serviceAccount", {}))
    if not isinstance(account, str) or not is_account(account):
        raise InvalidArgument(f"Invalid account ID: it must be {ACCOUNT_RULE}.")

    def work(connection: Connection) -> ServiceAccount:
        name = request.path_params["project"]
        project = get_project(connection, name, caller, "iam.serviceAccounts.create")
        now = services.clock.now()
        return service_accounts.create(
            connection,
            project,
            account,
            display_name=display_name or "",
            description=description or "",
            now=now,
        )

    return JSONResponse(format_account(await services.database.write(work)))


async def list_accounts(request: Request, services: Services) -> JSONResponse:
    """The project's service accounts, by address."""
    caller = find_caller(request, services)
    page = parse_page(request, maximum=100)
    with services.database.reading() as connection:
        name = request.path_params["project"]
        project = get_project(connection, name, caller, "iam.serviceAccounts.list")
        accounts = service_accounts.list_in(connection, project)

    def key(account: ServiceAccount) -> str:
        return account.email

    return JSONResponse(page.format("accounts", cut(accounts, page, key), format_account, key))


async def get_account(request: Request, services: Services) -> JSONResponse:
    """One service account, by its address or its unique ID."""
    caller = find_caller(request, services)
    with services.database.reading() as connection:
        account = find_account(connection, request, caller, "iam.serviceAccounts.get")
    return JSONResponse(format_account(account))


async def patch_account(request: Request, services: Services) -> JSONResponse:
    """Change those of an account's displayName and description that updateMask names."""
    body = await read_json(request)
    display_name, description = _parse_texts(body.get("serviceAccount", {}))
    mask = body.get("updateMask")
    named = list_paths(mask, body, ACCOUNT) if isinstance(mask, str) and mask else []
    if not named:
        raise InvalidArgument("The update mask must name displayName or description, or both.")
    # What is named and not given is emptied.
    display_name = (display_name or "") if ["displayName"] in named else None
    description = (description or "") if ["description"] in named else None
    return await _update(request, services, display_name, description)


async def update_account(request: Request, services: Services) -> JSONResponse:
    """Change an account's displayName and description, where they are given."""
    return await _update(request, services, *_parse_texts(await read_json(request)))


async def disable_account(request: Request, services: Services) -> JSONResponse:
    """Let no key of the account open anything, until it is enabled."""
    return await _set_disabled(request, services, disabled=True)


async def enable_account(request: Request, services: Services) -> JSONResponse:
    """Let the account's keys open what they did."""
    return await _set_disabled(request, services, disabled=False)


async def _update(
    request: Request, services: Services, display_name: str | None, description: str | None
) -> JSONResponse:
    caller = find_caller(request, services)

    def work(connection: Connection) -> ServiceAccount:
        account = find_account(connection, request, caller, "iam.serviceAccounts.update")
        service_accounts.update_texts(
            connection,
            account.email,
            display_name=account.display_name if display_name is None else display_name,
            description=account.description if description is None else description,
        )
        return find_account(connection, request, caller, "iam.serviceAccounts.update")

    return JSONResponse(format_account(await services.database.write(work)))


async def _set_disabled(request: Request, services: Services, *, disabled: bool) -> JSONResponse:
    caller = find_caller(request, services)
    await read_json(request)
    verb = "disable" if disabled else "enable"

    def work(connection: Connection) -> None:
        account = find_account(connection, request, caller, f"iam.serviceAccounts.{verb}")
        service_accounts.set_disabled(connection, account.email, disabled=disabled)

    await services.database.write(work)
    return JSONResponse({})


def _parse_texts(described: object) -> tuple[str | None, str | None]:
    """The display name and the description, None where it is not given."""
    if not isinstance(described, dict):
        raise InvalidArgument("The display name must be a string of at most 100 characters.")
    name, description = described.get("displayName"), described.get("description")
    if name is not None and (not isinstance(name, str) or len(name) > 100):
        raise InvalidArgument("The display name must be a string of at most 100 characters.")
    if description is not None and (not isinstance(description, str) or len(description) > 256):
        raise InvalidArgument("The description must be a string of at most 256 characters.")
    return name, description
