"""Tokens of the metadata server: access tokens and ID tokens of the instance's service account."""

import asyncio
from typing import Any

from docker_credential_gcr.emulator.database.accounts.service_accounts import ServiceAccount
from docker_credential_gcr.emulator.gce_instance import Instance
from docker_credential_gcr.emulator.google.authorization import find_project
from docker_credential_gcr.emulator.google.dependencies import GoogleServices
from docker_credential_gcr.emulator.google.iam.authorization import find_active_account
from docker_credential_gcr.emulator.google.iam.system_managed_keys import get_or_create_key
from docker_credential_gcr.emulator.identity.oauth.scopes import KNOWN
from docker_credential_gcr.emulator.identity.principal import CLOUD_PLATFORM, format_service_account
from docker_credential_gcr.emulator.identity.tokens import AccessGrant

from .tree import find_instance_id

LIFETIME_S = 3600
# Seconds before its expiry at which a cached token is replaced; Google's server does the same.
# https://cloud.google.com/compute/docs/access/authenticate-workloads#applications
RENEWAL_S = 300
# Tokens in the cache; the oldest is dropped first.
_CACHE_SIZE = 64


class AccessTokenCache:
    """Cache of access tokens, by account and scopes: a token is reused while it is fresh."""

    def __init__(self, services: GoogleServices) -> None:
        self._services = services
        self._cached: dict[tuple[int, frozenset[str]], tuple[AccessGrant, str]] = {}

    async def issue(self, account: ServiceAccount, scopes: frozenset[str]) -> dict[str, object]:
        """Returns {"access_token", "expires_in": seconds, "token_type"}; the token is cached while fresh."""
        now = self._services.clock.now()
        # Keyed by row: a deleted account's address may belong to a new account.
        key = (account.id, scopes)
        cached = self._cached.get(key)
        if cached is None or not cached[0].issued_at <= now < cached[0].expires_at - RENEWAL_S:
            # The token names the key: it ends with the key, when the account is disabled or deleted.
            signing_key = await get_or_create_key(self._services, account)
            cached = self._sign(account, signing_key.key_id, scopes, now)
            self._cached.pop(key, None)
            while len(self._cached) >= _CACHE_SIZE:
                del self._cached[next(iter(self._cached))]
            self._cached[key] = cached
        grant, token = cached
        # One second less than the lifetime, as Google says.
        left_s = grant.expires_at - int(now) - 1
        return {"access_token": token, "expires_in": left_s, "token_type": "Bearer"}

    def clear(self) -> None:
        """Drops the cached tokens; they stay valid for the clients that have them."""
        self._cached.clear()

    def _sign(
        self, account: ServiceAccount, key_id: str, scopes: frozenset[str], now: float
    ) -> tuple[AccessGrant, str]:
        member = format_service_account(account.email)
        grant = AccessGrant(member, key_id, scopes, int(now) + LIFETIME_S, int(now))
        return grant, self._services.signer.sign_access(grant, now)


async def find_account(services: GoogleServices, instance: Instance) -> ServiceAccount | None:
    """Returns the instance's service account, if it exists and is active."""
    email = instance.account or ""
    return await services.database.read(lambda connection: find_active_account(connection, email))


def narrow_scopes(instance: Instance, requested: str | None) -> frozenset[str]:
    """Returns the scopes of a token that is requested with `?scopes=A,B`.

    These are the requested scopes that the instance has; if it has none of them, all of the instance's
    scopes, as on a virtual machine, where a caller cannot choose. cloud-platform includes every scope.
    """
    wanted = KNOWN & set((requested or "").split(","))
    granted = wanted if CLOUD_PLATFORM in instance.scopes else wanted & set(instance.scopes)
    return frozenset(granted or instance.scopes)


async def issue_id_token(
    services: GoogleServices, instance: Instance, account: ServiceAccount, audience: str, *, full: bool
) -> str:
    """Returns an ID token of the account for the audience; `full` adds claims about the instance.

    https://cloud.google.com/compute/docs/instances/verifying-instance-identity#payload
    """
    claims: dict[str, Any] = {"aud": audience, "azp": account.unique_id, "sub": account.unique_id}
    if full:
        claims |= {
            "email": account.email,
            "email_verified": True,
            "google": {"compute_engine": await _describe(services, instance, account)},
        }
    # On a thread: the first call creates the key, which takes time.
    return await asyncio.to_thread(services.id_tokens.sign, claims, services.clock.now())


async def _describe(
    services: GoogleServices, instance: Instance, account: ServiceAccount
) -> dict[str, object]:
    project = await services.database.read(lambda connection: find_project(connection, instance.project))
    return {
        "instance_creation_timestamp": account.created_at,
        "instance_id": str(find_instance_id(instance)),
        "instance_name": instance.name,
        "project_id": instance.project,
        "project_number": None if project is None else int(project.number),
        "zone": instance.zone,
    }
