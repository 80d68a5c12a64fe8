"""What the metadata server hands out: access tokens and ID tokens of the machine's service account."""

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
# A token is handed out again until so little of it is left; Google's server does the same.
# https://cloud.google.com/compute/docs/access/authenticate-workloads#applications
RENEWED_S = 300
# Of as many accounts and scopes; the oldest makes room.
_KEPT = 64


class AccessTokenCache:
    """Access tokens of machines' accounts, each handed out again while it is fresh."""

    def __init__(self, services: GoogleServices) -> None:
        self._services = services
        self._kept: dict[tuple[int, frozenset[str]], tuple[AccessGrant, str]] = {}

    async def issue(self, account: ServiceAccount, scopes: frozenset[str]) -> dict[str, object]:
        """The token's JSON: {"access_token", "expires_in": seconds, "token_type"}"""
        now = self._services.clock.now()
        # By row, for an account of the same address may have been made anew.
        key = (account.id, scopes)
        kept = self._kept.get(key)
        if kept is None or not kept[0].issued_at <= now < kept[0].expires_at - RENEWED_S:
            # The key stands behind the token, so that both end when the account is disabled or deleted.
            signing_key = await get_or_create_key(self._services, account)
            kept = self._sign(account, signing_key.key_id, scopes, now)
            self._kept.pop(key, None)
            while len(self._kept) >= _KEPT:
                del self._kept[next(iter(self._kept))]
            self._kept[key] = kept
        grant, token = kept
        # A second less than it is good for, as Google says it.
        left_s = grant.expires_at - int(now) - 1
        return {"access_token": token, "expires_in": left_s, "token_type": "Bearer"}

    def clear(self) -> None:
        """Forget them; who has one keeps it."""
        self._kept.clear()

    def _sign(
        self, account: ServiceAccount, key_id: str, scopes: frozenset[str], now: float
    ) -> tuple[AccessGrant, str]:
        member = format_service_account(account.email)
        grant = AccessGrant(member, key_id, scopes, int(now) + LIFETIME_S, int(now))
        return grant, self._services.signer.sign_access(grant, now)


async def find_account(services: GoogleServices, machine: Instance) -> ServiceAccount | None:
    """Returns the machine's account, if it is there and its tokens count."""
    email = machine.account or ""
    return await services.database.read(lambda connection: find_active_account(connection, email))


def narrow_scopes(machine: Instance, asked: str | None) -> frozenset[str]:
    """The scopes of a token for which `scopes=A,B` was asked.

    Those of them that the machine has; all that it has where that is none, as on a virtual machine,
    whose scopes a caller cannot choose. A machine with cloud-platform has every scope.
    """
    wanted = KNOWN & set((asked or "").split(","))
    granted = wanted if CLOUD_PLATFORM in machine.scopes else wanted & set(machine.scopes)
    return frozenset(granted or machine.scopes)


async def create_id_token(
    services: GoogleServices, machine: Instance, account: ServiceAccount, audience: str, *, full: bool
) -> str:
    """An ID token of the account for the audience; `full` says more of the machine.

    https://cloud.google.com/compute/docs/instances/verifying-instance-identity#payload
    """
    claims: dict[str, Any] = {"aud": audience, "azp": account.unique_id, "sub": account.unique_id}
    if full:
        claims |= {
            "email": account.email,
            "email_verified": True,
            "google": {"compute_engine": await _describe(services, machine, account)},
        }
    # The first one makes the key, which takes a while.
    return await asyncio.to_thread(services.id_tokens.sign, claims, services.clock.now())


async def _describe(
    services: GoogleServices, machine: Instance, account: ServiceAccount
) -> dict[str, object]:
    project = await services.database.read(lambda connection: find_project(connection, machine.project))
    return {
        "instance_creation_timestamp": account.created_at,
        "instance_id": str(find_instance_id(machine)),
        "instance_name": machine.name,
        "project_id": machine.project,
        "project_number": None if project is None else int(project.number),
        "zone": machine.zone,
    }
