"""The subject tokens that were exchanged and may not be exchanged again, until they expire by themselves."""

import hashlib

from sqlalchemy import Connection, bindparam, delete, insert

from .insertion import insert_new
from .schema_federation import spent_tokens

_INSERT = insert(spent_tokens)
_DELETE = delete(spent_tokens).where(spent_tokens.c.expires_at <= bindparam("now"))


def spend(connection: Connection, provider: str, token_id: str, *, expires_at: int, now: float) -> None:
    """Let the token of that ID, which counts at that provider, be exchanged no more. Raises AlreadyExists."""
    connection.execute(_DELETE, {"now": int(now)})
    # The name of a provider holds no NUL: the first one ends it.
    digest = hashlib.sha256(f"{provider}\0{token_id}".encode()).hexdigest()
    insert_new(connection, _INSERT, {"digest": digest, "expires_at": expires_at}, token_id)
