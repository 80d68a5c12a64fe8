"""Metrics in Prometheus' text format.

https://prometheus.io/docs/instrumenting/exposition_formats/
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from prometheus_client.core import Metric

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

# name -> help; their values are read at each request for metrics. The database and the bytes of images have
# those that fit their kind. A name with _total is a counter.
GAUGES = {
    "gcr_emulator_uploads_open": "Uploads in progress.",
    "gcr_emulator_blobs": "Blobs, once for each bucket that holds them.",
    "gcr_emulator_blob_bytes": "Bytes of these blobs.",
    "gcr_emulator_storage_free_bytes": "Free bytes for this user on the data directory's disk.",
    "gcr_emulator_object_store_refusing": "1 while requests to the object store are refused, after failures.",
    "gcr_emulator_object_store_errors_total": "Requests to the object store that failed after retries.",
    "gcr_emulator_object_store_failed_deletions_total": "Objects that could not be deleted yet.",
    "gcr_emulator_object_store_failed_aborts_total": "Uploads whose parts may be left in the object store.",
    "gcr_emulator_log_lines_dropped": "Lines of the log that were dropped because the reader was too slow.",
}


def format_metrics(counted: "Iterable[Metric]", gauges: Mapping[str, float], version: str) -> bytes:
    """Returns the page that Prometheus reads; `gauges` has values for names of GAUGES."""
    # 30 ms at the first request for metrics.
    from prometheus_client import CollectorRegistry, generate_latest
    from prometheus_client.process_collector import ProcessCollector

    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    registry.register(_Collector([*counted, *_describe_gauges(gauges, version)]))
    return generate_latest(registry)


class _Collector:
    """A collector of metrics that exist already."""

    def __init__(self, metrics: "Iterable[Metric]") -> None:
        self._metrics = metrics

    def collect(self) -> "Iterable[Metric]":
        return self._metrics


def _describe_gauges(gauges: Mapping[str, float], version: str) -> "Iterator[Metric]":
    from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

    for name, value in gauges.items():
        kind = CounterMetricFamily if name.endswith("_total") else GaugeMetricFamily
        yield kind(name, GAUGES[name], value=value)
    build = GaugeMetricFamily("gcr_emulator_build_info", "The version that is running.", labels=["version"])
    build.add_metric([version], 1)
    yield build
