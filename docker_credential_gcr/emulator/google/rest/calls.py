"""Calls of Google's administrative APIs: the request, its caller, and what the body says."""

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
    """One call of a method; the body of a GET or DELETE is empty."""

    request: Request
    services: GoogleServices
    caller: Principal
    body: dict[str, Any]

    @property
    def path(self) -> dict[str, str]:
        """Returns the names in the path."""
        names: dict[str, str] = self.request.path_params
        return names

    @property
    def query(self) -> QueryParams:
        """Returns the parameters of the query."""
        return self.request.query_params

    @property
    def now(self) -> float:
        """Returns the present instant by the emulator's clock."""
        return self.services.clock.now()


async def get_caller(request: Request, services: GoogleServices) -> Principal:
    """Returns the principal of the request. Raises NotAnAdministrator."""

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
    """Returns the principal, or the anonymous one where the request has no credential.

    Raises NotAnAdministrator for a bad credential.
    """
    try:
        return await get_caller(request, services)
    except NotAnAdministrator:
        if "authorization" in request.headers:
            raise
        return ANONYMOUS
