"""System-managed keys, with which Google signs for service accounts: created on first use."""

import asyncio

from sqlalchemy import Connection

from docker_credential_gcr.emulator.database.accounts import service_account_keys, service_accounts
from docker_credential_gcr.emulator.database.accounts.service_account_keys import SystemKey
from docker_credential_gcr.emulator.database.accounts.service_accounts import ServiceAccount
from docker_credential_gcr.emulator.google.dependencies import GoogleServices
from docker_credential_gcr.emulator.google.rest.errors import NotFound
from docker_credential_gcr.emulator.identity.keys.service_account_keys import generate


async def get_or_create_key(services: GoogleServices, account: ServiceAccount) -> SystemKey:
    """Returns the account's key. Raises NotFound if the account was deleted since it was read."""
    found = await services.database.read(
        lambda connection: service_account_keys.find_system(connection, account)
    )
    if found is not None:
        return found
    created = await asyncio.to_thread(generate)

    def work(connection: Connection) -> SystemKey:
        # Read again: another request may have created the key.
        present = service_accounts.find(connection, account.email)
        if present is None or present.unique_id != account.unique_id:
            raise NotFound(f"Gaia id not found for email {account.email}")
        stored = service_account_keys.find_system(connection, account)
        if stored is not None:
            return stored
        service_account_keys.add(
            connection,
            account,
            created.key_id,
            created.public_key,
            now=services.clock.now(),
            private_key=created.private_key,
        )
        return SystemKey(created.key_id, created.private_key)

    return await services.database.write(work)
