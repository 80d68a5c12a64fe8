"""The access keys of AWS that the operator has registered, with whom AWS would name as their owner."""

import json
from dataclasses import asdict

from sqlalchemy import Connection, bindparam, delete, insert, select

from docker_credential_gcr.emulator.identity.aws_requests import AccessKey
from docker_credential_gcr.emulator.strict_json import decode_stored

from .schema_federation import aws_access_keys

_FIND = select(aws_access_keys).where(aws_access_keys.c.access_key_id == bindparam("wanted"))
_DELETE = delete(aws_access_keys).where(aws_access_keys.c.access_key_id == bindparam("wanted"))
_INSERT = insert(aws_access_keys)


def save(connection: Connection, key: AccessKey) -> None:
    """Keep the key, in place of one of the same ID."""
    connection.execute(_DELETE, {"wanted": key.access_key_id})
    connection.execute(_INSERT, {**asdict(key), "identity": json.dumps(dict(key.identity))})


def find(connection: Connection, access_key_id: str) -> AccessKey | None:
    """The key of that ID."""
    row = connection.execute(_FIND, {"wanted": access_key_id}).one_or_none()
    if row is None:
        return None
    return AccessKey(row.access_key_id, row.secret_access_key, row.session_token, decode_stored(row.identity))
