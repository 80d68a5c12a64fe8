"""Formats of webhooks: an event as Docker distribution's envelope or as CloudEvents, and the signature.

Docker distribution's, with one event, where members without a value are absent:

    {"events": [{"id": "5f0c…", "timestamp": "2026-01-01T00:00:00.500Z", "action": "push",
                 "target": {"mediaType": "application/vnd.…", "size": 424, "length": 424,
                            "digest": "sha256:…", "repository": "my-project/app",
                            "url": "https://gcr.io/v2/my-project/app/manifests/sha256:…", "tag": "v1"},
                 "request": {"host": "gcr.io"}, "actor": {"name": "user:a@example.com"},
                 "source": {"addr": "gcr.io"}}]}

CloudEvents 1.0, in structured mode:

    {"specversion": "1.0", "id": "5f0c…", "type": "gcr-emulator.image.insert",
     "source": "//containerregistry.googleapis.com/projects/my-project",
     "subject": "gcr.io/my-project/app:v1", "time": "2026-01-01T00:00:00.500Z",
     "datacontenttype": "application/json", "data": {"id": 12, …}}

https://distribution.github.io/distribution/about/notifications/
https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/http-protocol-binding.md
"""

import hmac
import json
from collections.abc import Callable, Mapping, Sequence

from docker_credential_gcr.emulator.database.events.outbox import DELETE, INSERT, Event
from docker_credential_gcr.emulator.database.events.webhooks import CLOUDEVENTS, DOCKER
from docker_credential_gcr.emulator.runtime.timestamps import format_milliseconds

_DOCKER_ACTIONS = {INSERT: "push", DELETE: "delete"}
_TYPES = {INSERT: "gcr-emulator.image.insert", DELETE: "gcr-emulator.image.delete"}

_Document = dict[str, object]


def format_request(webhook_format: str, event: Event, delivery_id: str) -> tuple[str, bytes]:
    """Returns the media type and the body of a delivery: the same bytes in every attempt.

    `webhook_format` is one of database.events.webhooks.FORMATS.
    """
    media_type, format_event = _TABLE[webhook_format]
    return media_type, json.dumps(format_event(event, delivery_id)).encode()


def sign(secrets: Sequence[str], seconds: int, body: bytes) -> str:
    """Returns the signature of a body at an instant, by each secret: t=SECONDS,v1=HEX[,v1=HEX]"""
    message = b"%d.%b" % (seconds, body)
    signatures = (f",v1={hmac.digest(secret.encode(), message, 'sha256').hex()}" for secret in secrets)
    return f"t={seconds}{''.join(signatures)}"


def _format_envelope(event: Event, delivery_id: str) -> _Document:
    host = event.repository.partition("/")[0]
    document = {
        "id": delivery_id,
        "timestamp": format_milliseconds(event.at_ms, digits=3),
        "action": _DOCKER_ACTIONS[event.action],
        "target": _format_target(event),
        "request": {"host": host},
        "actor": _drop_absent({"name": event.member}),
        "source": {"addr": host},
    }
    return {"events": [document]}


def _format_target(event: Event) -> _Document:
    host, _, name = event.repository.partition("/")
    # As distribution does: nothing is at the URL of a deleted manifest.
    has_url = event.action == INSERT and event.digest is not None
    document = {
        "mediaType": event.media_type,
        "size": event.size,
        "length": event.size,
        "digest": event.digest,
        "repository": name,
        "url": f"https://{host}/v2/{name}/manifests/{event.digest}" if has_url else None,
        "tag": event.tag,
    }
    return _drop_absent(document)


def _format_cloud_event(event: Event, delivery_id: str) -> _Document:
    # An event has a tag, a digest, or both.
    end = f"@{event.digest}" if event.tag is None else f":{event.tag}"
    return {
        "specversion": "1.0",
        "id": delivery_id,
        "type": _TYPES[event.action],
        "source": f"//{event.service}/projects/{event.project}",
        "subject": f"{event.repository}{end}",
        "time": format_milliseconds(event.at_ms, digits=3),
        "datacontenttype": "application/json",
        "data": event.format_document(),
    }


def _drop_absent(document: Mapping[str, object]) -> _Document:
    return {name: value for name, value in document.items() if value is not None}


# Exactly these: some receivers compare the media type, and drop others.
_TABLE: dict[str, tuple[str, Callable[[Event, str], _Document]]] = {
    DOCKER: ("application/vnd.docker.distribution.events.v2+json", _format_envelope),
    CLOUDEVENTS: ("application/cloudevents+json", _format_cloud_event),
}
