"""T15: a URL of a user that leads to an emulator's own administrative API."""

import asyncio
from typing import Any

from docker_credential_gcr.emulator.outgoing.client import OutgoingClient
from docker_credential_gcr.emulator.outgoing.rule import OutgoingRule


def test_t15_request_to_an_emulator_is_not_the_operators(gcr_emulator: Any) -> None:
    client = OutgoingClient(OutgoingRule(loopback=True))
    answer = asyncio.run(client.post(f"{gcr_emulator.url}/_emulator/reset", {}, b""))
    assert answer.status == 401
    assert b"a proxy forwarded the request (header via)" in answer.body
