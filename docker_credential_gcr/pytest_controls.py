"""Controls of the pytest fixture: the emulator's clock, faults, metadata server and events, over HTTP."""

import json
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urlsplit

if TYPE_CHECKING:
    import requests

# The server's maximum; and of the text of a failure.
_EVENTS_A_PAGE, _EVENTS_SHOWN = 1000, 20
_EVENT_LOOK_S = 0.05


class ControlResource:
    """Base of the emulator's control resources, under /_emulator/."""

    def __init__(self, session: "requests.Session", url: str) -> None:
        self._session = session
        self._url = url

    def _call(self, method: str, name: str, document: object = None) -> Any:
        url = f"{self._url}/_emulator/{name}"
        return parse(self._session.request(method, url, json=document, timeout=30))


def parse(response: "requests.Response") -> Any:
    """Parses the JSON of a response; None for an empty one. Raises ValueError with the emulator's reason."""
    document: Any = response.json() if response.content else None
    if response.ok:
        return document
    error = document["error"]
    # Google's APIs answer an error object, the emulator's control API a text.
    reason = error["message"] if isinstance(error, dict) else error
    request = response.request
    raise ValueError(f"{request.method} {request.path_url}: {response.status_code} {reason}")


class EmulatorClock(ControlResource):
    """The emulator's clock, which decides when tokens expire."""

    def set(self, now: float) -> None:
        """Stops the clock at `now`, in seconds since the epoch."""
        self._call("PUT", "clock", {"now": now})

    def shift(self, offset_s: float) -> None:
        """Sets the clock `offset_s` seconds ahead of the machine's clock; it runs on."""
        self._call("PUT", "clock", {"offset_s": offset_s})


class EmulatorFaults(ControlResource):
    """Faults: requests that the emulator answers with an error, or late."""

    def set(self, *faults: dict[str, object]) -> None:
        """Sets the faults: {"method", "path", "status", "body", "headers", "delay_s", "times"}.

        `path` is a glob; `times` None means always. Delayed requests go on when the faults are cleared.
        """
        if not all(isinstance(fault, dict) for fault in faults):
            raise TypeError("faults.set takes each fault as a separate argument: faults.set({...}, {...})")
        self._call("PUT", "faults", {"faults": list(faults)})

    def clear(self) -> None:
        """Removes all faults."""
        self._call("DELETE", "faults")


class EmulatorMetadata(ControlResource):
    """The metadata server of a Compute Engine instance; absent until one is set."""

    def set(self, **instance: object) -> None:
        """Sets the instance: account, project, scopes, attributes, name, zone, delay_s.

        A scope may be shortened to its last part, such as devstorage.read_only.
        """
        self._call("PUT", "metadata", instance)

    def clear(self) -> None:
        """Removes the instance: the metadata server is absent again."""
        self._call("DELETE", "metadata")

    @property
    def environ(self) -> dict[str, str]:
        """Returns the variables by which Google's clients find the metadata server."""
        host = urlsplit(self._url).netloc
        address = host.replace("localhost", "127.0.0.1")
        return {
            "GCE_METADATA_HOST": host,
            "GCE_METADATA_IP": address,
            "GCE_METADATA_ROOT": host,
            "METADATA_SERVER_DETECTION": "assume-present",
        }


class EmulatorEvents(ControlResource):
    """What happened to images."""

    def events(self, project: str | None = None) -> list[dict[str, Any]]:
        """Returns what happened to images, of one project or of all, oldest first.

        {"id", "time", "action", "project", "service", "repository", "digest", "tag", "mediaType", "size",
        "member", "message"}; `message` is what Google's topic gets.
        """
        found: list[dict[str, Any]] = []
        query = {} if project is None else {"project": project}
        while True:
            after = {"after": found[-1]["id"] if found else 0, "limit": _EVENTS_A_PAGE}
            page = self._call("GET", f"events?{urlencode({**query, **after})}")["events"]
            found += page
            if len(page) < _EVENTS_A_PAGE:
                return found

    def wait_for_event(
        self,
        *,
        action: str | None = None,
        tag: str | None = None,
        digest: str | None = None,
        repository: str | None = None,
        timeout_s: float = 10,
    ) -> dict[str, Any]:
        """Returns the first event with these values, once it happened; those that are None may be any.

        `digest` is sha256:…, `repository` a whole name, such as gcr.io/my-project/app.
        Raises AssertionError after `timeout_s` seconds: it lists the last events that happened instead.
        """
        values = {"action": action, "tag": tag, "digest": digest, "repository": repository}
        wanted = {name: value for name, value in values.items() if value is not None}
        until = time.monotonic() + timeout_s
        while True:
            events = self.events()
            for event in events:
                if all(event.get(name) == value for name, value in wanted.items()):
                    return event
            if time.monotonic() >= until:
                raise AssertionError(_describe_missing(wanted, events, timeout_s))
            time.sleep(_EVENT_LOOK_S)


def _describe_missing(wanted: dict[str, str], events: list[dict[str, Any]], timeout_s: float) -> str:
    """Returns the text of an event that did not happen: what was wanted, and the last events."""
    shown = ", ".join(f"{name}={value!r}" for name, value in wanted.items()) or "at all"
    lines = [f"no event {shown} within {timeout_s:g} s; the last of {len(events)} events:"]
    lines += [f"  {json.dumps(event['message'])}" for event in events[-_EVENTS_SHOWN:]]
    return "\n".join(lines if events else [f"{lines[0].partition(';')[0]}; nothing happened to any image"])
