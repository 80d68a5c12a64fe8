"""The counts of several workers, in prometheus_client's files of one directory: any worker tells them all.

Each has files of its own, named after its number, so that a worker that takes the place of another counts
on where that one ended. https://prometheus.github.io/client_python/multiprocess/
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from docker_credential_gcr.emulator.runtime.files import create_private_directory, create_private_file

from .metrics import HELP, LABELS, LATENCIES, Kind, format_bound

if TYPE_CHECKING:
    from prometheus_client.core import Metric

# Of which file as much is allocated, which suffices for hundreds of kinds of requests: writing into a hole
# of a mapped file ends the process with SIGBUS where the disk is full.
_SIZES = {"counter": 256 * 1024, "gauge_livesum": 4096, "histogram": 1024 * 1024}


def make_files(folder: Path, number: int) -> None:
    """Makes the files of that worker, where they are absent. Raises OSError."""
    create_private_directory(folder)
    for kind, size in _SIZES.items():
        path = folder / f"{kind}_{number}.db"
        if path.exists():
            continue
        # Another worker that is asked for the metrics reads all that end in .db.
        begun = path.with_suffix(".part")
        create_private_file(begun)
        with begun.open("r+b") as file:
            if hasattr(os, "posix_fallocate"):
                os.posix_fallocate(file.fileno(), 0, size)
            else:  # macOS
                file.truncate(size)
        begun.rename(path)


def drop_gauges(folder: Path, number: int) -> None:
    """Forgets what that worker, which has ended, was doing; what it had done still counts."""
    # As prometheus_client.multiprocess.mark_process_dead, which lists the directory.
    (folder / f"gauge_livesum_{number}.db").unlink(missing_ok=True)


class WorkerCounts:
    """What the workers have counted since the server began; this one counts as its `number`.

    Counting a request takes 5 µs, in the process of which this is the only instance.
    """

    def __init__(self, folder: Path, number: int) -> None:
        make_files(folder, number)
        self._folder = folder
        # prometheus_client takes the directory from there.
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(folder)
        # 30 ms, which one worker alone pays when a client asks for the first time.
        from prometheus_client import Counter, Gauge, Histogram, values

        values.ValueClass = values.MultiProcessValue(lambda: number)  # type: ignore[no-untyped-call]

        def make(kind: Any, name: str, labels: tuple[str, ...] = (), **options: object) -> Any:
            return kind(name, HELP[name], labels, registry=None, **options)

        self._answered = make(Counter, "gcr_emulator_requests", (*LABELS, "status"))
        self._received = make(Counter, "gcr_emulator_request_bytes", LABELS)
        self._sent = make(Counter, "gcr_emulator_response_bytes", LABELS)
        durations = "gcr_emulator_request_duration_seconds"
        self._durations = make(Histogram, durations, LABELS, buckets=LATENCIES)
        self._commits = make(Histogram, "gcr_emulator_commit_duration_seconds", buckets=LATENCIES)
        self._writes = make(Counter, "gcr_emulator_writes")
        self._gauge = make(Gauge, "gcr_emulator_requests_in_flight", multiprocess_mode="livesum")
        self._in_flight = 0
        # Finding the children by their labels takes longer than counting.
        self._children: dict[Kind, tuple[Any, Any, Any, Any]] = {}

    @property
    def in_flight(self) -> int:
        """How many requests this worker is answering."""
        return self._in_flight

    @in_flight.setter
    def in_flight(self, number: int) -> None:
        self._in_flight = number
        self._gauge.set(number)

    def count_request(self, kind: Kind, seconds: float, received: int, sent: int) -> None:
        """Count a request that was answered."""
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
        """Count a transaction that took so many callers' writes."""
        self._commits.observe(seconds)
        self._writes.inc(writes)

    def describe(self) -> "Iterator[Metric]":
        """Yields each of HELP, of all workers."""
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
