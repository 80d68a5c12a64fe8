"""iam.googleapis.com: the deletion of a service account, which can be taken back for thirty days.

https://cloud.google.com/iam/docs/reference/rest/v1/projects.serviceAccounts/undelete
"""

from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import JSONResponse

from docker_credential_gcr.emulator.identity.policy import (
    format_deleted,
    format_policy,
    parse_policy,
    rename_member,
)
from docker_credential_gcr.emulator.identity.principal import format_service_account
from docker_credential_gcr.emulator.records import deleted_accounts, policies, service_accounts
from docker_credential_gcr.emulator.records.errors import AlreadyExists
from docker_credential_gcr.emulator.records.service_accounts import ServiceAccount

from .access import find_caller, get_project
from .account_access import find_account, format_account, format_name
from .bodies import read_json
from .errors import Conflict, NotFound
from .services import Services


async def delete_account(request: Request, services: Services) -> JSONResponse:
    """Deletes a service account with its keys, and whatever roles it has."""
    caller = find_caller(request, services)

    def work(connection: Connection) -> None:
        account = find_account(connection, request, caller, "iam.serviceAccounts.delete")
        member = format_service_account(account.email)
        _rename(connection, member, format_deleted(member, account.unique_id))
        own = format_policy(policies.find(connection, format_name(account)))
        policies.remove(connection, format_name(account))
        deleted_accounts.keep(connection, account, own, now=services.clock.now())
        service_accounts.remove(connection, account.email)

    await services.database.write(work)
    return JSONResponse({})


async def undelete_account(request: Request, services: Services) -> JSONResponse:
    """Makes a deleted account again, found by its unique ID, with its keys and roles."""
    caller = find_caller(request, services)
    await read_json(request)

    def work(connection: Connection) -> ServiceAccount:
        project_name, unique_id = request.path_params["project"], request.path_params["account"]
        project = get_project(connection, project_name, caller, "iam.serviceAccounts.undelete")
        try:
            restored = deleted_accounts.restore(connection, project, unique_id, now=services.clock.now())
        except AlreadyExists as error:
            raise Conflict(f"{error}: delete it first.") from error
        if restored is None:
            raise NotFound(f"No deleted service account has the unique ID {unique_id}.")
        account = find_account(connection, request, caller, "iam.serviceAccounts.undelete")
        policies.save(connection, format_name(account), parse_policy({**restored.policy, "version": 3}))
        member = format_service_account(account.email)
        _rename(connection, format_deleted(member, unique_id), member)
        return account

    return JSONResponse({"restoredAccount": format_account(await services.database.write(work))})


def _rename(connection: Connection, member: str, other: str) -> None:
    for resource, policy in policies.list_naming(connection, member):
        policies.save(connection, resource, rename_member(policy, member, other))
