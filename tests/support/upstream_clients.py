"""Clients of upstreams for tests: a scenario on one event loop, with a scripted upstream or several."""

import asyncio
from collections.abc import AsyncIterable, Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import uvloop
from support.servers.scripted_upstream import ScriptedUpstream

from docker_credential_gcr.emulator.outgoing.rule import OutgoingRule
from docker_credential_gcr.emulator.upstream.client import UpstreamClient
from docker_credential_gcr.emulator.upstream.registries import Upstream, parse_upstream
from docker_credential_gcr.emulator.upstream.tokens import UpstreamCredentials

Result = TypeVar("Result")
Scenario = Callable[[ScriptedUpstream, UpstreamClient], Awaitable[Result]]
LOCAL = OutgoingRule(loopback=True)
NAME = "library/alpine"
SECRET = UpstreamCredentials("someone", "s3cret-passw0rd", "1")


class SetClock:
    """A clock that a test turns; each sleep turns it too."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def now(self) -> float:
        return self.now_s


async def find_secret() -> UpstreamCredentials | None:
    return SECRET


async def find_loopback(_host: str, _port: int) -> Sequence[str]:
    return ["127.0.0.1"]


async def collect(
    chunks: AsyncIterable[bytes], into: bytearray, *, until: tuple[int, asyncio.Event] | None = None
) -> None:
    """Reads chunks to the end; sets an event once so many bytes are there."""
    async for chunk in chunks:
        into += chunk
        if until and len(into) >= until[0]:
            until[1].set()


def play(
    scenario: Scenario[Result],
    *,
    rule: OutgoingRule = LOCAL,
    make_upstream: Callable[[str], Upstream] = parse_upstream,
    certificate: Path | None = None,
    **options: Any,
) -> Result:
    """Runs a scenario with one upstream and a client of it."""

    async def run() -> Result:
        async with ScriptedUpstream(certificate) as server:
            options.setdefault("now", SetClock().now)
            if certificate:
                options.update(environ={"SSL_CERT_FILE": str(certificate)}, resolve=find_loopback)
            client = UpstreamClient(make_upstream(server.url), rule, **{"environ": {}, **options})
            try:
                return await scenario(server, client)
            finally:
                await client.close()

    return uvloop.run(run())  # as a server does
