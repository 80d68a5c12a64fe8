"""Service accounts (iam.googleapis.com). Keys: service_account_keys.py; deletion: account_deletion.py.

https://cloud.google.com/iam/docs/reference/rest/v1/projects.serviceAccounts
"""

from operator import attrgetter

from sqlalchemy import Connection

from docker_credential_gcr.emulator.database.accounts import service_accounts
from docker_credential_gcr.emulator.database.accounts.service_accounts import ServiceAccount
from docker_credential_gcr.emulator.google.authorization import get_project
from docker_credential_gcr.emulator.google.rest.calls import Call
from docker_credential_gcr.emulator.google.rest.errors import InvalidArgument
from docker_credential_gcr.emulator.google.rest.field_masks import list_paths
from docker_credential_gcr.emulator.google.rest.message_schema import VALUE
from docker_credential_gcr.emulator.google.rest.methods import PAGE, Result, method, reads, writes
from docker_credential_gcr.emulator.google.rest.pagination import parse_page, skip_to_page
from docker_credential_gcr.emulator.google.rest.request_messages import ACCOUNT
from docker_credential_gcr.emulator.identity.resource_names import ACCOUNT_RULE, is_account

from .authorization import format_account, get_account


@method(body={"accountId": VALUE, "serviceAccount": ACCOUNT})
async def create_account(call: Call) -> Result:
    """Creates a service account."""
    account = call.body.get("accountId")
    display_name, description = _parse_texts(call.body.get("serviceAccount", {}))
    if not isinstance(account, str) or not is_account(account):
        raise InvalidArgument(f"Invalid account ID: it must be {ACCOUNT_RULE}.")

    def work(connection: Connection) -> ServiceAccount:
        project = get_project(connection, call, "iam.serviceAccounts.create")
        return service_accounts.create(
            connection,
            project,
            account,
            display_name=display_name or "",
            description=description or "",
            now=call.now,
        )

    return format_account(await call.services.database.write(work))


@reads(*PAGE)
def list_accounts(connection: Connection, call: Call) -> Result:
    """Returns the project's service accounts, in the order of their addresses."""
    page = parse_page(call.query, maximum=100)
    project = get_project(connection, call, "iam.serviceAccounts.list")
    key = attrgetter("email")
    found = skip_to_page(service_accounts.list_in(connection, project), page, key)
    return page.format("accounts", found, format_account, key)


@reads()
def show_account(connection: Connection, call: Call) -> Result:
    """Returns one service account, by its address or unique ID."""
    return format_account(get_account(connection, call, "iam.serviceAccounts.get"))


@method(body={"serviceAccount": ACCOUNT, "updateMask": VALUE})
async def patch_account(call: Call) -> Result:
    """Changes an account's displayName and description, if updateMask names them."""
    display_name, description = _parse_texts(call.body.get("serviceAccount", {}))
    mask = call.body.get("updateMask")
    named = list_paths(mask, call.body, ACCOUNT) if isinstance(mask, str) and mask else []
    if not named:
        raise InvalidArgument("The update mask must name displayName or description, or both.")
    # A field that is named and absent becomes empty.
    display_name = (display_name or "") if ["displayName"] in named else None
    description = (description or "") if ["description"] in named else None
    return await _update(call, display_name, description)


@method(body=ACCOUNT)
async def update_account(call: Call) -> Result:
    """Changes an account's displayName and description, if the body has them."""
    return await _update(call, *_parse_texts(call.body))


@writes()
def disable_account(connection: Connection, call: Call) -> Result:
    """Disables an account: its keys and tokens are refused until it is enabled."""
    return _set_disabled(connection, call, "disable")


@writes()
def enable_account(connection: Connection, call: Call) -> Result:
    """Enables an account again."""
    return _set_disabled(connection, call, "enable")


async def _update(call: Call, display_name: str | None, description: str | None) -> Result:
    def work(connection: Connection) -> ServiceAccount:
        account = get_account(connection, call, "iam.serviceAccounts.update")
        service_accounts.update_texts(
            connection,
            account.email,
            display_name=account.display_name if display_name is None else display_name,
            description=account.description if description is None else description,
        )
        return get_account(connection, call, "iam.serviceAccounts.update")

    return format_account(await call.services.database.write(work))


def _set_disabled(connection: Connection, call: Call, verb: str) -> Result:
    account = get_account(connection, call, f"iam.serviceAccounts.{verb}")
    service_accounts.set_disabled(connection, account.email, disabled=verb == "disable")
    return {}


def _parse_texts(document: object) -> tuple[str | None, str | None]:
    """Returns the display name and the description, None if absent. Raises InvalidArgument."""
    if not isinstance(document, dict):
        raise InvalidArgument("The display name must be a string of at most 100 characters.")
    name, description = document.get("displayName"), document.get("description")
    if name is not None and (not isinstance(name, str) or len(name) > 100):
        raise InvalidArgument("The display name must be a string of at most 100 characters.")
    if description is not None and (not isinstance(description, str) or len(description) > 256):
        raise InvalidArgument("The description must be a string of at most 256 characters.")
    return name, description
