"""Access log on stderr: a line for each request and each internal error, in JSON or as text.

    {"time": "2026-01-02T03:04:05.678Z", "level": "info", "request_id": "5f0c…", "peer": "127.0.0.1",
     "method": "GET", "site": "local", "route": "/v2/token", "path": "/v2/token",
     "query": {"scope": ["repository:p/app:pull"]}, "status": 200, "size": 613, "duration_ms": 1.25,
     "member": "serviceAccount:ci@p.iam.gserviceaccount.com", "reason": null, "user_agent": "docker/28.0.0"}

Only these fields: no other header, and nothing from a body.
"""

import json
import logging
import sys
import threading
from collections.abc import Mapping
from datetime import datetime, timezone
from queue import Empty, Full, Queue
from typing import TextIO

from docker_credential_gcr.emulator.request_context import find_request_id

from .log_text import format_text

# If more lines or characters wait for a slow reader, new lines are dropped: no request waits.
_MAX_LINES = 10_000
_MAX_SIZE = 8 * 1024 * 1024
_BATCH = 256
# Time to write the waiting lines at the end.
_GRACE_S = 0.5
_LOGGER = "docker_credential_gcr.emulator"


def _format_json(now: datetime, level: str, fields: Mapping[str, object]) -> str:
    time = now.astimezone(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return json.dumps({"time": time, "level": level, **fields}) + "\n"


# name -> the function that formats a line from a time, a level and fields
FORMATS = {"text": format_text, "json": _format_json}


class AccessLog:
    """Writes lines to a stream in a separate thread: a pipe without a reader blocks no request."""

    def __init__(self, form: str, stream: TextIO | None = None) -> None:
        self.dropped = 0
        self._format = FORMATS[form]
        self._stream = stream or sys.stderr
        self._lines: Queue[str | None] = Queue(_MAX_LINES)
        # Characters; the lock is for _queued, because errors come from any thread.
        self._lock = threading.Lock()
        self._queued = self._taken = 0
        self._writer = threading.Thread(target=self._run, name="log-writer", daemon=True)
        self._writer.start()
        self._handler = _ErrorHandler(self)
        logging.getLogger(_LOGGER).addHandler(self._handler)

    def write(self, level: str, fields: Mapping[str, object]) -> None:
        """Writes a line with these fields; drops it if too many wait."""
        line = self._format(datetime.now(timezone.utc), level, fields)
        with self._lock:
            if self._lines.full() or self._queued - self._taken + len(line) > _MAX_SIZE:
                self.dropped += 1
                return
            self._queued += len(line)
            self._lines.put_nowait(line)

    def close(self) -> None:
        """Writes the waiting lines, if the stream accepts them in time."""
        logging.getLogger(_LOGGER).removeHandler(self._handler)
        try:
            self._lines.put(None, timeout=_GRACE_S)
        except Full:
            return
        self._writer.join(_GRACE_S)

    def _run(self) -> None:
        while (line := self._lines.get()) is not None:
            lines = [line]
            while len(lines) < _BATCH and not self._lines.empty():
                try:
                    following = self._lines.get_nowait()
                except Empty:
                    break
                if following is None:
                    self._lines.put(None)
                    break
                lines.append(following)
            self._taken += sum(map(len, lines))
            try:
                self._stream.write("".join(lines))
                self._stream.flush()
            except (OSError, ValueError):
                # The reader has closed the stream, or its disk is full: requests continue.
                self.dropped += len(lines)


class _ErrorHandler(logging.Handler):
    """Writes the records of the server's loggers as lines."""

    def __init__(self, log: AccessLog) -> None:
        super().__init__()
        self._log = log
        self.setFormatter(logging.Formatter("%(message)s"))

    def emit(self, record: logging.LogRecord) -> None:
        fields = {
            "request_id": find_request_id(),
            "logger": record.name,
            "message": self.format(record),
        }
        self._log.write(record.levelname.lower(), fields)
