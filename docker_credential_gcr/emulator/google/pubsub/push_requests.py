"""Requests of push subscriptions: a message as JSON, or its data alone, and the token that comes with it.

    {"message": {"data", "attributes", "messageId", "message_id", "publishTime", "publish_time"},
     "subscription": "projects/my-project/subscriptions/builds"}

https://cloud.google.com/pubsub/docs/push https://cloud.google.com/pubsub/docs/payload-unwrapping
"""

import base64
import json
from collections.abc import Mapping
from typing import Any

from docker_credential_gcr.emulator.database.accounts.service_accounts import ServiceAccount
from docker_credential_gcr.emulator.database.pubsub.backlog import Delivery
from docker_credential_gcr.emulator.database.pubsub.subscriptions import Subscription
from docker_credential_gcr.emulator.google.rest.message_schema import to_snake
from docker_credential_gcr.emulator.outgoing.client import is_header
from docker_credential_gcr.emulator.runtime.timestamps import format_milliseconds

from .messages import format_message

_METADATA = "x-goog-pubsub-"
# An attribute with such a name is no header: it would change where a request ends, or whose it is.
_RESERVED = frozenset(
    {
        *("authorization", "connection", "content-length", "expect", "host", "te", "trailer"),
        *("transfer-encoding", "upgrade", "user-agent", "via"),
    }
)


def format_request(
    subscription: Subscription, delivery: Delivery, token: str | None
) -> tuple[dict[str, str], bytes]:
    """Returns the headers and the body of the request that pushes a message."""
    push = subscription.settings["pushConfig"]
    headers = {"content-type": "application/json"}
    if "noWrapper" in push:
        body = base64.b64decode(delivery.data)
        headers["content-type"] = "application/octet-stream"
        if push["noWrapper"].get("writeMetadata"):
            headers |= _format_metadata(subscription, delivery)
    else:
        body = json.dumps(_wrap(subscription, delivery), separators=(",", ":")).encode()
    headers["user-agent"] = "gcr-emulator"
    if token is not None:
        headers["authorization"] = f"Bearer {token}"
    return headers, body


def make_claims(push_config: Mapping[str, Any], account: ServiceAccount) -> dict[str, object]:
    """Returns the claims of the token: the audience is the endpoint unless the subscription names one."""
    return {
        "aud": push_config["oidcToken"].get("audience") or push_config["pushEndpoint"],
        "azp": account.unique_id,
        "sub": account.unique_id,
        "email": account.email,
        "email_verified": True,
    }


def _wrap(subscription: Subscription, delivery: Delivery) -> dict[str, Any]:
    message = {"attributes": {}, **format_message(delivery)}
    # In both spellings, as Google's: libraries read either.
    both = {to_snake(name): message[name] for name in ("messageId", "publishTime")}
    wrapped: dict[str, Any] = {"message": {**message, **both}, "subscription": subscription.name}
    if subscription.max_attempts is not None:
        wrapped["deliveryAttempt"] = delivery.attempts
    return wrapped


def _format_metadata(subscription: Subscription, delivery: Delivery) -> dict[str, str]:
    """Returns the message's metadata and attributes as headers; what cannot be a header is left out."""
    metadata = {
        f"{_METADATA}subscription-name": subscription.name,
        f"{_METADATA}message-id": delivery.message_id,
        f"{_METADATA}publish-time": format_milliseconds(delivery.published_ms),
        **({f"{_METADATA}ordering-key": delivery.ordering_key} if delivery.ordering_key else {}),
    }
    attributes = {
        name.lower(): value for name, value in delivery.attributes.items() if name.lower() not in _RESERVED
    }
    return {name: value for name, value in {**attributes, **metadata}.items() if is_header(name, value)}
