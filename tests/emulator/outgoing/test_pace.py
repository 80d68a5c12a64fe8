"""Pace of requests to subscribers: a pause while others commit, and none for those that are late."""

import asyncio
from dataclasses import dataclass, field

from docker_credential_gcr.emulator.outgoing.pace import Pace


@dataclass
class Server:
    """A database's version, the time, and the pauses."""

    version: int = 0
    now: float = 1000.0
    pauses: list[float] = field(default_factory=list)

    async def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds

    async def answer(self, commits: int) -> str:
        self.version += commits
        return "answer"


def count_pauses(*commits: int, late_s: float = 0.0, apart_s: float = 0.0) -> int:
    """Returns the pauses between requests during which others commit so often."""
    server = Server()
    pace = Pace(lambda: server.version, monotonic=lambda: server.now, sleep=server.sleep)
    for each in commits:
        assert asyncio.run(pace.give_way(server.answer(each), late_s)) == "answer"
        server.now += apart_s
    return len(server.pauses)


def test_requests_follow_each_other_at_once_while_nobody_commits() -> None:
    assert count_pauses(0, 0, 0) == 0


def test_a_commit_of_others_leads_to_pauses_for_a_tenth_of_a_second() -> None:
    assert count_pauses(1, 0, 0) == 3
    assert count_pauses(1, 0, 0, 0, apart_s=0.06) == 2


def test_a_subscriber_that_is_told_late_gets_its_requests_without_pauses() -> None:
    assert count_pauses(1, 1, 1, late_s=5.0) == 0
