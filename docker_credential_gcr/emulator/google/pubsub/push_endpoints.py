"""Push endpoints of subscriptions: which are accepted, and whose identity their requests may show.

https://cloud.google.com/pubsub/docs/push
"""

from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy import Connection

from docker_credential_gcr.emulator.database.accounts import service_accounts
from docker_credential_gcr.emulator.google.authorization import check_permission
from docker_credential_gcr.emulator.google.iam.authorization import check_account
from docker_credential_gcr.emulator.google.rest.calls import Call
from docker_credential_gcr.emulator.google.rest.errors import InvalidArgument
from docker_credential_gcr.emulator.outgoing.errors import OutgoingFailed, OutgoingRefused

_ACT_AS = "iam.serviceAccounts.actAs"


async def check_push_endpoint(
    call: Call, push_config: Mapping[str, Any], authorize: Callable[[Connection], object]
) -> None:
    """Raises InvalidArgument for an endpoint that the server may not send requests to.

    First `authorize` raises unless the caller may set it: others learn nothing about hosts. An unknown host
    may be known later, and is checked again before each request.
    """
    endpoint = push_config.get("pushEndpoint")
    if not endpoint:
        return
    await call.services.database.read(authorize)
    try:
        await call.services.outgoing.check(endpoint)
    except OutgoingRefused as error:
        raise InvalidArgument(f"Invalid push endpoint: {error}.") from error
    except OutgoingFailed:
        return


def check_push_config(connection: Connection, call: Call, settings: Mapping[str, Any]) -> None:
    """Raises InvalidArgument for two forms of the request, PermissionDenied for an account of others."""
    push = settings.get("pushConfig", {})
    if "noWrapper" in push and "pubsubWrapper" in push:
        raise InvalidArgument("Invalid pushConfig: it has one of noWrapper and pubsubWrapper, not both.")
    if "oidcToken" not in push:
        return
    email = push["oidcToken"].get("serviceAccountEmail", "")
    account = service_accounts.find(connection, email)
    if account is None:
        check_permission(connection, call.caller, _ACT_AS, [])
        raise InvalidArgument(f"Invalid oidcToken: the service account {email[:100]!r} does not exist.")
    check_account(connection, account, call.caller, _ACT_AS)
