"""Google's Pub/Sub emulator as a subscriber: events are published to the topics `gcr` that it has.

    POST http://127.0.0.1:8085/v1/projects/my-project/topics/gcr:publish
    {"messages": [{"data": "eyJhY3Rpb24iOiJJTlNFUlQi…"}]}

Its topics are in memory, and gone after a restart. That of Container Registry is created when a message finds
none, because the service creates it. That of Artifact Registry is the user's: without it, events are dropped.
https://cloud.google.com/pubsub/docs/emulator
"""

import json
import logging
from http import HTTPStatus

from sqlalchemy import Connection

from docker_credential_gcr.emulator.database.events.deliveries import Delivery
from docker_credential_gcr.emulator.database.events.outbox import Event
from docker_credential_gcr.emulator.database.pubsub.topics import GCR, format_topic
from docker_credential_gcr.emulator.identity.google_services import CONTAINER_REGISTRY
from docker_credential_gcr.emulator.outgoing.answer import Answer
from docker_credential_gcr.emulator.outgoing.client import OutgoingClient
from docker_credential_gcr.emulator.outgoing.errors import OutgoingError
from docker_credential_gcr.emulator.runtime.strict_json import InvalidJson, decode

from .delivery_sender import Outcome
from .fanout import PUBSUB_EMULATOR

_logger = logging.getLogger(__name__)
# Without it the answer is 404 `Not Found`.
_HEADERS = {"Content-Type": "application/json"}


class PubSubSubscriber:
    """The emulator at an address, with a slot for the events of all projects."""

    def __init__(self, address: tuple[str, int], outgoing: OutgoingClient) -> None:
        host, port = address
        self._authority = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        self._outgoing = outgoing
        # Topics that were missing: the log says so once.
        self._missing: set[str] = set()

    @property
    def name(self) -> str:
        """Returns what its deliveries are stored under; it is the same for all addresses."""
        return PUBSUB_EMULATOR

    @property
    def label(self) -> str:
        """Returns how the log names it."""
        return f"the Pub/Sub emulator at {self._authority}"

    async def send(self, delivery: Delivery) -> Outcome:
        """Publishes an event. Creates the topic of Container Registry if there is none."""
        topic = format_topic(delivery.event.project, GCR)
        try:
            return await self._publish(topic, delivery.event)
        except OutgoingError as error:
            return Outcome(str(error))

    def disable(self, connection: Connection, reason: str) -> None:
        """Does nothing: no answer disables it."""

    async def _publish(self, topic: str, event: Event) -> Outcome:
        url = f"http://{self._authority}/v1/{topic}"
        body = _encode({"messages": [{"data": event.encode_message()}]})
        answer = await self._outgoing.post(f"{url}:publish", _HEADERS, body)
        if _is_missing(answer):
            if event.service != CONTAINER_REGISTRY:
                return self._drop(topic, answer)
            made = await self._outgoing.put(url, _HEADERS, _encode({}))
            if made.status not in (HTTPStatus.OK, HTTPStatus.CONFLICT):
                return _refuse(f"it does not create {topic}", made)
            answer = await self._outgoing.post(f"{url}:publish", _HEADERS, body)
        if answer.status != HTTPStatus.OK:
            return _refuse(f"it does not publish to {topic}", answer)
        self._missing.discard(topic)
        return Outcome(status=answer.status)

    def _drop(self, topic: str, answer: Answer) -> Outcome:
        reason = f"{topic} does not exist there"
        if topic not in self._missing:
            self._missing.add(topic)
            _logger.warning("%s: %s: create it, its events are dropped until then", self.label, reason)
        return Outcome(reason, answer.status, is_final=True)


def _is_missing(answer: Answer) -> bool:
    """Returns whether an answer is Pub/Sub's word that there is no topic: other servers have a 404, too."""
    if answer.status != HTTPStatus.NOT_FOUND:
        return False
    try:
        return bool(decode(answer.body)["error"]["status"] == "NOT_FOUND")
    except (InvalidJson, LookupError, TypeError):
        return False


def _refuse(what: str, answer: Answer) -> Outcome:
    return Outcome(f"{what}, and answers {answer.status}: is it Google's Pub/Sub emulator?", answer.status)


def _encode(document: object) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode()
