"""Keys of service accounts (iam.googleapis.com).

https://cloud.google.com/iam/docs/reference/rest/v1/projects.serviceAccounts.keys
"""

import asyncio
import base64
from typing import Any

from sqlalchemy import Connection
from starlette.responses import JSONResponse

from docker_credential_gcr.emulator.database.accounts import service_account_keys
from docker_credential_gcr.emulator.database.accounts.service_account_keys import StoredKey
from docker_credential_gcr.emulator.database.accounts.service_accounts import ServiceAccount
from docker_credential_gcr.emulator.google.rest.calls import Call
from docker_credential_gcr.emulator.google.rest.errors import FailedPrecondition, InvalidArgument, NotFound
from docker_credential_gcr.emulator.google.rest.message_schema import MISSING, VALUE
from docker_credential_gcr.emulator.google.rest.methods import Result, method, reads, writes
from docker_credential_gcr.emulator.identity.keys.certificates import InvalidCertificate, parse_certificate
from docker_credential_gcr.emulator.identity.keys.service_account_keys import format_key_file, generate
from docker_credential_gcr.emulator.runtime.timestamps import format_instant

from .authorization import get_account

_FILE_TYPE = "TYPE_GOOGLE_CREDENTIALS_FILE"
_TYPE = "USER_MANAGED"
_SYSTEM_TYPE = "SYSTEM_MANAGED"
_ALGORITHM = "KEY_ALG_RSA_2048"
# field -> values that a request may have; the first is the default, as Google's.
_KINDS = {
    "privateKeyType": (_FILE_TYPE, "TYPE_UNSPECIFIED"),
    "keyAlgorithm": (_ALGORITHM, "KEY_ALG_UNSPECIFIED"),
}


@method(body={"privateKeyType": VALUE, "keyAlgorithm": VALUE})
async def create_key(call: Call) -> Result:
    """Creates a key, and returns its private half, which the emulator does not store."""
    for field, known in _KINDS.items():
        if call.body.get(field, known[0]) not in known:
            raise InvalidArgument(f"gcr-emulator can only create keys with the {field} {known[0]}.")
    database, permission = call.services.database, "iam.serviceAccountKeys.create"
    await database.read(lambda connection: get_account(connection, call, permission))
    key = await asyncio.to_thread(generate)

    def work(connection: Connection) -> tuple[ServiceAccount, StoredKey]:
        # Checked again: the account or the policy may have changed while the key was generated.
        account = get_account(connection, call, permission)
        return account, service_account_keys.add(
            connection, account, key.key_id, key.public_key, now=call.now
        )

    account, registered = await database.write(work)
    file = format_key_file(
        key, project_id=account.project_id, email=account.email, unique_id=account.unique_id
    )
    return JSONResponse(
        {
            **_format(registered),
            "privateKeyType": _FILE_TYPE,
            "privateKeyData": base64.b64encode(file.encode()).decode(),
        },
        headers={"Cache-Control": "no-store"},
    )


@method(body={"publicKeyData": VALUE})
async def upload_key(call: Call) -> Result:
    """Registers a key that the user generated, by its certificate."""
    try:
        key = parse_certificate(call.body.get("publicKeyData"))
    except InvalidCertificate as error:
        raise InvalidArgument(f"Invalid public key: {error}.") from error

    def work(connection: Connection) -> StoredKey:
        account = get_account(connection, call, "iam.serviceAccountKeys.create")
        return service_account_keys.add(
            connection,
            account,
            key.key_id,
            key.public_key,
            now=call.now,
            expires_at=key.expires_at,
            uploaded=True,
        )

    return _format(await call.services.database.write(work))


@reads("keyTypes")
def list_keys(connection: Connection, call: Call) -> Result:
    """Returns the account's keys of the types in ?keyTypes=, or all; oldest first, in one page."""
    types = call.query.getlist("keyTypes")
    stored = service_account_keys.list_of(
        connection, get_account(connection, call, "iam.serviceAccountKeys.list")
    )
    shown = [key for key in map(_format, stored) if not types or key["keyType"] in types]
    return {"keys": shown} if shown else {}


@reads("publicKeyType")
def show_key(connection: Connection, call: Call) -> Result:
    """Returns one key; ?publicKeyType= adds the public half, its PEM in base64."""
    key = _get(connection, call, "iam.serviceAccountKeys.get")
    document = _format(key)
    if call.query.get("publicKeyType") == "TYPE_RAW_PUBLIC_KEY":
        document["publicKeyData"] = base64.b64encode(key.key.public_key.encode()).decode()
    return document


@writes()
def delete_key(connection: Connection, call: Call) -> Result:
    """Deletes a key: its signatures are refused from now on."""
    key = _get_user_managed(connection, call, "iam.serviceAccountKeys.delete")
    service_account_keys.remove(connection, key.key.key_id)
    return {}


@writes(body={"serviceAccountKeyDisableReason": MISSING, "extendedStatusMessage": MISSING})
def disable_key(connection: Connection, call: Call) -> Result:
    """Disables the key: its signatures are refused until it is enabled."""
    return _set_disabled(connection, call, "disable")


@writes()
def enable_key(connection: Connection, call: Call) -> Result:
    """Enables the key again."""
    return _set_disabled(connection, call, "enable")


def _set_disabled(connection: Connection, call: Call, verb: str) -> Result:
    key = _get_user_managed(connection, call, f"iam.serviceAccountKeys.{verb}")
    service_account_keys.set_disabled(connection, key.key.key_id, disabled=verb == "disable")
    return {}


def _get(connection: Connection, call: Call, permission: str) -> StoredKey:
    account = get_account(connection, call, permission)
    stored = service_account_keys.find_stored(connection, call.path["key"])
    if stored is None or stored.key.email != account.email:
        raise NotFound("Service account key not found.")
    return stored


def _get_user_managed(connection: Connection, call: Call, permission: str) -> StoredKey:
    """Returns the key in the path, to change it. Raises FailedPrecondition for a system-managed key."""
    stored = _get(connection, call, permission)
    if stored.is_system_managed:
        raise FailedPrecondition("The key is managed by Google: only user-managed keys can be changed.")
    return stored


def _format(stored: StoredKey) -> dict[str, Any]:
    key = stored.key
    document: dict[str, Any] = {
        "name": f"projects/{key.project_id}/serviceAccounts/{key.email}/keys/{key.key_id}",
        "validAfterTime": format_instant(key.created_at),
        "validBeforeTime": format_instant(key.expires_at),
        "keyAlgorithm": _ALGORITHM,
        "keyOrigin": "USER_PROVIDED" if stored.uploaded else "GOOGLE_PROVIDED",
        "keyType": _SYSTEM_TYPE if stored.is_system_managed else _TYPE,
    }
    return {**document, "disabled": True} if stored.disabled else document
