"""Long-running operations: here each is done when its method returns.

    {"name": "operations/cp.123", "done": true, "response": {"@type": "…", …}}

https://google.aip.dev/151
"""

import secrets
import uuid
from typing import Any

from sqlalchemy import Connection

from docker_credential_gcr.emulator.database.projects import operations

from .calls import Call
from .errors import NotFound
from .methods import Result, reads

EMPTY_TYPE = "type.googleapis.com/google.protobuf.Empty"


@reads()
def show_operation(connection: Connection, call: Call) -> Result:
    """Returns an operation to the caller that started it."""
    return _get(connection, call)


@reads()
def cancel_operation(connection: Connection, call: Call) -> Result:
    """Returns nothing: an operation that is done is not cancelled. https://google.aip.dev/151"""
    _get(connection, call)
    return {}


def _get(connection: Connection, call: Call) -> dict[str, Any]:
    """Returns an operation to its caller; its name is the path after the API's version. Raises NotFound."""
    name = call.request.scope["path"].split("/", 2)[2].removesuffix(":cancel")
    document: dict[str, Any] | None = operations.find(connection, name, member=call.caller.member or "")
    if document is None:
        raise NotFound(f"Operation not found: {name}")
    return document


def create_operation_id() -> str:
    """Returns the last part of a new operation's name, in Artifact Registry's form."""
    return str(uuid.uuid4())


def create_operation_number() -> str:
    """Returns the last part of a new operation's name, in Resource Manager's form."""
    return str(10**18 + secrets.randbelow(9 * 10**18))


def finish_operation(
    connection: Connection,
    call: Call,
    name: str,
    response: dict[str, Any],
    metadata: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Returns a finished operation, and stores it for its caller; `response` has its @type."""
    document: dict[str, Any] = {"name": name, "done": True, "response": response}
    if metadata is not None:
        document["metadata"] = metadata
    operations.add(connection, document, member=call.caller.member or "", now=call.now)
    return document
