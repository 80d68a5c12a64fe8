"""Metrics of one process, or of several, as Prometheus' own parser reads them."""

import sys

import pytest
from prometheus_client import values
from prometheus_client.parser import text_string_to_metric_families

from docker_credential_gcr.emulator.telemetry.metrics import RESULTS, ProcessCounts
from docker_credential_gcr.emulator.telemetry.prometheus import GAUGES, format_metrics
from docker_credential_gcr.emulator.telemetry.worker_counts import WorkerCounts, create_files, drop_gauges

GET = ("gcr.io", "GET", "/v2/{name}/manifests/{reference}")
LABELS = {"site": "gcr.io", "method": "GET", "route": "/v2/{name}/manifests/{reference}"}


# Older versions of prometheus_client cannot close the files of their values.
KEPT = []


@pytest.fixture
def make_worker(tmp_path, monkeypatch):
    """Creates the counts of a numbered worker; they are valid until the next ones are created."""
    monkeypatch.setattr(values, "ValueClass", values.ValueClass)
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path))

    def make(number):
        KEPT.append(WorkerCounts(tmp_path, number))
        return KEPT[-1]

    return make


@pytest.fixture(params=["one process", "a worker"])
def counts(request, make_worker):
    return ProcessCounts() if request.param == "one process" else make_worker(1)


def read(counts):
    """Returns every sample of ours: (name, labels) -> value."""
    page = format_metrics(counts.describe(), dict.fromkeys(GAUGES, 7.0), "1.2.3").decode()
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(page)
        for sample in family.samples
        if sample.name.startswith("gcr_emulator_")
    }


def value(samples, name, **labels):
    return samples[f"gcr_emulator_{name}", tuple(sorted(labels.items()))]


def test_requests_are_counted_by_kind_and_status(counts):
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


def test_gauges_commits_and_the_version_are_told(counts):
    counts.in_flight = 2
    counts.count_commit(5, 0.5)

    samples = read(counts)

    assert {name: samples[name, ()] for name in GAUGES} == dict.fromkeys(GAUGES, 7.0)
    assert value(samples, "requests_in_flight") == 2
    assert value(samples, "commit_duration_seconds_count") == 1
    assert value(samples, "commit_duration_seconds_sum") == 0.5
    assert value(samples, "writes_total") == 5
    assert value(samples, "build_info", version="1.2.3") == 1


def count(counts, number):
    """Counts requests in a process, as the worker of a number does."""
    counts.in_flight += 1
    for _ in range(number):
        counts.count_request((GET, 200), 0.25, 1, 2)
        counts.count_request((GET, 200 + number), 4.0, 3, 4)
        counts.count_commit(number, 0.5)
        for metric in RESULTS:
            counts.count_result(metric, "dropped", number)


def test_any_worker_tells_the_sum_of_all_under_the_names_and_labels_of_one(make_worker):
    one = ProcessCounts()
    for number in (1, 2, 3):
        count(one, number)
        count(make_worker(number), number)
    assert read(make_worker(4)) == read(one)


def test_worker_in_the_place_of_a_dead_one_counts_on_and_does_nothing_yet(make_worker, tmp_path):
    one = ProcessCounts()
    count(make_worker(1), 1)
    drop_gauges(tmp_path, 1)
    assert value(read(make_worker(2)), "requests_in_flight") == 0
    count(make_worker(1), 1)
    count(one, 1)
    count(one, 1)
    one.in_flight = 1
    assert read(make_worker(2)) == read(one)


@pytest.mark.skipif(
    sys.platform != "linux", reason="needs Linux, which reports the blocks of a file on tmpfs too"
)
def test_files_have_no_holes_that_a_full_disk_could_not_fill(tmp_path):
    create_files(tmp_path, 2)
    files = {path.name: path.stat() for path in tmp_path.iterdir()}
    assert set(files) == {"counter_2.db", "gauge_livesum_2.db", "histogram_2.db"}
    assert [name for name, status in files.items() if status.st_blocks * 512 < status.st_size] == []
    assert {status.st_mode & 0o777 for status in files.values()} == {0o600}


def test_the_process_is_told_of_too(counts):
    page = format_metrics(counts.describe(), dict.fromkeys(GAUGES, 0.0), "1.2.3").decode()
    assert "\nprocess_resident_memory_bytes " in page
    assert "\nprocess_open_fds " in page
