"""What stands before the sites for the operator's sake: limits, metrics, the log, the probes."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, text

from docker_credential_gcr import __version__
from docker_credential_gcr.emulator.database.engine.database import Database
from docker_credential_gcr.emulator.database.engine.errors import translate_error
from docker_credential_gcr.emulator.database.images import blobs, uploads
from docker_credential_gcr.emulator.registry import errors as registry_errors
from docker_credential_gcr.emulator.registry.http import send_response
from docker_credential_gcr.emulator.runtime.asgi import App, Message, Receive, Send
from docker_credential_gcr.emulator.runtime.errors import TooManyRequests
from docker_credential_gcr.emulator.settings import Settings
from docker_credential_gcr.emulator.sites.hosts import REGISTRY_PATHS
from docker_credential_gcr.emulator.telemetry.access_log import AccessLog
from docker_credential_gcr.emulator.telemetry.health import PATHS, Probes
from docker_credential_gcr.emulator.telemetry.metrics import Counts
from docker_credential_gcr.emulator.telemetry.prometheus import CONTENT_TYPE, format_metrics
from docker_credential_gcr.emulator.telemetry.request_observer import RequestObserver

from .body_limits import BodyLimits
from .host_router import check_request_head
from .rate_limit import RateLimiter
from .response_limits import ResponseLimits

_ALL = 2**31


class MiddlewareStack:
    """One worker's counts, log and limits."""

    def __init__(self, settings: Settings, counts: Counts, is_stopping: Callable[[], bool]) -> None:
        self._counts = counts
        self._limits = settings.limits
        self._is_stopping = is_stopping
        self._log = AccessLog(settings.log_format) if settings.log_format else None

    def wrap(self, app: App, database: Database, data: Path) -> App:
        """Returns `app` behind the limits, and all of that under the operator's eyes."""
        limits = self._limits
        answers = ResponseLimits(limits, _refuse)
        limited = RateLimiter(limits.request_rate, limits.request_burst).wrap(app)
        probes = Probes(
            is_stopping=self._is_stopping,
            touch_database=lambda: _touch(database),
            find_free_space=lambda: shutil.disk_usage(data).free,
            describe_metrics=lambda: self._describe(database, data),
        )
        checked = check_request_head(
            answers.wrap(limited), probes={path: answers.wrap(probes) for path in PATHS}
        )
        return BodyLimits(limits).wrap(RequestObserver(self._counts, self._log).wrap(checked))

    def close(self) -> None:
        """Write what waits in the log."""
        if self._log is not None:
            self._log.close()

    async def _describe(self, database: Database, data: Path) -> tuple[str, bytes]:
        gauges = {
            **await database.scan(_measure),
            "gcr_emulator_storage_free_bytes": shutil.disk_usage(data).free,
            "gcr_emulator_log_lines_dropped": 0 if self._log is None else self._log.dropped,
        }
        return CONTENT_TYPE, format_metrics(self._counts.describe(), gauges, __version__)


def _measure(connection: Connection) -> dict[str, float]:
    """Returns the gauges that are in the database; it looks at every blob's row, so not in the event loop."""
    count, size = blobs.measure(connection)
    return {
        "gcr_emulator_uploads_open": uploads.count(connection, since=0, most=_ALL),
        "gcr_emulator_blobs": count,
        "gcr_emulator_blob_bytes": size,
    }


async def _touch(database: Database) -> None:
    # An empty transaction goes through the writer, and changes nothing.
    try:
        await database.write(lambda connection: connection.execute(text("SELECT 1")).scalar_one())
    except Exception as error:
        if (translated := translate_error(error)) is error:
            raise
        raise translated from error


async def _refuse(error: TooManyRequests, scope: Message, receive: Receive, send: Send) -> None:
    """Answers a request that there is no room for in the words of its site."""
    if scope["raw_path"].startswith(REGISTRY_PATHS):
        response: Any = registry_errors.find_response(error)
        await send_response(response, receive, send, headers_only=scope["method"] == "HEAD")
    else:
        from docker_credential_gcr.emulator.google.rest import (
            errors as google_errors,  # 8 ms, which a ready server does not need
        )

        answer: Any = google_errors.find_response(error)
        await answer(scope, receive, send)
