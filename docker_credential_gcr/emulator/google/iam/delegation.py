"""Delegation chains: checks that a caller may act as a service account, directly or through others.

    {"delegates": ["projects/-/serviceAccounts/FIRST", "projects/-/serviceAccounts/SECOND"]}

The first delegate must permit the caller, the second the first, and the account the last delegate.
https://cloud.google.com/iam/docs/create-short-lived-credentials-delegated
"""

import re
from typing import Any

from sqlalchemy import Connection

from docker_credential_gcr.emulator.database.accounts import service_accounts
from docker_credential_gcr.emulator.database.accounts.service_accounts import ServiceAccount
from docker_credential_gcr.emulator.google.authorization import check_permission
from docker_credential_gcr.emulator.google.rest.calls import Call
from docker_credential_gcr.emulator.google.rest.errors import FailedPrecondition, InvalidArgument, NotFound
from docker_credential_gcr.emulator.identity.principal import (
    CLOUD_PLATFORM,
    Principal,
    format_service_account,
)

from .authorization import check_account

_DELEGATE = re.compile(r"projects/-/serviceAccounts/([^/]{1,128})")
_MAX_DELEGATES = 32
_DELEGATION = "iam.serviceAccounts.implicitDelegation"


async def get_account_to_act_as(call: Call, permission: str) -> ServiceAccount:
    """Returns the account in the path, if the caller has the permission on it through the delegates.

    Raises PermissionDenied, for an unknown account too; NotFound, to the operator alone; FailedPrecondition
    for a disabled account; InvalidArgument.
    """
    delegates = _parse_delegates(call.body)

    def work(connection: Connection) -> ServiceAccount:
        caller = call.caller
        for name in delegates:
            delegate = _get_account(connection, name, caller, _DELEGATION)
            caller = Principal(
                format_service_account(delegate.email), frozenset({CLOUD_PLATFORM}), key_id=None
            )
        return _get_account(connection, call.path["account"], caller, permission, call.path["project"])

    return await call.services.database.read(work)


def _get_account(
    connection: Connection, name: str, caller: Principal, permission: str, project_id: str = "-"
) -> ServiceAccount:
    account = service_accounts.find(connection, name)
    if account is None or project_id not in ("-", account.project_id):
        check_permission(connection, caller, permission, [])
        raise NotFound(f"Gaia id not found for email {name}")
    check_account(connection, account, caller, permission)
    if account.disabled:
        raise FailedPrecondition(f"Service account {account.email} is disabled.")
    return account


def _parse_delegates(body: dict[str, Any]) -> list[str]:
    delegates = body.get("delegates") or []
    if not isinstance(delegates, list) or len(delegates) > _MAX_DELEGATES:
        raise InvalidArgument(f"delegates must be a list of at most {_MAX_DELEGATES} service accounts.")
    names = []
    for delegate in delegates:
        match = _DELEGATE.fullmatch(delegate) if isinstance(delegate, str) else None
        if match is None:
            raise InvalidArgument("A delegate must be of the form projects/-/serviceAccounts/{EMAIL}.")
        names.append(match[1])
    return names
