"""Rate limit: a token bucket for each address, by a clock that the test sets."""

import pytest

from docker_credential_gcr.emulator.middleware.rate_limit import RateLimiter
from docker_credential_gcr.emulator.runtime.errors import TooManyRequests


class Clock:
    def __init__(self) -> None:
        self.time = 100.0

    def __call__(self) -> float:
        return self.time


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def limiter(clock: Clock) -> RateLimiter:
    return RateLimiter(rate=0.5, burst=3, now=clock)


def take_all(limiter: RateLimiter, address: str) -> tuple[int, str]:
    """Returns how many requests the address may make now, and the Retry-After of the next one."""
    for taken in range(100):
        try:
            limiter.take(address)
        except TooManyRequests as refusal:
            return taken, refusal.headers["Retry-After"]
    raise AssertionError("there is no bound")


def test_burst_is_let_through_and_then_the_rate(limiter: RateLimiter, clock: Clock) -> None:
    assert take_all(limiter, "192.0.2.1") == (3, "2")
    clock.time += 1
    assert take_all(limiter, "192.0.2.1") == (0, "1")
    clock.time += 1
    assert take_all(limiter, "192.0.2.1") == (1, "2")
    clock.time += 1_000_000
    assert take_all(limiter, "192.0.2.1") == (3, "2")


@pytest.mark.parametrize(
    ("one", "other", "are_one_client"),
    [
        ("192.0.2.1", "192.0.2.2", False),
        ("2001:db8::1", "2001:db8::ffff:2", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("fe80::1%eth0", "fe80::2", True),
        ("unix", "192.0.2.1", False),
    ],
)
def test_clients_are_told_apart_by_address_or_network(
    limiter: RateLimiter, one: str, other: str, are_one_client: bool
) -> None:
    take_all(limiter, one)
    assert take_all(limiter, other)[0] == (0 if are_one_client else 3)


def test_clients_without_number_take_bounded_room(limiter: RateLimiter) -> None:
    for number in range(70_000):
        limiter.take(f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}")
    # The first bucket was dropped, the last was not.
    assert take_all(limiter, "10.0.0.0")[0] == 3
    assert take_all(limiter, "10.1.17.111")[0] == 2
