"""Authorization in IAM's API: the service account of a request, and checks of the caller's permission."""

from typing import Any

from sqlalchemy import Connection

from docker_credential_gcr.emulator.database.accounts import service_accounts
from docker_credential_gcr.emulator.database.accounts.service_accounts import ServiceAccount
from docker_credential_gcr.emulator.database.projects import policies
from docker_credential_gcr.emulator.google.authorization import (
    check_permission,
    find_project,
    find_project_policy,
    get_project,
)
from docker_credential_gcr.emulator.google.rest.calls import Call
from docker_credential_gcr.emulator.google.rest.errors import NotFound
from docker_credential_gcr.emulator.identity.policy import Policy
from docker_credential_gcr.emulator.identity.principal import Principal
from docker_credential_gcr.emulator.identity.resource import Resource, describe_service_account


def get_account(connection: Connection, call: Call, permission: str) -> ServiceAccount:
    """Returns the account in the path, if the caller has the permission on it or on its project.

    The project `-` is that of the account. Raises PermissionDenied, for an unknown account too; NotFound if
    the caller has the permission on the project, or is the operator.
    """
    account = find_account_in_path(connection, call)
    if account is not None:
        check_account(connection, account, call.caller, permission)
        return account
    project_name, name = call.path["project"], call.path["account"]
    if project_name == "-":
        check_permission(connection, call.caller, permission, [])
    else:
        get_project(connection, call, permission)
    raise NotFound(f"Unknown service account: projects/{project_name}/serviceAccounts/{name}")


def find_account_in_path(connection: Connection, call: Call) -> ServiceAccount | None:
    """Returns the account in the path; checks no permission."""
    account, project_name = service_accounts.find(connection, call.path["account"]), call.path["project"]
    if account is None or project_name == "-":
        return account
    project = find_project(connection, project_name)
    return account if project is not None and project.project_id == account.project_id else None


def find_active_account(connection: Connection, name: str) -> ServiceAccount | None:
    """Returns the account with that address or unique ID, if it is active: its tokens count."""
    account = service_accounts.find(connection, name)
    return account if account is not None and account.is_active else None


def check_account(
    connection: Connection, account: ServiceAccount, caller: Principal, permission: str
) -> None:
    """Raises PermissionDenied unless the policy of the account or of its project gives the permission."""
    check_permission(
        connection, caller, permission, find_account_policies(connection, account), describe_account(account)
    )


def find_account_policies(connection: Connection, account: ServiceAccount) -> list[Policy]:
    """Returns the policies in force for the account."""
    return [
        find_project_policy(connection, account.project_id),
        policies.find(connection, format_account_name(account)),
    ]


def describe_account(account: ServiceAccount) -> Resource:
    """Returns the account as the resource of IAM's conditions."""
    return describe_service_account(account.project_id, account.unique_id)


def format_account_name(account: ServiceAccount) -> str:
    """Returns projects/my-project/serviceAccounts/EMAIL, also the key of the account's policy."""
    return f"projects/{account.project_id}/serviceAccounts/{account.email}"


def format_account(account: ServiceAccount) -> dict[str, Any]:
    """Returns the account in the form of IAM's API."""
    document: dict[str, Any] = {
        "name": format_account_name(account),
        "projectId": account.project_id,
        "uniqueId": account.unique_id,
        "email": account.email,
        # Google sends this constant for every account: accounts have no versions.
        "etag": "MDEwMjE5MjA=",
        "displayName": account.display_name,
        "oauth2ClientId": account.unique_id,
    }
    if account.description:
        document["description"] = account.description
    return {**document, "disabled": True} if account.disabled else document
