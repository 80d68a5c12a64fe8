"""Request observer: gives each request an ID, counts it, and writes it to the log."""

import re
import secrets
import time
from collections.abc import Awaitable, Mapping
from itertools import count

from docker_credential_gcr.emulator.request_context import CURRENT, CurrentRequest, filter_query
from docker_credential_gcr.emulator.runtime.asgi import App, Message, Receive, Send, find_client_address
from docker_credential_gcr.emulator.sites.ports import PORT_SITE

from .access_log import AccessLog
from .labels import classify
from .metrics import Counts

Headers = Mapping[bytes, bytes]

# A request ID from a client that is safe in a log.
_SAFE_ID = re.compile(rb"[A-Za-z0-9._:/+=-]{1,128}")
# Bytes of a client's text in the log.
_MAX_TEXT_SIZE = 1024
# Granian's status if the application sends none.
_INTERNAL_ERROR = 500


class RequestObserver:
    """Outermost middleware of every request; about 5 µs each."""

    def __init__(self, counts: Counts, log: AccessLog | None) -> None:
        self._counts = counts
        self._log = log
        # Unique among processes by the prefix, in this process by the serial number.
        self._prefix = secrets.token_hex(6)
        self._serial = count(1)

    def wrap(self, app: App) -> App:
        """Returns `app` with the request's ID in every response."""

        async def observed(scope: Message, receive: Receive, send: Send) -> None:
            headers = dict(scope["headers"])
            request = CurrentRequest(self._choose_id(headers))
            answer = request.answer
            CURRENT.set(request)
            is_http1 = scope["http_version"].startswith("1")
            self._counts.in_flight += 1
            began = time.perf_counter()

            # Not a coroutine, because every request would pay for it.
            def send_and_record(message: Message) -> Awaitable[None]:
                if message["type"] == "http.response.start":
                    answer.status = message["status"]
                    added = [(b"x-request-id", request.id.encode())]
                    # HTTP/2 forbids this header.
                    if request.ends_connection and is_http1:
                        added.append((b"connection", b"close"))
                    message["headers"] = [*message["headers"], *added]
                else:
                    answer.sent += len(message.get("body", b""))
                return send(message)

            try:
                await app(scope, receive, send_and_record)
            finally:
                self._counts.in_flight -= 1
                self._record(scope, headers, request, time.perf_counter() - began)

        return observed

    def _choose_id(self, headers: Headers) -> str:
        chosen = headers.get(b"x-request-id")
        if chosen is not None and _SAFE_ID.fullmatch(chosen):
            return chosen.decode()
        return f"{self._prefix}{next(self._serial):08x}"

    def _record(self, scope: Message, headers: Headers, request: CurrentRequest, seconds: float) -> None:
        host = scope[PORT_SITE].encode() if PORT_SITE in scope else headers.get(b"host", b"")
        kind = classify(host, scope["method"], scope["raw_path"])
        answer = request.answer
        status = answer.status or _INTERNAL_ERROR
        self._counts.count_request((kind, status), seconds, answer.received, answer.sent)
        if self._log is None:
            return
        site, method, route = kind
        fields: dict[str, object] = {
            "request_id": request.id,
            "peer": find_client_address(scope),
            "method": method,
            "site": site,
            "route": route,
            "path": scope["raw_path"][:_MAX_TEXT_SIZE].decode("latin-1"),
            "query": filter_query(scope["query_string"][: 4 * _MAX_TEXT_SIZE]),
            "status": status,
            "size": answer.sent,
            "duration_ms": round(seconds * 1000, 3),
            "member": request.member,
            "reason": request.reason and request.reason[:_MAX_TEXT_SIZE],
            "user_agent": headers.get(b"user-agent", b"").decode("latin-1")[:_MAX_TEXT_SIZE],
        }
        self._log.write("info", fields)
