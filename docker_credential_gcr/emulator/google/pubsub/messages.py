"""Messages of Pub/Sub in JSON: {"data": base64, "attributes": {…}, "messageId", "publishTime"}

https://cloud.google.com/pubsub/docs/reference/rest/v1/PubsubMessage
"""

import base64
import binascii
from collections.abc import Mapping
from typing import Any

from docker_credential_gcr.emulator.database.pubsub.backlog import AckId, Delivery
from docker_credential_gcr.emulator.database.pubsub.publishing import NewMessage
from docker_credential_gcr.emulator.google.rest.errors import InvalidArgument
from docker_credential_gcr.emulator.google.rest.message_schema import OUTPUT, TEXT, List, Map, Message
from docker_credential_gcr.emulator.runtime.timestamps import format_milliseconds

PUBLISH: Message = {
    "messages": List(
        {
            "data": TEXT,
            "attributes": Map(TEXT),
            "orderingKey": TEXT,
            "messageId": OUTPUT,
            "publishTime": OUTPUT,
        }
    )
}
# https://cloud.google.com/pubsub/quotas#resource_limits
MAX_MESSAGES = 1000
MAX_SIZE = 10_000_000
_MAX_ATTRIBUTES = 100
_MAX_KEY_SIZE = 256
_MAX_VALUE_SIZE = 1024
_ACK_ID_SIZE = 200


def parse_messages(body: Mapping[str, Any]) -> list[NewMessage]:
    """Returns the messages in the body of a publish request. Raises InvalidArgument."""
    found = body.get("messages", [])
    if not found:
        raise InvalidArgument("No messages to publish: a request has at least one.")
    if len(found) > MAX_MESSAGES:
        raise InvalidArgument(
            f"The value for messages is too large: at most {MAX_MESSAGES} are published at once."
        )
    parsed = [_parse(each) for each in found]
    if sum(message.size for message in parsed) > MAX_SIZE:
        raise InvalidArgument(f"The messages of a request have at most {MAX_SIZE} bytes together.")
    return parsed


def format_message(delivery: Delivery) -> dict[str, Any]:
    """Returns a message as JSON."""
    document: dict[str, Any] = {
        "data": delivery.data,
        "attributes": dict(delivery.attributes),
        "messageId": delivery.message_id,
        "publishTime": format_milliseconds(delivery.published_ms),
        "orderingKey": delivery.ordering_key,
    }
    return {name: value for name, value in document.items() if value}


def format_ack_id(ack_id: AckId) -> str:
    """Returns the ID with which a subscriber acknowledges a delivery."""
    return base64.urlsafe_b64encode(f"{ack_id.row}:{ack_id.lease}".encode()).decode()


def parse_ack_ids(body: Mapping[str, Any]) -> list[AckId]:
    """Returns the ackIds in the body of a request. Raises InvalidArgument."""
    texts = body.get("ackIds", [])
    if not texts:
        raise InvalidArgument("No ack ids specified: a request has at least one.")
    return [_parse_ack_id(text) for text in texts]


def _parse_ack_id(text: str) -> AckId:
    try:
        if len(text) > _ACK_ID_SIZE:
            raise ValueError(text)
        decoded = base64.b64decode(text, altchars="-_", validate=True).decode("ascii")
        row, colon, lease = decoded.partition(":")
        if not (colon and lease.isalnum() and row.isdigit() and len(row) < 19):
            raise ValueError(text)
    except ValueError as error:
        raise InvalidArgument(
            f"You have passed an invalid ack ID to the service (ack_id={text[:_ACK_ID_SIZE]})."
        ) from error
    return AckId(int(row), lease)


def _parse(document: Mapping[str, Any]) -> NewMessage:
    data, attributes = document.get("data", ""), document.get("attributes", {})
    if not data and not attributes:
        raise InvalidArgument("Some messages are empty: a message has data or attributes.")
    key = document.get("orderingKey", "")
    if len(attributes) > _MAX_ATTRIBUTES:
        raise InvalidArgument(f"A message has at most {_MAX_ATTRIBUTES} attributes.")
    for name, value in attributes.items():
        if not name or len(name.encode()) > _MAX_KEY_SIZE or name.lower().startswith("goog"):
            raise InvalidArgument(
                f"Invalid attribute {name[:100]!r}: its key has 1 to {_MAX_KEY_SIZE} bytes, and does not "
                "begin with goog."
            )
        if len(value.encode()) > _MAX_VALUE_SIZE:
            raise InvalidArgument(
                f"The value of the attribute {name!r} has more than {_MAX_VALUE_SIZE} bytes."
            )
    if len(key.encode()) > _MAX_VALUE_SIZE:
        raise InvalidArgument(f"An ordering key has at most {_MAX_VALUE_SIZE} bytes.")
    return NewMessage(_normalize(data), attributes, key)


def _normalize(data: str) -> str:
    """Returns the data in the base64 of protobuf's JSON, for either alphabet, with or without padding."""
    text = data.replace("-", "+").replace("_", "/").rstrip("=")
    try:
        decoded = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidArgument("Invalid value at 'messages.data': Base64 decoding failed.") from error
    return base64.b64encode(decoded).decode()
