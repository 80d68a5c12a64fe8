"""Circuit breaker: when requests are refused, and when the store is tried again."""

import pytest

from docker_credential_gcr.emulator.runtime.errors import StorageUnavailable
from docker_credential_gcr.emulator.storage.circuit_breaker import CircuitBreaker


class Instant:
    """A clock that stands until the test moves it."""

    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def instant():
    return Instant()


@pytest.fixture
def breaker(instant):
    return CircuitBreaker(instant)


def is_refused(breaker):
    try:
        breaker.check()
    except StorageUnavailable:
        return True
    return False


def test_five_failures_in_a_row_refuse_all_requests_for_a_second(breaker, instant):
    refused = []
    for _ in range(5):
        refused.append(is_refused(breaker))
        breaker.count_failure("status 503")
    assert refused == [False] * 5
    assert (breaker.is_open, is_refused(breaker)) == (True, True)
    instant.now += 0.999
    assert is_refused(breaker)


def test_after_a_second_one_request_tries_the_store(breaker, instant):
    for _ in range(5):
        breaker.count_failure("status 503")
    instant.now += 1
    assert [is_refused(breaker) for _ in range(3)] == [False, True, True]
    breaker.count_failure("status 503")
    instant.now += 0.999
    assert is_refused(breaker)
    instant.now += 0.001
    assert not is_refused(breaker)


def test_one_success_ends_it(breaker):
    for _ in range(5):
        breaker.count_failure("status 503")
    breaker.count_success()
    assert (breaker.is_open, is_refused(breaker), breaker.errors) == (False, False, 5)


def test_a_success_between_failures_ends_the_row(breaker):
    for _ in range(4):
        breaker.count_failure("status 503")
    breaker.count_success()
    for _ in range(4):
        breaker.count_failure("status 503")
    assert not breaker.is_open


def test_refusals_of_single_requests_are_counted_and_refuse_no_other(breaker, caplog):
    for _ in range(9):
        breaker.count_failure("status 403 AccessDenied", is_outage=False)
    assert (breaker.is_open, breaker.errors) == (False, 9)
    assert [record.getMessage() for record in caplog.records] == [
        "the object store refuses a request: status 403 AccessDenied"
    ]


def test_the_log_tells_the_first_failure_the_fifth_and_the_recovery(breaker, caplog):
    for number in range(7):
        breaker.count_failure(f"status 50{number}")
    breaker.count_success()
    breaker.count_success()
    assert [record.getMessage() for record in caplog.records] == [
        "the object store fails: status 500",
        "the object store fails: status 504",
        "the object store answers again",
    ]
