"""Limits that upstreams announce, the breaker, and the URLs of upstreams."""

import pytest
from support.upstream_clients import SetClock

from docker_credential_gcr.emulator.outgoing.errors import OutgoingRefused
from docker_credential_gcr.emulator.outgoing.target import Target
from docker_credential_gcr.emulator.upstream.breaker import MAX_RETRY_AFTER_S, UpstreamBreaker
from docker_credential_gcr.emulator.upstream.limits import PullLimit, find_pull_limit
from docker_credential_gcr.emulator.upstream.registries import parse_upstream


@pytest.mark.parametrize(
    ("limit", "remaining", "found"),
    [
        ("100;w=21600", "97;w=21600", PullLimit(100, 97, 21600)),
        ("100;w=3600", "0", PullLimit(100, 0, 3600)),
        ("", "5", PullLimit(None, 5, None)),
        ("100", "x", None),
        ("100", "", None),
        ("100", "-1", None),
    ],
)
def test_docker_hubs_headers_tell_its_limit(limit: str, remaining: str, found: PullLimit | None) -> None:
    assert find_pull_limit({"ratelimit-limit": limit, "ratelimit-remaining": remaining}) == found


def test_m2_pauses_grow_and_one_caller_tries_after_each() -> None:
    clock = SetClock()
    breaker = UpstreamBreaker(clock.now)
    for pause_s in (5, 10, 20, 40, 60, 60):
        breaker.count_failure()
        clock.now_s += pause_s - 0.1
        assert not breaker.take_recheck()
        clock.now_s += 0.1
        assert [breaker.take_recheck() for _ in range(3)] == [True, False, False]
    breaker.count_success()
    assert [breaker.take_recheck() for _ in range(3)] == [True, True, True]
    breaker.count_failure()
    clock.now_s += 5
    assert breaker.take_recheck()


def test_m3_an_announced_pause_is_kept_up_to_six_hours() -> None:
    clock = SetClock()
    breaker = UpstreamBreaker(clock.now)
    breaker.count_limit(10**9)
    assert breaker.limited_for_s == MAX_RETRY_AFTER_S
    breaker.count_success()
    assert not breaker.take_recheck()
    clock.now_s += MAX_RETRY_AFTER_S
    assert (breaker.limited_for_s, breaker.take_recheck()) == (0, True)
    breaker.count_failure(retry_after_s=100)
    clock.now_s += 99
    assert not breaker.take_recheck()
    clock.now_s += 1
    assert breaker.take_recheck()


@pytest.mark.parametrize(
    ("url", "root", "repository"),
    [
        ("https://registry-1.docker.io", Target("https", "registry-1.docker.io", 443, "/"), "/v2/a/b"),
        ("http://localhost:5001/", Target("http", "localhost", 5001, "/"), "/v2/a/b"),
        ("https://us-docker.pkg.dev/p/r/", Target("https", "us-docker.pkg.dev", 443, "/"), "/v2/p/r/a/b"),
    ],
)
def test_the_url_of_an_upstream_is_its_root_and_a_prefix(url: str, root: Target, repository: str) -> None:
    upstream = parse_upstream(url)
    assert (upstream.root, upstream.find_repository("a/b")) == (root, repository)


@pytest.mark.parametrize(
    "url",
    [
        "docker.io",
        "ftp://a",
        "https://u:p@a",
        "https://a/../b",
        "https://a/B",
        "https://a/?x=y",
        "https://a/#b",
    ],
)
def test_another_url_is_refused(url: str) -> None:
    with pytest.raises(OutgoingRefused):
        parse_upstream(url)
