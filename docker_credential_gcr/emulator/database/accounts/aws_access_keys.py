"""AWS access keys that the operator has registered, each with its owner as AWS names it."""

from dataclasses import asdict, fields

from sqlalchemy import Connection, bindparam, delete, insert, select

from docker_credential_gcr.emulator.database.schema.federation import aws_access_keys
from docker_credential_gcr.emulator.identity.federation.aws_sigv4 import AccessKey

_FIND = select(*(aws_access_keys.c[column.name] for column in fields(AccessKey))).where(
    aws_access_keys.c.access_key_id == bindparam("wanted")
)
_DELETE = delete(aws_access_keys).where(aws_access_keys.c.access_key_id == bindparam("wanted"))
_INSERT = insert(aws_access_keys)


def save(connection: Connection, key: AccessKey) -> None:
    """Saves the key, in place of one with the same ID."""
    connection.execute(_DELETE, {"wanted": key.access_key_id})
    connection.execute(_INSERT, {**asdict(key), "identity": dict(key.identity)})


def find(connection: Connection, access_key_id: str) -> AccessKey | None:
    """Returns the key of that ID."""
    row = connection.execute(_FIND, {"wanted": access_key_id}).one_or_none()
    return None if row is None else AccessKey(*row)
