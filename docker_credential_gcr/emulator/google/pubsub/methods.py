"""Pub/Sub's API methods: as those of all APIs, after expired subscriptions were deleted."""

import logging
from functools import partial

from sqlalchemy import Connection
from starlette.requests import Request

from docker_credential_gcr.emulator.database.pubsub import backlog, subscriptions
from docker_credential_gcr.emulator.google.dependencies import GoogleServices
from docker_credential_gcr.emulator.google.rest import methods
from docker_credential_gcr.emulator.google.rest.calls import get_caller
from docker_credential_gcr.emulator.identity.principal import Principal

_logger = logging.getLogger(__name__)


async def _identify(request: Request, services: GoogleServices) -> Principal:
    caller = await get_caller(request, services)
    now_ms = int(services.clock.now() * 1000)
    if await services.database.read(lambda connection: subscriptions.has_expired(connection, now_ms)):
        await _expire(services, now_ms)
    return caller


async def _expire(services: GoogleServices, now_ms: int) -> None:
    """Deletes the subscriptions that no subscriber has used for their lifetime; the log names them."""

    def work(connection: Connection) -> list[str]:
        expired = subscriptions.list_expired(connection, now_ms)
        for subscription in expired:
            backlog.clear(connection, subscription)
            subscriptions.remove(connection, subscription)
        return [subscription.name for subscription in expired]

    for name in await services.database.write(work):
        services.count_pubsub("expired", 1)
        _logger.warning(
            "%s expired, with its messages: no subscriber used it for the ttl of its expirationPolicy", name
        )


reads = partial(methods.reads, identify=_identify)
writes = partial(methods.writes, identify=_identify)
method = partial(methods.method, identify=_identify)
