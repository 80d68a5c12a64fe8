"""iam.googleapis.com: service accounts. Their keys are in keys.py.

https://cloud.google.com/iam/docs/reference/rest/v1/projects.serviceAccounts
"""

from typing import Any

from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import JSONResponse

from docker_credential_gcr.emulator.identity.names import ACCOUNT_RULE, is_account
from docker_credential_gcr.emulator.identity.policy import revoke
from docker_credential_gcr.emulator.identity.principal import Principal, format_service_account
from docker_credential_gcr.emulator.records import policies, service_accounts
from docker_credential_gcr.emulator.records.service_accounts import ServiceAccount

from .access import check, find_caller, get_project
from .bodies import read_json
from .errors import InvalidArgument, NotFound
from .services import Services


async def create_account(request: Request, services: Services) -> JSONResponse:
    """Make a service account."""
    caller = find_caller(request, services)
    body = await read_json(request)
    account, display_name = body.get("accountId"), _parse_display_name(body)
    if not isinstance(account, str) or not is_account(account):
        raise InvalidArgument(f"Invalid account ID: it must be {ACCOUNT_RULE}.")

    def work(connection: Connection) -> ServiceAccount:
        name = request.path_params["project"]
        project = get_project(connection, name, caller, "iam.serviceAccounts.create")
        now = services.clock.now()
        return service_accounts.create(connection, project, account, display_name=display_name, now=now)

    return JSONResponse(_format(await services.database.write(work)))


async def list_accounts(request: Request, services: Services) -> JSONResponse:
    """The project's service accounts, all in one page."""
    caller = find_caller(request, services)
    with services.database.read() as connection:
        name = request.path_params["project"]
        project = get_project(connection, name, caller, "iam.serviceAccounts.list")
        accounts = service_accounts.list_in(connection, project)
    return JSONResponse({"accounts": [_format(account) for account in accounts]} if accounts else {})


async def get_account(request: Request, services: Services) -> JSONResponse:
    """One service account, by its address or its unique ID."""
    caller = find_caller(request, services)
    with services.database.read() as connection:
        account = find_account(connection, request, caller, "iam.serviceAccounts.get")
    return JSONResponse(_format(account))


async def delete_account(request: Request, services: Services) -> JSONResponse:
    """Delete a service account with its keys, and whatever roles it has."""
    caller = find_caller(request, services)

    def work(connection: Connection) -> None:
        account = find_account(connection, request, caller, "iam.serviceAccounts.delete")
        service_accounts.remove(connection, account.email)
        # An account made later under the same name must not inherit them.
        member = format_service_account(account.email)
        for resource, policy in policies.list_all(connection):
            for binding in policy.bindings:
                policy = revoke(policy, binding.role, member)
            policies.save(connection, resource, policy)

    await services.database.write(work)
    return JSONResponse({})


def find_account(
    connection: Connection, request: Request, caller: Principal, permission: str
) -> ServiceAccount:
    """The account that the path names, if the caller has the permission on its project.

    The project `-` is that of the account. Raises PermissionDenied and NotFound as get_project does.
    """
    project_name, name = request.path_params["project"], request.path_params["account"]
    account = service_accounts.find(connection, name)
    if project_name != "-":
        project = get_project(connection, project_name, caller, permission)
        if account is not None and account.project_id == project.project_id:
            return account
    elif account is not None:
        get_project(connection, account.project_id, caller, permission)
        return account
    else:
        check(caller, permission, [])
    raise NotFound(f"Unknown service account: projects/{project_name}/serviceAccounts/{name}")


def _parse_display_name(body: dict[str, Any]) -> str:
    described = body.get("serviceAccount", {})
    name = described.get("displayName", "") if isinstance(described, dict) else None
    if not isinstance(name, str) or len(name) > 100:
        raise InvalidArgument("The display name must be a string of at most 100 characters.")
    return name


def _format(account: ServiceAccount) -> dict[str, str]:
    return {
        "name": f"projects/{account.project_id}/serviceAccounts/{account.email}",
        "projectId": account.project_id,
        "uniqueId": account.unique_id,
        "email": account.email,
        "displayName": account.display_name,
        "oauth2ClientId": account.unique_id,
    }
