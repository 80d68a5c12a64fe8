"""Deletion of service accounts (iam.googleapis.com), which can be undone for 30 days.

https://cloud.google.com/iam/docs/reference/rest/v1/projects.serviceAccounts/undelete
"""

from sqlalchemy import Connection

from docker_credential_gcr.emulator.database.accounts import deleted_accounts, service_accounts
from docker_credential_gcr.emulator.database.errors import AlreadyExists
from docker_credential_gcr.emulator.database.projects import policies
from docker_credential_gcr.emulator.google.authorization import get_project
from docker_credential_gcr.emulator.google.rest.calls import Call
from docker_credential_gcr.emulator.google.rest.errors import Conflict, NotFound
from docker_credential_gcr.emulator.google.rest.methods import Result, writes
from docker_credential_gcr.emulator.identity.policy import (
    format_deleted,
    format_policy,
    parse_policy,
    rename_member,
)
from docker_credential_gcr.emulator.identity.principal import format_service_account

from .authorization import format_account, format_account_name, get_account


@writes()
def delete_account(connection: Connection, call: Call) -> Result:
    """Deletes a service account with its keys and roles."""
    account = get_account(connection, call, "iam.serviceAccounts.delete")
    member = format_service_account(account.email)
    _rename(connection, member, format_deleted(member, account.unique_id))
    own = format_policy(policies.find(connection, format_account_name(account)))
    policies.remove(connection, format_account_name(account))
    deleted_accounts.save(connection, account, own, now=call.now)
    service_accounts.remove(connection, account.email)
    return {}


@writes()
def undelete_account(connection: Connection, call: Call) -> Result:
    """Restores a deleted account, found by its unique ID, with its keys and roles."""
    unique_id = call.path["account"]
    project = get_project(connection, call, "iam.serviceAccounts.undelete")
    try:
        restored = deleted_accounts.restore(connection, project, unique_id, now=call.now)
    except AlreadyExists as error:
        raise Conflict(f"{error}: delete it first.") from error
    if restored is None:
        raise NotFound(f"No deleted service account has the unique ID {unique_id}.")
    account = get_account(connection, call, "iam.serviceAccounts.undelete")
    policies.save(connection, format_account_name(account), parse_policy({**restored.policy, "version": 3}))
    member = format_service_account(account.email)
    _rename(connection, format_deleted(member, unique_id), member)
    return {"restoredAccount": format_account(account)}


def _rename(connection: Connection, member: str, other: str) -> None:
    for resource, policy in policies.list_naming(connection, member):
        policies.save(connection, resource, rename_member(policy, member, other))
