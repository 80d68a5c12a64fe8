"""What one process has counted, as plain numbers: cheap to add to, and to add up over processes."""

from bisect import bisect_left
from dataclasses import dataclass, field
from typing import Any

# Seconds; the last bucket, which takes all, is not written down here.
LATENCIES = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 60.0)


class Histogram:
    """How many values fell into each bucket, and their sum; the buckets are not cumulative."""

    __slots__ = ("buckets", "total")

    def __init__(self) -> None:
        self.buckets = [0] * (len(LATENCIES) + 1)
        self.total = 0.0

    def observe(self, seconds: float) -> None:
        """Count one value."""
        self.buckets[bisect_left(LATENCIES, seconds)] += 1
        self.total += seconds

    def add(self, other: "Histogram") -> None:
        """Count all of another's values."""
        self.buckets = [mine + theirs for mine, theirs in zip(self.buckets, other.buckets, strict=True)]
        self.total += other.total

    @property
    def count(self) -> int:
        """How many values there were."""
        return sum(self.buckets)


class Series:
    """The requests of one kind: how long they took, and how many bytes came and went."""

    __slots__ = ("durations", "received", "sent")

    def __init__(self) -> None:
        self.durations = Histogram()
        self.received = 0
        self.sent = 0

    def add(self, other: "Series") -> None:
        """Count all of another's requests."""
        self.durations.add(other.durations)
        self.received += other.received
        self.sent += other.sent


# (site, method, route), status
Kind = tuple[tuple[str, str, str], int]


@dataclass
class Counts:
    """What a process has counted since it began."""

    requests: dict[Kind, Series] = field(default_factory=dict)
    in_flight: int = 0
    commits: Histogram = field(default_factory=Histogram)
    writes: int = 0

    def count_request(self, kind: Kind, seconds: float, received: int, sent: int) -> None:
        """Count a request that was answered."""
        series = self.requests.get(kind)
        if series is None:
            series = self.requests[kind] = Series()
        series.durations.observe(seconds)
        series.received += received
        series.sent += sent

    def count_commit(self, writes: int, seconds: float) -> None:
        """Count a transaction that took so many callers' writes."""
        self.commits.observe(seconds)
        self.writes += writes

    def dump(self) -> list[object]:
        """All of it as JSON can say it, for `load`."""
        requests = [
            [*kind, status, series.durations.buckets, series.durations.total, series.received, series.sent]
            for (kind, status), series in self.requests.items()
        ]
        return [requests, self.in_flight, self.commits.buckets, self.commits.total, self.writes]

    @classmethod
    def load(cls, dumped: list[Any]) -> "Counts":
        """The counts of another process."""
        counts = cls()
        requests, counts.in_flight, counts.commits.buckets, counts.commits.total, counts.writes = dumped
        for site, method, route, status, buckets, total, received, sent in requests:
            series = counts.requests[(site, method, route), status] = Series()
            series.durations.buckets, series.durations.total = buckets, total
            series.received, series.sent = received, sent
        return counts

    def add(self, other: "Counts") -> None:
        """Count all that another process did: the counts of several workers are their sum."""
        for kind, theirs in other.requests.items():
            self.requests.setdefault(kind, Series()).add(theirs)
        self.in_flight += other.in_flight
        self.commits.add(other.commits)
        self.writes += other.writes
