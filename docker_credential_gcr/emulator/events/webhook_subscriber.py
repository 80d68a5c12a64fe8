"""Webhooks as subscribers: what they are told of, and the request that tells them.

2xx is success, 410 disables the webhook, and any other answer is an attempt that failed: redirects are not
followed. Retry-After counts with 429 and 503. https://github.com/cloudevents/spec/blob/main/cloudevents/http-webhook.md
"""

import hashlib
import secrets
import time
from collections.abc import Callable, Sequence

from sqlalchemy import Connection

from docker_credential_gcr.emulator.database.events import webhooks
from docker_credential_gcr.emulator.database.events.deliveries import Delivery
from docker_credential_gcr.emulator.database.events.outbox import Event
from docker_credential_gcr.emulator.database.events.webhooks import Webhook
from docker_credential_gcr.emulator.identity.google_services import CONTAINER_REGISTRY
from docker_credential_gcr.emulator.outgoing.answer import Answer
from docker_credential_gcr.emulator.outgoing.client import OutgoingClient
from docker_credential_gcr.emulator.outgoing.errors import OutgoingError
from docker_credential_gcr.emulator.outgoing.retry_after import find_retry_after_s

from .delivery_sender import Outcome
from .webhook_formats import format_request, sign

_TEST_PROJECT = "test-project"
_GONE = 410
_BUSY = frozenset({429, 503})


class WebhookSubscriber:
    """A webhook; signatures carry the time of `system_clock`, because receivers compare it with theirs."""

    def __init__(
        self, webhook: Webhook, outgoing: OutgoingClient, system_clock: Callable[[], float] = time.time
    ) -> None:
        self._webhook, self._outgoing, self._system_clock = webhook, outgoing, system_clock

    @property
    def name(self) -> str:
        """Returns the webhook's name."""
        return self._webhook.name

    @property
    def label(self) -> str:
        """Returns how the log names it; its URL may hold a secret."""
        return f"webhook {self._webhook.name}"

    async def send(self, delivery: Delivery) -> Outcome:
        """Sends the request of one attempt."""
        return await self._post(delivery.event, delivery.name)

    async def try_out(self, now_ms: int) -> Outcome:
        """Sends an event that never was, of the image `webhook-test`."""
        webhook = self._webhook
        project = webhook.project or _TEST_PROJECT
        event = Event(
            now_ms,
            webhook.actions[0],
            project,
            CONTAINER_REGISTRY,
            f"gcr.io/{project}/webhook-test",
            digest=f"sha256:{hashlib.sha256(b'').hexdigest()}",
            tag="test",
        )
        return await self._post(event, secrets.token_hex(16))

    async def _post(self, event: Event, delivery_id: str) -> Outcome:
        content_type, body = format_request(self._webhook.format, event, delivery_id)
        headers = {"Content-Type": content_type, "X-Gcr-Emulator-Delivery": delivery_id}
        now = self._system_clock()
        if self._webhook.secrets:
            headers["X-Gcr-Emulator-Signature"] = sign(self._webhook.secrets, int(now), body)
        try:
            answer = await self._outgoing.post(self._webhook.url, headers, body)
        except OutgoingError as error:
            return Outcome(str(error))
        return _judge(answer, now)

    def disable(self, connection: Connection, reason: str) -> None:
        """Ends deliveries to the webhook."""
        webhooks.disable(connection, self._webhook.name, reason)


def _judge(answer: Answer, now: float) -> Outcome:
    if 200 <= answer.status < 300:
        return Outcome(status=answer.status)
    error, retry_after_s = f"the receiver answered {answer.status}", 0.0
    if answer.status in _BUSY:
        retry_after_s = find_retry_after_s(answer.headers, lambda: now) or 0.0
    disables = f"{error} Gone" if answer.status == _GONE else None
    return Outcome(error, answer.status, retry_after_s, disables=disables)


def list_subscribers(connection: Connection, outgoing: OutgoingClient) -> Sequence[WebhookSubscriber]:
    """Returns the webhooks that are not disabled."""
    return [
        WebhookSubscriber(each, outgoing) for each in webhooks.list_all(connection) if each.disabled is None
    ]
