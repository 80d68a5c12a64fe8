"""API methods: decorators that state what a request may hold, and format the answer.

@writes("tagId", body=TAG)
def create_tag(connection: Connection, call: Call) -> Result:
"""

from collections.abc import Awaitable, Callable, Mapping
from functools import partial, update_wrapper
from typing import Any

from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from docker_credential_gcr.emulator.database.engine.database import Database
from docker_credential_gcr.emulator.google.dependencies import GoogleServices
from docker_credential_gcr.emulator.identity.principal import Principal

from .calls import Call, get_caller
from .message_schema import Message
from .query_parameters import normalize_names
from .request_bodies import MAX_JSON_SIZE, read_json

# JSON, or a response in another form; None is a response without content.
Result = Response | Mapping[str, Any] | None
Work = Callable[[Call], Awaitable[Result]]
DatabaseWork = Callable[[Connection, Call], Result]
Identify = Callable[[Request, GoogleServices], Awaitable[Principal]]

# The parameters of a listing. https://google.aip.dev/158
PAGE = ("pageSize", "pageToken")
NO_BODY: Message = {}
_WITH_BODY = ("POST", "PUT", "PATCH")


class Method:
    """An endpoint that authenticates the caller, reads the body, and formats what `work` returns.

    A request may hold the parameters and the members of `body` that are named here, in either spelling; all
    others are errors. An API without protobuf messages has the body None: it ignores unknown names.
    """

    def __init__(
        self,
        work: Work,
        parameters: tuple[str, ...],
        body: Message | None,
        identify: Identify,
        size: int = MAX_JSON_SIZE,
    ) -> None:
        """`size` is the body's maximum, in bytes."""
        self._work = work
        self._identify = identify
        self._size = size
        self.parameters = parameters
        self.body = body
        update_wrapper(self, work)

    async def __call__(self, request: Request, services: GoogleServices) -> Response:
        """Returns the response. Raises the errors in errors.TABLE."""
        if self.body is not None:
            request = normalize_names(request, self.parameters)
        caller = await self._identify(request, services)
        body = await read_json(request, self.body, self._size) if request.method in _WITH_BODY else {}
        answer = await self._work(Call(request, services, caller, body))
        if answer is None:
            return Response(status_code=204)
        return answer if isinstance(answer, Response) else JSONResponse(answer)


def method(
    *parameters: str,
    body: Message | None = NO_BODY,
    identify: Identify = get_caller,
    size: int = MAX_JSON_SIZE,
) -> Callable[[Work], Method]:
    """Returns the decorator of a coroutine function that answers a call."""
    return lambda work: Method(work, parameters, body, identify, size)


def _on_connection(
    run: Callable[[Database, Callable[[Connection], Result]], Awaitable[Result]],
    *parameters: str,
    body: Message | None = NO_BODY,
    identify: Identify = get_caller,
) -> Callable[[DatabaseWork], Method]:
    """Returns the decorator of a plain function that answers a call on a connection from `run`."""

    def decorate(work: DatabaseWork) -> Method:
        async def answer(call: Call) -> Result:
            return await run(call.services.database, lambda connection: work(connection, call))

        return Method(update_wrapper(answer, work), parameters, body, identify)

    return decorate


reads = partial(_on_connection, lambda database, work: database.read(work))
# For a method that may look at many rows, as a listing with a filter: no request waits for it.
scans = partial(_on_connection, lambda database, work: database.scan(work))
# A method that can refuse a request without the database uses `method`, to refuse it before it waits.
writes = partial(_on_connection, lambda database, work: database.write(work))
