"""Versions of secrets: add, get, list, access, enable, disable, destroy.

https://cloud.google.com/secret-manager/docs/reference/rest/v1/projects.secrets.versions
"""

import base64
import binascii
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection

from docker_credential_gcr.emulator.database.projects import secrets
from docker_credential_gcr.emulator.database.projects.secrets import (
    DESTROYED,
    DISABLED,
    ENABLED,
    Secret,
    Version,
)
from docker_credential_gcr.emulator.google.rest.calls import Call
from docker_credential_gcr.emulator.google.rest.errors import FailedPrecondition, InvalidArgument, NotFound
from docker_credential_gcr.emulator.google.rest.message_schema import TEXT, VALUE, Message
from docker_credential_gcr.emulator.google.rest.methods import PAGE, Method, Result, method, reads
from docker_credential_gcr.emulator.google.rest.pagination import parse_page
from docker_credential_gcr.emulator.runtime.timestamps import format_milliseconds

from .authorization import get_secret

_PAYLOAD: Message = {"payload": {"data": TEXT, "dataCrc32c": VALUE}}
_CHANGE: Message = {"etag": TEXT}
# https://cloud.google.com/secret-manager/quotas
MAX_SIZE = 64 * 1024
_LATEST = "latest"
_MOST_DIGITS = 15
_NO_VERSION = 2**53


@method(body=_PAYLOAD)
async def add_version(call: Call) -> Result:
    """Adds a version, with the bytes of the secret."""
    data, is_checked = _parse_payload(call.body.get("payload", {}))

    def work(connection: Connection) -> dict[str, Any]:
        secret = get_secret(connection, call, "secretmanager.versions.add")
        version = secrets.add_version(connection, secret, data, is_checked=is_checked, now_ms=call.now_ms)
        return _format(secret, version)

    return await call.services.database.write(work)


@reads()
def show_version(connection: Connection, call: Call) -> Result:
    """Returns a version without its bytes."""
    secret = get_secret(connection, call, "secretmanager.versions.get")
    return _format(secret, _find(connection, secret, call.path["number"]))


@reads(*PAGE)
def list_versions(connection: Connection, call: Call) -> Result:
    """Returns the versions of a secret, the newest first."""
    page = parse_page(call.query, default=25000, maximum=25000)
    secret = get_secret(connection, call, "secretmanager.versions.list")
    before = int(page.last) if page.last.isascii() and page.last.isdigit() else _NO_VERSION
    found = secrets.list_versions(connection, secret, before, page.count)
    return page.format(
        "versions", found, lambda version: _format(secret, version), lambda version: str(version.number)
    )


@method()
async def access_version(call: Call) -> Result:
    """Returns the bytes of a version that is enabled."""

    def work(connection: Connection) -> tuple[str, bytes]:
        secret = get_secret(connection, call, "secretmanager.versions.access")
        version = _find(connection, secret, call.path["number"])
        name = _format_name(secret, version)
        if version.state != ENABLED:
            raise FailedPrecondition(f"Secret Version [{name}] is in {version.state} state.")
        return name, secrets.read(connection, secret, version.number)

    name, data = await call.services.database.read(work)
    payload = {"data": base64.b64encode(data).decode(), "dataCrc32c": str(_compute_crc32c(data))}
    return {"name": name, "payload": payload}


def _change_to(state: str, verb: str) -> Method:
    async def answer(call: Call) -> Result:
        def work(connection: Connection) -> dict[str, Any]:
            secret = get_secret(connection, call, f"secretmanager.versions.{verb}")
            version = _find(connection, secret, call.path["number"])
            if call.body.get("etag", "") not in ("", _format_etag(version)):
                raise FailedPrecondition("The etag provided does not match that of the version.")
            if version.state == DESTROYED:
                name = _format_name(secret, version)
                raise FailedPrecondition(f"Secret Version [{name}] is in DESTROYED state.")
            secrets.set_state(connection, secret, version.number, state, now_ms=call.now_ms)
            return _format(secret, _find(connection, secret, str(version.number)))

        return await call.services.database.write(work)

    answer.__doc__ = f"Changes the state of a version to {state}."
    return method(body=_CHANGE)(answer)


enable_version = _change_to(ENABLED, "enable")
disable_version = _change_to(DISABLED, "disable")
destroy_version = _change_to(DESTROYED, "destroy")


def _find(connection: Connection, secret: Secret, text: str) -> Version:
    """Returns the version of a number, or the newest one for `latest`. Raises NotFound, InvalidArgument."""
    if text != _LATEST and not (text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS):
        raise InvalidArgument(f"A version is a number or latest, not {text[:50]!r}.")
    number = secret.last if text == _LATEST else int(text)
    found = secrets.find_version(connection, secret, number)
    if found is None and text == _LATEST:
        raise NotFound(f"Secret [{secret.name}] not found or has no versions.")
    if found is None:
        raise NotFound(f"Secret Version [{secret.name}/versions/{text}] not found.")
    return found


def _parse_payload(payload: Mapping[str, Any]) -> tuple[bytes, bool]:
    """Returns the bytes of a payload, and whether it has a checksum. Raises InvalidArgument."""
    try:
        data = base64.b64decode(payload.get("data", "").replace("-", "+").replace("_", "/"), validate=True)
    except binascii.Error as error:
        raise InvalidArgument("Invalid value at 'payload.data' (TYPE_BYTES): it is not Base64.") from error
    if len(data) > MAX_SIZE:
        raise InvalidArgument(f"The secret payload is larger than {MAX_SIZE} bytes.")
    checksum = payload.get("dataCrc32c")
    if checksum is not None and str(checksum) != str(_compute_crc32c(data)):
        raise InvalidArgument("The checksum dataCrc32c does not match the data of the payload.")
    return data, checksum is not None


def _compute_crc32c(data: bytes) -> int:
    import google_crc32c  # 10 ms

    return int(google_crc32c.value(data))


def _format_name(secret: Secret, version: Version) -> str:
    return f"{secret.name}/versions/{version.number}"


def _format_etag(version: Version) -> str:
    return f'"{version.created_ms:x}-{version.state.lower()}"'


def _format(secret: Secret, version: Version) -> dict[str, Any]:
    document: dict[str, Any] = {
        "name": _format_name(secret, version),
        "createTime": format_milliseconds(version.created_ms),
        "state": version.state,
        "etag": _format_etag(version),
        "clientSpecifiedPayloadChecksum": version.is_checked,
    }
    if version.destroyed_ms is not None:
        document["destroyTime"] = format_milliseconds(version.destroyed_ms)
    status = secret.settings.get("replication", {})
    if "automatic" in status:
        document["replicationStatus"] = {"automatic": {}}
    return {name: value for name, value in document.items() if value is not False}
