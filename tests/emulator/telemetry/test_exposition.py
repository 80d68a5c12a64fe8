"""The counts of one process, or of several, as Prometheus' own parser reads them."""

from prometheus_client.parser import text_string_to_metric_families

from docker_credential_gcr.emulator.telemetry.counts import Counts
from docker_credential_gcr.emulator.telemetry.exposition import GAUGES, format_metrics

GET = ("gcr.io", "GET", "/v2/{name}/manifests/{reference}")
LABELS = {"site": "gcr.io", "method": "GET", "route": "/v2/{name}/manifests/{reference}"}


def read(counts):
    """Every sample of ours: (name, labels) -> value."""
    page = format_metrics(counts, dict.fromkeys(GAUGES, 7.0), "1.2.3").decode()
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(page)
        for sample in family.samples
        if sample.name.startswith("gcr_emulator_")
    }


def value(samples, name, **labels):
    return samples[f"gcr_emulator_{name}", tuple(sorted(labels.items()))]


def test_requests_are_counted_by_kind_and_status():
    counts = Counts()
    counts.count_request((GET, 200), 0.002, 0, 500)
    counts.count_request((GET, 200), 0.2, 0, 500)
    counts.count_request((GET, 404), 100.0, 3, 20)

    samples = read(counts)

    assert value(samples, "requests_total", status="200", **LABELS) == 2
    assert value(samples, "requests_total", status="404", **LABELS) == 1
    assert value(samples, "request_bytes_total", **LABELS) == 3
    assert value(samples, "response_bytes_total", **LABELS) == 1020
    assert value(samples, "request_duration_seconds_count", **LABELS) == 3
    assert value(samples, "request_duration_seconds_sum", **LABELS) == 100.202
    buckets = [
        value(samples, "request_duration_seconds_bucket", le=bound, **LABELS)
        for bound in ("0.001", "0.0025", "0.25", "60", "+Inf")
    ]
    assert buckets == [0, 1, 2, 2, 3]


def test_gauges_commits_and_the_version_are_told():
    counts = Counts()
    counts.in_flight = 2
    counts.count_commit(5, 0.5)

    samples = read(counts)

    assert {name: samples[name, ()] for name in GAUGES} == dict.fromkeys(GAUGES, 7.0)
    assert value(samples, "requests_in_flight") == 2
    assert value(samples, "commit_duration_seconds_count") == 1
    assert value(samples, "commit_duration_seconds_sum") == 0.5
    assert value(samples, "writes_total") == 5
    assert value(samples, "build_info", version="1.2.3") == 1


def test_counts_of_several_processes_are_their_sum():
    total, other, both = Counts(), Counts(), Counts()
    for counts in (total, both):
        counts.count_request((GET, 200), 0.25, 1, 2)
        counts.count_commit(1, 0.5)
    for counts in (other, both):
        counts.count_request((GET, 200), 0.5, 3, 4)
        counts.count_request((GET, 500), 4.0, 5, 6)
        counts.count_commit(3, 0.25)
        counts.in_flight += 1

    total.add(other)

    assert read(total) == read(both)


def test_the_process_is_told_of_too():
    page = format_metrics(Counts(), dict.fromkeys(GAUGES, 0.0), "1.2.3").decode()
    assert "\nprocess_resident_memory_bytes " in page
    assert "\nprocess_open_fds " in page
