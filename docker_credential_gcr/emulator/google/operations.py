"""Long-running operations, each of which is done when it is answered.

    {"name": "operations/cp.123", "done": true, "response": {"@type": "…", …}}

https://google.aip.dev/151
"""

import secrets
import uuid
from typing import Any

from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import JSONResponse

from docker_credential_gcr.emulator.identity.principal import Principal
from docker_credential_gcr.emulator.records import operations

from .access import find_caller, name_member
from .errors import NotFound
from .services import Services

EMPTY_TYPE = "type.googleapis.com/google.protobuf.Empty"


async def get_operation(request: Request, services: Services) -> JSONResponse:
    """How it went, for whom has asked for it."""
    return _get(request, services, f"operations/{request.path_params['operation']}")


async def get_located_operation(request: Request, services: Services) -> JSONResponse:
    """The same, for an API that keeps its operations where their resources are."""
    parameters = request.path_params
    name = "projects/{project}/locations/{location}/operations/{operation}".format(**parameters)
    return _get(request, services, name)


async def get_pool_operation(request: Request, services: Services) -> JSONResponse:
    """The same, of a workload identity pool or of a provider in one."""
    parameters = request.path_params
    name = "projects/{project}/locations/global/workloadIdentityPools/{pool}".format(**parameters)
    if "provider" in parameters:
        name += f"/providers/{parameters['provider']}"
    return _get(request, services, f"{name}/operations/{parameters['operation']}")


def new_id() -> str:
    """An operation's own part of its name, as Artifact Registry has it."""
    return str(uuid.uuid4())


def new_number() -> str:
    """An operation's own part of its name, as Resource Manager has it."""
    return str(10**18 + secrets.randbelow(9 * 10**18))


def finish(
    connection: Connection,
    services: Services,
    caller: Principal,
    name: str,
    response: dict[str, Any],
    metadata: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """The operation that has done its work, kept for its caller; `response` has its @type."""
    document: dict[str, Any] = {"name": name, "done": True, "response": response}
    if metadata is not None:
        document["metadata"] = metadata
    operations.add(connection, document, member=name_member(caller), now=services.clock.now())
    return document


def _get(request: Request, services: Services, name: str) -> JSONResponse:
    caller = find_caller(request, services)
    with services.database.reading() as connection:
        document = operations.find(connection, name, member=name_member(caller))
    if document is None:
        raise NotFound(f"Operation not found: {name}")
    return JSONResponse(document)
