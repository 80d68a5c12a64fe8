"""iam.googleapis.com: who may do what with a service account, above all act as it.

https://cloud.google.com/iam/docs/reference/rest/v1/projects.serviceAccounts/setIamPolicy
"""

from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import JSONResponse

from docker_credential_gcr.emulator.identity.policy import Policy, format_policy
from docker_credential_gcr.emulator.identity.roles import SERVICE_ACCOUNT
from docker_credential_gcr.emulator.records import policies, service_accounts

from .access import find_caller, list_allowed
from .account_access import describe, find_account, find_policies, format_name
from .bodies import read_json
from .iam_policies import (
    check_bindings,
    parse_options,
    parse_permissions,
    parse_requested_version,
    parse_update,
)
from .services import Services


async def get_policy(request: Request, services: Services) -> JSONResponse:
    """The account's IAM policy."""
    caller = find_caller(request, services)
    body = await read_json(request)
    asked = request.query_params.get("options.requestedPolicyVersion")
    version = parse_options(body) if asked is None else parse_requested_version(asked)
    with services.database.read() as connection:
        account = find_account(connection, request, caller, "iam.serviceAccounts.getIamPolicy")
        policy = policies.find(connection, format_name(account))
    return JSONResponse(format_policy(policy, version))


async def set_policy(request: Request, services: Services) -> JSONResponse:
    """Replace the account's IAM policy, unless it has changed since the caller read it."""
    caller = find_caller(request, services)
    policy, etag = parse_update((await read_json(request)).get("policy"))

    def work(connection: Connection) -> Policy:
        account = find_account(connection, request, caller, "iam.serviceAccounts.setIamPolicy")
        check_bindings(connection, policy, SERVICE_ACCOUNT, format_name(account))
        return policies.save(connection, format_name(account), policy, etag=etag)

    return JSONResponse(format_policy(await services.database.write(work)))


async def test_permissions(request: Request, services: Services) -> JSONResponse:
    """Those of the permissions that the caller has; none on an account that is not there."""
    caller = find_caller(request, services)
    permissions = parse_permissions((await read_json(request)).get("permissions"))
    project_id = request.path_params["project"]
    with services.database.read() as connection:
        account = service_accounts.find(connection, request.path_params["account"])
        if account is None or project_id not in ("-", account.project_id):
            return JSONResponse({})
        in_force = find_policies(connection, account)
        allowed = list_allowed(connection, caller, permissions, in_force, describe(account))
    return JSONResponse({"permissions": allowed} if allowed else {})
