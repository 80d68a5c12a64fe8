"""Authenticator of the registry and Google's APIs: checks a credential against the database."""

from collections.abc import Callable, Collection
from functools import partial

from sqlalchemy import Connection

from docker_credential_gcr.emulator.identity import credentials
from docker_credential_gcr.emulator.identity.credentials import Lookups
from docker_credential_gcr.emulator.identity.principal import Principal
from docker_credential_gcr.emulator.identity.tokens import AccessGrant, RegistryGrant, Signer

from . import refresh_tokens, service_account_keys, workload_identity


class Authenticator:
    """Finds the principal of a credential, by the keys, logins and pools of that moment."""

    def __init__(self, signer: Signer, now: Callable[[], float]) -> None:
        self._signer = signer
        self._now = now

    def authenticate(
        self, connection: Connection, authorization: str | None, audiences: Collection[str] = ()
    ) -> Principal:
        """Returns the principal of an Authorization header. Raises InvalidCredential."""
        return credentials.authenticate(
            authorization, _look_up_in(connection), signer=self._signer, now=self._now(), audiences=audiences
        )

    def is_active(self, connection: Connection, grant: AccessGrant | RegistryGrant) -> bool:
        """Returns whether the key, the login or the pool behind a token is still active."""
        return credentials.is_active(grant, _look_up_in(connection), now=self._now())


def _look_up_in(connection: Connection) -> Lookups:
    return Lookups(
        partial(service_account_keys.find_candidates, connection),
        partial(refresh_tokens.is_active, connection),
        partial(workload_identity.is_active, connection),
    )
