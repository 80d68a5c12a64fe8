"""Metrics of several workers, in prometheus_client's files of one directory: any worker reports all of them.

Each worker has its own files, named after its number: a worker that replaces another continues its counts.
https://prometheus.github.io/client_python/multiprocess/
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from docker_credential_gcr.emulator.runtime.files import create_private_directory, create_private_file

from .metrics import HELP, LABELS, LATENCIES, RESULTS, Kind, format_bound

if TYPE_CHECKING:
    from prometheus_client.core import Metric

# The file's size, enough for hundreds of kinds of requests. It is allocated at once: on a full disk, writing
# to a hole of a mapped file kills the process with SIGBUS.
_SIZES = {"counter": 256 * 1024, "gauge_livesum": 4096, "histogram": 1024 * 1024}


def create_files(folder: Path, number: int) -> None:
    """Creates the files of a worker that are absent. Raises OSError."""
    create_private_directory(folder)
    for kind, size in _SIZES.items():
        path = folder / f"{kind}_{number}.db"
        if path.exists():
            continue
        # Under another name first: a worker that reports metrics reads all files that end in .db.
        part = path.with_suffix(".part")
        create_private_file(part)
        with part.open("r+b") as file:
            if hasattr(os, "posix_fallocate"):
                os.posix_fallocate(file.fileno(), 0, size)
            else:  # macOS
                file.truncate(size)
        part.rename(path)


def drop_gauges(folder: Path, number: int) -> None:
    """Deletes the gauges of a worker that has ended; its counters still count."""
    # As prometheus_client.multiprocess.mark_process_dead does, without listing the directory.
    (folder / f"gauge_livesum_{number}.db").unlink(missing_ok=True)


class WorkerCounts:
    """Counters of all workers since the server's start; this process counts as worker `number`.

    Counting a request takes 5 µs. A process can have one instance only.
    """

    def __init__(self, folder: Path, number: int) -> None:
        create_files(folder, number)
        self._folder = folder
        # prometheus_client reads the directory from this variable.
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(folder)
        # 30 ms; a server with one worker needs it at the first request for metrics only.
        from prometheus_client import Counter, Gauge, Histogram, values

        values.ValueClass = values.MultiProcessValue(lambda: number)  # type: ignore[no-untyped-call]

        def create(kind: Any, name: str, labels: tuple[str, ...] = (), **options: object) -> Any:
            return kind(name, HELP[name], labels, registry=None, **options)

        self._answered = create(Counter, "gcr_emulator_requests", (*LABELS, "status"))
        self._received = create(Counter, "gcr_emulator_request_bytes", LABELS)
        self._sent = create(Counter, "gcr_emulator_response_bytes", LABELS)
        durations = "gcr_emulator_request_duration_seconds"
        self._durations = create(Histogram, durations, LABELS, buckets=LATENCIES)
        self._commits = create(Histogram, "gcr_emulator_commit_duration_seconds", buckets=LATENCIES)
        self._writes = create(Counter, "gcr_emulator_writes")
        self._results = {name: create(Counter, name, ("result",)) for name in RESULTS}
        self._gauge = create(Gauge, "gcr_emulator_requests_in_flight", multiprocess_mode="livesum")
        self._in_flight = 0
        # Finding the children by their labels takes longer than counting.
        self._children: dict[Kind, tuple[Any, Any, Any, Any]] = {}

    @property
    def in_flight(self) -> int:
        """Returns the number of requests that this worker is answering."""
        return self._in_flight

    @in_flight.setter
    def in_flight(self, number: int) -> None:
        self._in_flight = number
        self._gauge.set(number)

    def count_request(self, kind: Kind, seconds: float, received: int, sent: int) -> None:
        """Counts a request that was answered."""
        children = self._children.get(kind)
        if children is None:
            children = self._children[kind] = self._find_children(kind)
        answered, received_bytes, sent_bytes, durations = children
        answered.inc()
        durations.observe(seconds)
        if received:
            received_bytes.inc(received)
        if sent:
            sent_bytes.inc(sent)

    def count_commit(self, writes: int, seconds: float) -> None:
        """Counts a transaction with that number of writes."""
        self._commits.observe(seconds)
        self._writes.inc(writes)

    def count_result(self, metric: str, result: str, count: int) -> None:
        """Counts in a metric of RESULTS what became of something."""
        self._results[metric].labels(result).inc(count)

    def describe(self) -> "Iterator[Metric]":
        """Yields each metric of HELP, for all workers."""
        from prometheus_client.multiprocess import MultiProcessCollector

        collector: Any = MultiProcessCollector(None, str(self._folder))  # type: ignore[no-untyped-call]
        for metric in collector.collect():
            for sample in metric.samples:
                if "le" in sample.labels:
                    sample.labels["le"] = format_bound(float(sample.labels["le"]))
            yield metric

    def _find_children(self, kind: Kind) -> tuple[Any, Any, Any, Any]:
        labels, status = kind
        metrics = (self._received, self._sent, self._durations)
        received, sent, durations = (metric.labels(*labels) for metric in metrics)
        return self._answered.labels(*labels, str(status)), received, sent, durations
