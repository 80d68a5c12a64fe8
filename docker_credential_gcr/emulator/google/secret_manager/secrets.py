"""Secrets of Secret Manager: create, get, list, patch, delete.

https://cloud.google.com/secret-manager/docs/reference/rest/v1/projects.secrets
"""

import re
from collections.abc import Mapping
from operator import attrgetter
from typing import Any

from sqlalchemy import Connection

from docker_credential_gcr.emulator.database.errors import AlreadyExists
from docker_credential_gcr.emulator.database.projects import secrets
from docker_credential_gcr.emulator.database.projects.secrets import Secret, format_secret
from docker_credential_gcr.emulator.google.rest.calls import Call
from docker_credential_gcr.emulator.google.rest.errors import Conflict, FailedPrecondition, InvalidArgument
from docker_credential_gcr.emulator.google.rest.field_masks import merge_fields
from docker_credential_gcr.emulator.google.rest.labels import parse_labels
from docker_credential_gcr.emulator.google.rest.message_schema import (
    MISSING,
    OUTPUT,
    TEXT,
    VALUE,
    Fixed,
    List,
    Map,
    Message,
)
from docker_credential_gcr.emulator.google.rest.methods import PAGE, Result, method, reads, writes
from docker_credential_gcr.emulator.google.rest.pagination import parse_page
from docker_credential_gcr.emulator.runtime.timestamps import format_milliseconds

from .authorization import get_project, get_secret

_REPLICA: Message = {"location": TEXT}
SECRET: Message = {
    **dict.fromkeys(("name", "createTime"), OUTPUT),
    "etag": TEXT,
    "labels": Map(VALUE),
    "annotations": Map(VALUE),
    "replication": Fixed(
        {
            "automatic": {"customerManagedEncryption": MISSING},
            "userManaged": {"replicas": List(_REPLICA)},
        }
    ),
    **dict.fromkeys(
        ("topics", "expireTime", "ttl", "rotation", "versionAliases", "versionDestroyTtl", "tags"), MISSING
    ),
    "customerManagedEncryption": MISSING,
}
_ID = re.compile(r"[A-Za-z0-9_-]{1,255}", re.ASCII)
# https://cloud.google.com/secret-manager/docs/annotations
_ANNOTATIONS_SIZE = 16 * 1024


@method("secretId", body=SECRET)
async def create_secret(call: Call) -> Result:
    """Creates a secret, which has no version yet."""
    secret_id = call.query.get("secretId", "")
    if not _ID.fullmatch(secret_id):
        raise InvalidArgument(
            "The provided secret ID does not match the expected format [[a-zA-Z_0-9]+]: "
            "it has 1 to 255 letters, digits, hyphens and underscores."
        )
    settings = _parse(call.body)
    if "replication" not in settings:
        raise InvalidArgument('Secret.replication must be set: {"automatic": {}}.')

    def work(connection: Connection) -> dict[str, Any]:
        project = get_project(connection, call, "secretmanager.secrets.create")
        try:
            secrets.create(connection, project.id, secret_id, settings, now_ms=call.now_ms)
        except AlreadyExists as error:
            name = format_secret(project.number, secret_id)
            raise Conflict(f"Secret [{name}] already exists.") from error
        found = secrets.find(connection, project.project_id, secret_id)
        assert found is not None  # noqa: S101 - created in this transaction
        return _format(found)

    return await call.services.database.write(work)


@reads()
def show_secret(connection: Connection, call: Call) -> Result:
    """Returns one secret."""
    return _format(get_secret(connection, call, "secretmanager.secrets.get"))


@reads(*PAGE)
def list_secrets(connection: Connection, call: Call) -> Result:
    """Returns the project's secrets."""
    page = parse_page(call.query, default=25000, maximum=25000)
    project = get_project(connection, call, "secretmanager.secrets.list")
    found = secrets.list_page(connection, project.id, page.last, page.count)
    return page.format("secrets", found, _format, attrgetter("secret_id"))


@method("updateMask", body=SECRET)
async def patch_secret(call: Call) -> Result:
    """Changes the members that updateMask names."""
    _parse(call.body)

    def work(connection: Connection) -> dict[str, Any]:
        secret = get_secret(connection, call, "secretmanager.secrets.update")
        _check_etag(call.body.get("etag", ""), secret)
        changed = merge_fields(call, _format(secret), SECRET)
        secrets.change(connection, secret, _parse(changed), now_ms=call.now_ms)
        return _format(get_secret(connection, call, "secretmanager.secrets.update"))

    return await call.services.database.write(work)


@writes("etag")
def delete_secret(connection: Connection, call: Call) -> Result:
    """Deletes a secret with its versions."""
    secret = get_secret(connection, call, "secretmanager.secrets.delete")
    _check_etag(call.query.get("etag", ""), secret)
    secrets.remove(connection, secret)
    return {}


def _check_etag(etag: str, secret: Secret) -> None:
    """Raises FailedPrecondition for the etag of an earlier state; an empty one is of any."""
    if etag and etag != _format_etag(secret):
        raise FailedPrecondition("The etag provided does not match that of the secret: read it again.")


def _parse(body: Mapping[str, Any]) -> dict[str, Any]:
    """Returns a secret's settings. Raises InvalidArgument."""
    settings = {name: body[name] for name in ("labels", "annotations", "replication") if body.get(name)}
    if "labels" in settings:
        settings["labels"] = parse_labels(settings["labels"])
    annotations = settings.get("annotations", {})
    if not all(isinstance(value, str) for value in annotations.values()):
        raise InvalidArgument("annotations must be an object of strings")
    if sum(len(f"{name}{value}".encode()) for name, value in annotations.items()) > _ANNOTATIONS_SIZE:
        raise InvalidArgument(f"annotations must be at most {_ANNOTATIONS_SIZE} bytes together")
    if "replication" in settings:
        _check_replication(settings["replication"])
    return settings


def _check_replication(replication: Mapping[str, Any]) -> None:
    if len(replication) != 1:
        raise InvalidArgument("Secret.replication must be either automatic or userManaged.")
    replicas = replication.get("userManaged", {}).get("replicas", [])
    if "userManaged" in replication and not all(replica.get("location") for replica in replicas or [{}]):
        raise InvalidArgument("Secret.replication.userManaged must name a location for each replica.")


def _format(secret: Secret) -> dict[str, Any]:
    return {
        "name": secret.name,
        **secret.settings,
        "createTime": format_milliseconds(secret.created_ms),
        "etag": _format_etag(secret),
    }


def _format_etag(secret: Secret) -> str:
    return f'"{secret.updated_ms:x}"'
