"""The keys with which Google signs for service accounts: each is made when it is first needed."""

import asyncio

from sqlalchemy import Connection

from docker_credential_gcr.emulator.database.accounts import service_account_keys, service_accounts
from docker_credential_gcr.emulator.database.accounts.service_account_keys import SystemKey
from docker_credential_gcr.emulator.database.accounts.service_accounts import ServiceAccount
from docker_credential_gcr.emulator.google.dependencies import GoogleServices
from docker_credential_gcr.emulator.google.rest.errors import NotFound
from docker_credential_gcr.emulator.identity.keys.service_account_keys import generate


async def get_or_create_key(services: GoogleServices, account: ServiceAccount) -> SystemKey:
    """Returns the account's key. Raises NotFound where the account has gone meanwhile."""
    found = await services.database.read(
        lambda connection: service_account_keys.find_system(connection, account)
    )
    if found is not None:
        return found
    made = await asyncio.to_thread(generate)

    def work(connection: Connection) -> SystemKey:
        # Once more, for another request may have come first.
        present = service_accounts.find(connection, account.email)
        if present is None or present.unique_id != account.unique_id:
            raise NotFound(f"Gaia id not found for email {account.email}")
        kept = service_account_keys.find_system(connection, account)
        if kept is not None:
            return kept
        service_account_keys.add(
            connection,
            account,
            made.key_id,
            made.public_key,
            now=services.clock.now(),
            private_key=made.private_key,
        )
        return SystemKey(made.key_id, made.private_key)

    return await services.database.write(work)
