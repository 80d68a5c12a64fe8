"""iam.googleapis.com: the keys of service accounts.

https://cloud.google.com/iam/docs/reference/rest/v1/projects.serviceAccounts.keys
"""

import asyncio
import base64
from typing import Any

from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import JSONResponse

from docker_credential_gcr.emulator.identity import service_account_keys
from docker_credential_gcr.emulator.identity.principal import Principal
from docker_credential_gcr.emulator.identity.service_account_certificates import (
    InvalidCertificate,
    parse_certificate,
)
from docker_credential_gcr.emulator.records import keys
from docker_credential_gcr.emulator.records.keys import KeptKey
from docker_credential_gcr.emulator.records.service_accounts import ServiceAccount

from .access import find_caller
from .account_access import find_account
from .bodies import read_json
from .errors import FailedPrecondition, InvalidArgument, NotFound
from .services import Services
from .times import format_instant

_FILE_TYPE = "TYPE_GOOGLE_CREDENTIALS_FILE"
_TYPE = "USER_MANAGED"
_SYSTEM_TYPE = "SYSTEM_MANAGED"
_ALGORITHM = "KEY_ALG_RSA_2048"
# What a request may say; Google's own default is the key file.
_KINDS = {
    "privateKeyType": (_FILE_TYPE, "TYPE_UNSPECIFIED"),
    "keyAlgorithm": (_ALGORITHM, "KEY_ALG_UNSPECIFIED"),
}


async def create_key(request: Request, services: Services) -> JSONResponse:
    """Make a key. This answer is the only place where its private half is ever seen."""
    caller = find_caller(request, services)
    body = await read_json(request)
    for field, known in _KINDS.items():
        if body.get(field, known[0]) not in known:
            raise InvalidArgument(f"gcr-emulator makes no other {field} than {known[0]}.")
    permission = "iam.serviceAccountKeys.create"
    with services.database.reading() as connection:
        find_account(connection, request, caller, permission)
    key = await asyncio.to_thread(service_account_keys.generate)

    def work(connection: Connection) -> tuple[ServiceAccount, KeptKey]:
        # Once more, for either may have changed meanwhile.
        account = find_account(connection, request, caller, permission)
        now = services.clock.now()
        return account, keys.add(connection, account, key.key_id, key.public_key, now=now)

    account, registered = await services.database.write(work)
    file = service_account_keys.format_key_file(
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


async def upload_key(request: Request, services: Services) -> JSONResponse:
    """Register a key whose private half the user has made, by its certificate."""
    caller = find_caller(request, services)
    try:
        key = parse_certificate((await read_json(request)).get("publicKeyData"))
    except InvalidCertificate as error:
        raise InvalidArgument(f"Invalid public key: {error}.") from error

    def work(connection: Connection) -> KeptKey:
        account = find_account(connection, request, caller, "iam.serviceAccountKeys.create")
        return keys.add(
            connection,
            account,
            key.key_id,
            key.public_key,
            now=services.clock.now(),
            expires_at=key.expires_at,
            uploaded=True,
        )

    return JSONResponse(_format(await services.database.write(work)))


async def list_keys(request: Request, services: Services) -> JSONResponse:
    """The account's keys, oldest first, all in one page; those of Google's keyTypes=SYSTEM_MANAGED too."""
    caller = find_caller(request, services)
    types = request.query_params.getlist("keyTypes")
    with services.database.reading() as connection:
        account = find_account(connection, request, caller, "iam.serviceAccountKeys.list")
        kept = keys.list_of(connection, account)
    shown = [key for key in map(_format, kept) if not types or key["keyType"] in types]
    return JSONResponse({"keys": shown} if shown else {})


async def get_key(request: Request, services: Services) -> JSONResponse:
    """What is known of one key; the public half is base64 of its PEM."""
    caller = find_caller(request, services)
    with services.database.reading() as connection:
        key = _find(connection, request, caller, "iam.serviceAccountKeys.get")
    body = _format(key)
    if request.query_params.get("publicKeyType") == "TYPE_RAW_PUBLIC_KEY":
        body["publicKeyData"] = base64.b64encode(key.key.public_key.encode()).decode()
    return JSONResponse(body)


async def delete_key(request: Request, services: Services) -> JSONResponse:
    """Delete a key: whatever it has signed is refused from now on."""
    caller = find_caller(request, services)

    def work(connection: Connection) -> None:
        key = _find_own(connection, request, caller, "iam.serviceAccountKeys.delete")
        keys.remove(connection, key.key.key_id)

    await services.database.write(work)
    return JSONResponse({})


async def disable_key(request: Request, services: Services) -> JSONResponse:
    """Let the key open nothing, until it is enabled."""
    return await _set_disabled(request, services, disabled=True)


async def enable_key(request: Request, services: Services) -> JSONResponse:
    """Let the key open what it did."""
    return await _set_disabled(request, services, disabled=False)


async def _set_disabled(request: Request, services: Services, *, disabled: bool) -> JSONResponse:
    caller = find_caller(request, services)
    await read_json(request)
    verb = "disable" if disabled else "enable"

    def work(connection: Connection) -> None:
        key = _find_own(connection, request, caller, f"iam.serviceAccountKeys.{verb}")
        keys.set_disabled(connection, key.key.key_id, disabled=disabled)

    await services.database.write(work)
    return JSONResponse({})


def _find(connection: Connection, request: Request, caller: Principal, permission: str) -> KeptKey:
    account = find_account(connection, request, caller, permission)
    kept = keys.find_kept(connection, request.path_params["key"])
    if kept is None or kept.key.email != account.email:
        raise NotFound("Service account key not found.")
    return kept


def _find_own(connection: Connection, request: Request, caller: Principal, permission: str) -> KeptKey:
    """As `_find`, for what only the user's own keys suffer."""
    kept = _find(connection, request, caller, permission)
    if kept.kept_whole:
        raise FailedPrecondition("The key is managed by Google, and changed by nobody else.")
    return kept


def _format(kept: KeptKey) -> dict[str, Any]:
    key = kept.key
    document: dict[str, Any] = {
        "name": f"projects/{key.project_id}/serviceAccounts/{key.email}/keys/{key.key_id}",
        "validAfterTime": format_instant(key.created_at),
        "validBeforeTime": format_instant(key.expires_at),
        "keyAlgorithm": _ALGORITHM,
        "keyOrigin": "USER_PROVIDED" if kept.uploaded else "GOOGLE_PROVIDED",
        "keyType": _SYSTEM_TYPE if kept.kept_whole else _TYPE,
    }
    return {**document, "disabled": True} if kept.disabled else document
