"""Webhooks at /_emulator/: receivers that are told what happened to images.

POST   /_emulator/webhooks                {"url": "http://localhost:8080/", "project": "my-project",
                                           "events": ["insert", "delete"], "format": "docker", "secret": "…"}
201                                       {"id": "5f0c12ab34cd", "url": …, "project": …, "events": […],
                                           "format": "docker", "signed": true,
                                           "created": "2026-01-01T00:00:00Z"}
GET    /_emulator/webhooks                {"webhooks": […]}; `disabled` is why one gets nothing more
DELETE /_emulator/webhooks/ID             204
POST   /_emulator/webhooks/ID:test        {"status": 200}, or 502 if the receiver does not accept
GET    /_emulator/webhooks/ID/deliveries  {"deliveries": [{"id": "…", "event": {…}, "state": "waiting",
                                           "attempts": 2, "due": "2026-01-01T00:00:00.123000Z", "status": 500,
                                           "error": "…"}]}: the newest first; `?state=failed` selects
POST   /_emulator/webhooks/ID:redeliver   {"deliveries": ["…"]} or {"failed": true}; {"redelivered": 1}

Only the URL is required. A secret is never shown.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Protocol

from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from docker_credential_gcr.emulator.database.engine.database import Database
from docker_credential_gcr.emulator.database.events import deliveries, webhooks
from docker_credential_gcr.emulator.database.events.deliveries import STATES, Delivery
from docker_credential_gcr.emulator.database.events.webhooks import ACTIONS, DOCKER, FORMATS, Webhook
from docker_credential_gcr.emulator.identity.resource_names import is_project_id
from docker_credential_gcr.emulator.runtime.timestamps import format_instant, format_milliseconds

from .request_body import InvalidBody, load

_MOST = 100
_MAX_URL = 2048
_MAX_SECRET = 1024
_LISTED = 1000
_MAX_REDELIVERED = 1000
_FIELDS = ("url", "project", "events", "format", "secret")


class UnknownWebhook(LookupError):
    """No webhook has the ID."""

    def __init__(self, name: str) -> None:
        super().__init__(f"there is no webhook {name[:100]!r}: `gcr-emulator webhook list` lists them")


class TooManyWebhooks(Exception):
    """There are as many webhooks as there may be."""

    def __init__(self) -> None:
        super().__init__(f"there are {_MOST} webhooks, and no more are possible: delete one first")


class WebhookNotAccepted(Exception):
    """The receiver did not accept a test; the message says why."""


class Receivers(Protocol):
    """What sends to the receivers of webhooks."""

    async def admit(self) -> None:
        """Adds the deliveries of every event that is committed."""

    async def check_url(self, url: str) -> None:
        """Raises OutgoingError for a URL that the server may not send to."""

    async def try_webhook(self, webhook: Webhook) -> tuple[int | None, str | None]:
        """Sends an event that never was; returns the receiver's status, and the error."""


class WebhookEndpoints:
    """Endpoints of webhooks."""

    def __init__(self, database: Database, now: Callable[[], float], receivers: Receivers) -> None:
        self._database, self._now, self._receivers = database, now, receivers

    async def create(self, request: Request) -> Response:
        """Creates a webhook."""
        webhook = _parse(await load(request), now=self._now())
        await self._receivers.check_url(webhook.url)

        def work(connection: Connection) -> None:
            if len(webhooks.list_all(connection)) >= _MOST:
                raise TooManyWebhooks
            webhooks.create(connection, webhook)

        await self._database.write(work)
        return JSONResponse(_format(webhook), 201)

    async def list(self, _request: Request) -> Response:
        """Lists all webhooks, the oldest first."""
        found = await self._database.read(webhooks.list_all)
        return JSONResponse({"webhooks": [_format(each) for each in found]})

    async def delete(self, request: Request) -> Response:
        """Deletes a webhook and its deliveries."""
        name = request.path_params["webhook"]
        if not await self._database.write(partial(webhooks.remove, name=name)):
            raise UnknownWebhook(name)
        return Response(status_code=204)

    async def test(self, request: Request) -> Response:
        """Sends an event that never was; a disabled webhook is enabled if the receiver accepts it."""
        name = request.path_params["webhook"]
        webhook = await self._database.read(partial(_find, name=name))
        status, error = await self._receivers.try_webhook(webhook)
        if error is not None:
            raise WebhookNotAccepted(error)
        if webhook.disabled is not None:
            await self._database.write(partial(webhooks.enable, name=name))
        return JSONResponse({"status": status})

    async def list_deliveries(self, request: Request) -> Response:
        """Lists the deliveries to a webhook."""
        name, states = request.path_params["webhook"], _parse_states(request.query_params)
        await self._receivers.admit()

        def work(connection: Connection) -> list[Delivery]:
            _find(connection, name)
            return deliveries.list_newest(connection, name, states=states, count=_LISTED)

        found = await self._database.read(work)
        return JSONResponse({"deliveries": [_format_delivery(each) for each in found]})

    async def redeliver(self, request: Request) -> Response:
        """Lets deliveries wait once more."""
        name, wanted = request.path_params["webhook"], _parse_redelivered(await load(request))
        now_ms = int(self._now() * 1000)

        def work(connection: Connection) -> int:
            webhook = _find(connection, name)
            if webhook.disabled is not None:
                raise InvalidBody(
                    f"the webhook is disabled, because {webhook.disabled}: "
                    f"`gcr-emulator webhook test {name}` enables it if the receiver accepts"
                )
            return deliveries.redeliver(connection, name, wanted, now_ms=now_ms)

        return JSONResponse({"redelivered": await self._database.write(work)})


def _find(connection: Connection, name: str) -> Webhook:
    found = webhooks.find(connection, name)
    if found is None:
        raise UnknownWebhook(name)
    return found


def _parse(document: object, *, now: float) -> Webhook:
    """Returns the webhook that a body describes. Raises InvalidBody."""
    if not isinstance(document, dict):
        raise InvalidBody("the body is not a JSON object")
    for name in document:
        if name not in _FIELDS:
            raise InvalidBody(f"unknown field {name[:50]!r}: known are {', '.join(_FIELDS)}")
    url, project = document.get("url"), document.get("project")
    if not isinstance(url, str) or not 0 < len(url) <= _MAX_URL:
        raise InvalidBody(f"url is not a URL of at most {_MAX_URL} characters")
    if project is not None and not (isinstance(project, str) and is_project_id(project)):
        raise InvalidBody("project is not the ID of a project, such as my-project")
    actions = _parse_actions(document.get("events", [*ACTIONS]))
    webhook_format = document.get("format", DOCKER)
    if webhook_format not in FORMATS:
        raise InvalidBody(f"format is not one of {', '.join(FORMATS)}")
    secrets = _parse_secrets(document.get("secret"))
    created_ms = int(now * 1000)
    return Webhook(webhooks.new_name(), url, project, actions, webhook_format, secrets, created_ms)


def _parse_actions(events: object) -> list[str]:
    if not isinstance(events, list) or not events or any(each not in [*ACTIONS] for each in events):
        raise InvalidBody(f"events is not a list of some of {', '.join(ACTIONS)}")
    return [action for name, action in ACTIONS.items() if name in events]


def _parse_secrets(secret: object) -> list[str]:
    if secret is None:
        return []
    if not isinstance(secret, str) or not 0 < len(secret) <= _MAX_SECRET or not secret.isprintable():
        raise InvalidBody(f"secret is not a line of 1 to {_MAX_SECRET} characters")
    return [secret]


def _parse_states(query: Mapping[str, str]) -> tuple[str, ...]:
    if any(name != "state" for name in query) or query.get("state", STATES[0]) not in STATES:
        raise InvalidBody(f"the query is not state=STATE, where STATE is one of {', '.join(STATES)}")
    return (query["state"],) if query else STATES


def _parse_redelivered(document: object) -> list[str] | None:
    """Returns the IDs of deliveries; None for all that have failed."""
    if document == {"failed": True}:
        return None
    names = document.get("deliveries") if isinstance(document, dict) and len(document) == 1 else None
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise InvalidBody('expected {"deliveries": [ID, …]} or {"failed": true}')
    if len(names) > _MAX_REDELIVERED:
        raise InvalidBody(f"at most {_MAX_REDELIVERED} deliveries can be named")
    return names


def _format(webhook: Webhook) -> dict[str, object]:
    names = {action: name for name, action in ACTIONS.items()}
    document: dict[str, object] = {
        "id": webhook.name,
        "url": webhook.url,
        "project": webhook.project,
        "events": [names[action] for action in webhook.actions],
        "format": webhook.format,
        "signed": bool(webhook.secrets),
        "created": format_instant(webhook.created_ms // 1000),
        "disabled": webhook.disabled,
    }
    return {name: value for name, value in document.items() if value is not None}


def _format_delivery(delivery: Delivery) -> dict[str, object]:
    due = None if delivery.due_ms is None else format_milliseconds(delivery.due_ms)
    document: dict[str, object] = {
        "id": delivery.name,
        "event": delivery.event.format_document(),
        "state": delivery.state,
        "attempts": delivery.attempts,
        "due": due,
        "status": delivery.status,
        "error": delivery.error,
    }
    return {name: value for name, value in document.items() if value is not None}
