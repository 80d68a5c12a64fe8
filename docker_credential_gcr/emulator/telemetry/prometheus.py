"""Metrics in Prometheus' text format.

https://prometheus.io/docs/instrumenting/exposition_formats/
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from prometheus_client.core import Metric

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

# name -> help; gauges that are looked up when they are asked for
GAUGES = {
    "gcr_emulator_uploads_open": "Uploads that were begun and not finished.",
    "gcr_emulator_blobs": "Blobs, once for each bucket that holds them.",
    "gcr_emulator_blob_bytes": "Bytes of these blobs.",
    "gcr_emulator_storage_free_bytes": "Bytes that the data directory's disk has left for this user.",
    "gcr_emulator_log_lines_dropped": "Lines of the log that nobody took in time.",
}


def format_metrics(counted: "Iterable[Metric]", gauges: Mapping[str, float], version: str) -> bytes:
    """Returns the page that Prometheus reads; `gauges` has a value for each of GAUGES."""
    # 30 ms, when a client asks for the first time.
    from prometheus_client import CollectorRegistry, generate_latest
    from prometheus_client.process_collector import ProcessCollector

    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    registry.register(_Collector([*counted, *_describe_gauges(gauges, version)]))
    return generate_latest(registry)


class _Collector:
    """Hands out what it was given."""

    def __init__(self, metrics: "Iterable[Metric]") -> None:
        self._metrics = metrics

    def collect(self) -> "Iterable[Metric]":
        return self._metrics


def _describe_gauges(gauges: Mapping[str, float], version: str) -> "Iterator[Metric]":
    from prometheus_client.core import GaugeMetricFamily

    for name, text in GAUGES.items():
        yield GaugeMetricFamily(name, text, value=gauges[name])
    build = GaugeMetricFamily("gcr_emulator_build_info", "What is running.", labels=["version"])
    build.add_metric([version], 1)
    yield build
