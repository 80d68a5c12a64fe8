"""Clock: what it follows, and what a test sets."""

import pytest

from docker_credential_gcr.emulator.runtime.clock import Clock

SYSTEM, SKEW_S = 1_000_000.0, -7.5


@pytest.fixture
def clock() -> Clock:
    clock = Clock(lambda: SYSTEM)
    clock.follow(SKEW_S)
    return clock


def test_clock_without_a_shared_database_is_the_systems() -> None:
    assert Clock(lambda: SYSTEM).now() == SYSTEM


def test_clock_counts_in_how_far_the_databases_clock_is_ahead(clock: Clock) -> None:
    assert clock.now() == SYSTEM + SKEW_S
    clock.follow(0.25)
    assert clock.now() == SYSTEM + 0.25


def test_shifted_clock_is_shifted_from_the_databases_clock(clock: Clock) -> None:
    clock.shift(3600.0)
    assert clock.now() == SYSTEM + SKEW_S + 3600.0
    clock.follow(0.0)
    assert clock.now() == SYSTEM + 3600.0


def test_stopped_clock_keeps_its_instant_until_it_runs_again(clock: Clock) -> None:
    clock.set(5.0)
    clock.follow(0.25)
    assert (clock.now(), clock.setting) == (5.0, (5.0, 0.0))
    clock.shift(0.0)
    assert clock.now() == SYSTEM + 0.25
