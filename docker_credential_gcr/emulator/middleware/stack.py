"""The middleware stack: the order of the layers that every request passes before it reaches a site."""

import math
from collections.abc import Awaitable, Callable, Mapping

from docker_credential_gcr import __version__
from docker_credential_gcr.emulator.runtime.asgi import App
from docker_credential_gcr.emulator.settings import Settings
from docker_credential_gcr.emulator.telemetry.access_log import AccessLog
from docker_credential_gcr.emulator.telemetry.health import PATHS, Probes
from docker_credential_gcr.emulator.telemetry.metrics import Counts
from docker_credential_gcr.emulator.telemetry.prometheus import CONTENT_TYPE, format_metrics
from docker_credential_gcr.emulator.telemetry.request_observer import RequestObserver

from .body_limits import BodyLimits
from .draining import close_connections
from .host_router import check_request_head
from .rate_limit import RateLimiter
from .response_limits import Refuse, ResponseLimits
from .trusted_proxies import TrustedProxies

Gauges = Mapping[str, float]

_FREE_SPACE = "gcr_emulator_storage_free_bytes"


class MiddlewareStack:
    """One worker's limits, probes, metrics and access log.

    `refuse` answers a request that exceeds a limit, in the form of its site's errors.
    """

    def __init__(
        self, settings: Settings, counts: Counts, is_stopping: Callable[[], bool], *, refuse: Refuse
    ) -> None:
        self._counts = counts
        self._limits = settings.limits
        self._drains = settings.drain_s > 0
        self._proxies = settings.trusted_proxies
        self._is_stopping = is_stopping
        self._refuse = refuse
        self._log = AccessLog(settings.log_format) if settings.log_format else None

    def wrap(
        self,
        app: App,
        *,
        touch_database: Callable[[], Awaitable[None]],
        measure_database: Callable[[], Awaitable[Gauges]],
        measure_storage: Callable[[], Gauges],
    ) -> App:
        """Returns `app` behind the limits; the outer layers count and log what a limit refuses too."""
        limits = self._limits
        bounds = ResponseLimits(limits, self._refuse)
        limited = RateLimiter(limits.request_rate, limits.request_burst).wrap(app)

        async def describe_metrics() -> tuple[str, bytes]:
            return self._describe_metrics({**await measure_database(), **measure_storage()})

        probes = Probes(
            is_stopping=self._is_stopping,
            touch_database=touch_database,
            find_free_space=lambda: measure_storage().get(_FREE_SPACE, math.inf),
            describe_metrics=describe_metrics,
        )
        checked = check_request_head(bounds.wrap(limited), probes=dict.fromkeys(PATHS, bounds.wrap(probes)))
        observed = RequestObserver(self._counts, self._log).wrap(checked)
        if self._drains:
            observed = close_connections(observed, is_draining=self._is_stopping)
        if self._proxies:
            observed = TrustedProxies(self._proxies).wrap(observed)
        return BodyLimits(limits).wrap(observed)

    def close(self) -> None:
        """Writes the lines that wait in the access log."""
        if self._log is not None:
            self._log.close()

    def _describe_metrics(self, measured: Gauges) -> tuple[str, bytes]:
        dropped = 0 if self._log is None else self._log.dropped
        gauges = {**measured, "gcr_emulator_log_lines_dropped": dropped}
        return CONTENT_TYPE, format_metrics(self._counts.describe(), gauges, __version__)
