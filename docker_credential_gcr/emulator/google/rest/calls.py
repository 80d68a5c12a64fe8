"""Call of an administrative API: a request, its caller, and its body."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection
from starlette.datastructures import QueryParams
from starlette.requests import Request

from docker_credential_gcr.emulator.google.dependencies import GoogleServices
from docker_credential_gcr.emulator.identity import audiences
from docker_credential_gcr.emulator.identity.administrators import NotAnAdministrator, find_administrator
from docker_credential_gcr.emulator.identity.principal import ANONYMOUS, Principal
from docker_credential_gcr.emulator.request_context import note_member


@dataclass(frozen=True)
class Call:
    """Call of a method; `body` is empty for GET and DELETE."""

    request: Request
    services: GoogleServices
    caller: Principal
    body: dict[str, Any]

    @property
    def path(self) -> dict[str, str]:
        """Returns the path parameters, by the names in the route."""
        names: dict[str, str] = self.request.path_params
        return names

    @property
    def query(self) -> QueryParams:
        """Returns the query parameters."""
        return self.request.query_params

    @property
    def now(self) -> float:
        """Returns the current time of the emulator's clock, in seconds since the epoch."""
        return self.services.clock.now()

    @property
    def now_ms(self) -> int:
        """Returns the same in milliseconds."""
        return int(self.now * 1000)


async def get_caller(request: Request, services: GoogleServices) -> Principal:
    """Returns the principal that sends the request. Raises NotAnAdministrator."""

    def work(connection: Connection) -> Principal:
        authenticate = services.authenticator.authenticate
        return find_administrator(
            request.headers,
            request.client.host if request.client else "",
            operator_token=services.operator_token,
            strict=services.strict_admin,
            verify=lambda token: authenticate(connection, f"Bearer {token}", audiences.APIS),
        )

    principal = await services.database.read(work)
    note_member(principal.member)
    return principal


async def get_caller_or_anonymous(request: Request, services: GoogleServices) -> Principal:
    """Returns the principal that sends the request; ANONYMOUS for a request without a credential.

    Raises NotAnAdministrator for a bad credential.
    """
    try:
        return await get_caller(request, services)
    except NotAnAdministrator:
        if "authorization" in request.headers:
            raise
        return ANONYMOUS
