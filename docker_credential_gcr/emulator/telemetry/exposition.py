"""Counts in Prometheus' text format.

https://prometheus.io/docs/instrumenting/exposition_formats/
"""

from collections.abc import Iterable, Iterator, Mapping
from itertools import accumulate
from typing import TYPE_CHECKING

from .counts import LATENCIES, Counts, Histogram, Series

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
_COUNTED = ["site", "method", "route"]


def format_metrics(counts: Counts, gauges: Mapping[str, float], version: str) -> bytes:
    """The page that Prometheus reads; `gauges` has a value for each of GAUGES."""
    # 70 ms, for whoever asks first.
    from prometheus_client import CollectorRegistry, generate_latest
    from prometheus_client.process_collector import ProcessCollector

    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    registry.register(_Collector([*_describe(counts), *_describe_gauges(gauges, version)]))
    return generate_latest(registry)


class _Collector:
    """Hands out what it was given."""

    def __init__(self, metrics: "Iterable[Metric]") -> None:
        self._metrics = metrics

    def collect(self) -> "Iterable[Metric]":
        return self._metrics


def _describe(counts: Counts) -> "Iterator[Metric]":
    from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily

    answered = CounterMetricFamily(
        "gcr_emulator_requests", "Requests answered.", labels=[*_COUNTED, "status"]
    )
    received = CounterMetricFamily("gcr_emulator_request_bytes", "Bytes of bodies received.", labels=_COUNTED)
    sent = CounterMetricFamily("gcr_emulator_response_bytes", "Bytes of bodies sent.", labels=_COUNTED)
    durations = HistogramMetricFamily(
        "gcr_emulator_request_duration_seconds",
        "From a request's headers to its answer's end.",
        labels=_COUNTED,
    )
    for kind, series in sorted(counts.requests.items()):
        answered.add_metric([*kind[0], str(kind[1])], series.durations.count)
    for labels, series in sorted(_merge_statuses(counts).items()):
        received.add_metric(labels, series.received)
        sent.add_metric(labels, series.sent)
        durations.add_metric(labels, _format_buckets(series.durations), series.durations.total)
    yield from (answered, received, sent, durations)
    yield GaugeMetricFamily(
        "gcr_emulator_requests_in_flight", "Requests being answered.", value=counts.in_flight
    )
    commits = HistogramMetricFamily("gcr_emulator_commit_duration_seconds", "Transactions of the database.")
    commits.add_metric([], _format_buckets(counts.commits), counts.commits.total)
    yield commits
    yield CounterMetricFamily(
        "gcr_emulator_writes",
        "Writes in these transactions, which hold what had queued.",
        value=counts.writes,
    )


def _describe_gauges(gauges: Mapping[str, float], version: str) -> "Iterator[Metric]":
    from prometheus_client.core import GaugeMetricFamily

    for name, text in GAUGES.items():
        yield GaugeMetricFamily(name, text, value=gauges[name])
    build = GaugeMetricFamily("gcr_emulator_build_info", "What is running.", labels=["version"])
    build.add_metric([version], 1)
    yield build


def _merge_statuses(counts: Counts) -> dict[tuple[str, str, str], Series]:
    merged: dict[tuple[str, str, str], Series] = {}
    for (kind, _), series in counts.requests.items():
        merged.setdefault(kind, Series()).add(series)
    return merged


def _format_buckets(histogram: Histogram) -> list[tuple[str, float]]:
    """Cumulative, as Prometheus wants them."""
    bounds = [*(f"{bound:g}" for bound in LATENCIES), "+Inf"]
    return list(zip(bounds, map(float, accumulate(histogram.buckets)), strict=True))
