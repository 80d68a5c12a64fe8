"""Token refresh: once for all callers, early, and without a cache."""

import json
import os
import signal
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from docker_credential_gcr import files
from docker_credential_gcr.helper.tokens import AccessToken, TokenRequest, cache
from docker_credential_gcr.helper.tokens.refresh import refresh

NOW = 1_700_000_000


@pytest.fixture
def configured(helper: Any, make_key: Callable[..., Path]) -> Any:
    """Configures the helper with a key of the token server for localhost:5000."""
    helper.configure({"Registries": {"localhost:5000": {"TokenSources": [f"file:{make_key()}"]}}})
    return helper


def get(helper: Any, **environ: str) -> tuple[str, str]:
    outcome = helper("get", stdin="localhost:5000", **environ)
    assert outcome.status == 0, outcome
    return json.loads(outcome.stdout)["Secret"], outcome.stderr


def age(helper: Any, seconds_left: int) -> Path:
    """Rewrites the cached token so that it has that much left of an hour."""
    (entry,) = helper.cache.glob("*.json")
    now = int(time.time())
    token = json.loads(entry.read_text())
    token |= {"expires_at": now + seconds_left, "obtained_at": now + seconds_left - 3600}
    entry.write_text(json.dumps(token))
    return entry


def test_edge_28_fifty_parallel_callers_buy_one_token(configured: Any, token_server: Any) -> None:
    with ThreadPoolExecutor(50) as pool:
        # A longer limit than usual: fifty interpreters start at once.
        answers = list(pool.map(lambda _: get(configured, DOCKER_CREDENTIAL_GCR_TIMEOUT="120"), range(50)))

    assert answers == [("ya29.1", "")] * 50
    assert len(token_server.requests) == 1


def test_edge_25_a_token_with_less_than_min_ttl_left_is_refreshed_early(configured: Any) -> None:
    assert get(configured) == ("ya29.1", "")
    age(configured, 290)

    assert [get(configured), get(configured)] == [("ya29.2", "")] * 2


def test_min_ttl_is_configured(configured: Any) -> None:
    assert get(configured) == ("ya29.1", "")
    age(configured, 290)

    assert get(configured, DOCKER_CREDENTIAL_GCR_MIN_TTL="60") == ("ya29.1", "")


def test_edge_29_the_token_in_hand_is_served_when_the_early_refresh_fails(
    configured: Any, token_server: Any, answer: Any
) -> None:
    assert get(configured) == ("ya29.1", "")
    age(configured, 60)
    token_server.answers = [answer(400, b'{"error":"invalid_grant"}')]

    assert get(configured) == ("ya29.1", "")
    assert len(token_server.requests) == 2


def test_edge_25_a_token_with_nine_seconds_left_is_not_served(
    configured: Any, token_server: Any, answer: Any
) -> None:
    assert get(configured) == ("ya29.1", "")
    age(configured, 9)
    token_server.answers = [answer(400, b'{"error":"invalid_grant"}')]

    outcome = configured("get", stdin="localhost:5000")

    assert outcome.stdout == (
        f"no access token for localhost:5000: file: {token_server.host} answered 400: invalid_grant\n"
    )


def test_edge_28_an_aging_token_is_served_while_another_process_refreshes_it(
    configured: Any, token_server: Any
) -> None:
    assert get(configured) == ("ya29.1", "")
    entry = age(configured, 290)

    with files.lock_file(f"{entry}.lock", 0) as is_ours:
        assert is_ours
        assert get(configured) == ("ya29.1", "")
    assert len(token_server.requests) == 1


def test_edge_28_a_lock_that_is_never_released_is_waited_for_half_of_the_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Uses a clock that waits without delay."""
    start = now = time.monotonic()

    def sleep(seconds: float) -> None:
        nonlocal now
        now += seconds

    class Source:
        def fetch(self, _request: TokenRequest, _deadline: float) -> AccessToken:
            return AccessToken("ya29.alone", expires_at=NOW + 3600, obtained_at=NOW)

    monkeypatch.setattr(time, "monotonic", lambda: now)
    monkeypatch.setattr(time, "sleep", sleep)
    entry = str(tmp_path / "entry.json")
    options = {"min_ttl_s": 300, "deadline": start + 1000, "now": lambda: NOW}
    options["find_entry"] = lambda: entry

    with files.lock_file(f"{entry}.lock", 0):
        token = refresh(Source(), TokenRequest("localhost:5000", "", scopes=()), entry, **options)

    kept = cache.load_token(entry, NOW)
    assert (token.value, kept and kept.value) == ("ya29.alone", "ya29.alone")
    assert now - start == pytest.approx(500, rel=0.1)


def test_edge_31_a_cache_that_is_off_keeps_nothing(configured: Any) -> None:
    answers = [get(configured, DOCKER_CREDENTIAL_GCR_CACHE="off") for _ in range(2)]

    assert answers == [("ya29.1", ""), ("ya29.2", "")]
    assert not configured.cache.exists()


@pytest.mark.parametrize("place", ["file", "file/cache", "/proc/cache"])
def test_edge_16_a_cache_that_cannot_be_written_costs_a_request_and_nothing_else(
    configured: Any, tmp_path: Path, place: str
) -> None:
    (tmp_path / "file").write_text("")

    answers = [get(configured, DOCKER_CREDENTIAL_GCR_CACHE_DIR=str(tmp_path / place)) for _ in range(2)]

    assert answers == [("ya29.1", ""), ("ya29.2", "")]


def test_edge_24_a_directory_in_the_place_of_an_entry_costs_a_request_and_nothing_else(
    configured: Any,
) -> None:
    assert get(configured) == ("ya29.1", "")
    (entry,) = configured.cache.glob("*.json")
    entry.unlink()
    entry.mkdir()

    assert get(configured) == ("ya29.2", "")
    assert sorted(os.listdir(configured.cache)) == [entry.name, entry.name + ".lock"]


def test_edge_16_an_interrupt_ends_in_a_line_and_no_traceback(configured: Any, token_server: Any) -> None:
    token_server.is_silent = True
    with configured.start("get") as process:
        process.stdin.write("localhost:5000")
        process.stdin.close()
        assert token_server.asked.wait(30)
        process.send_signal(signal.SIGINT)
        outcome = (process.wait(30), process.stdout.read(), process.stderr.read())

    assert outcome == (1, "interrupted\n", "")


def test_files_of_the_cache_are_for_their_owner_alone(configured: Any) -> None:
    get(configured)

    modes = {path.stat().st_mode & 0o777 for path in configured.cache.iterdir()}
    assert (modes, configured.cache.stat().st_mode & 0o777) == ({0o600}, 0o700)


def test_edge_16_warnings_of_libraries_do_not_reach_the_output(configured: Any) -> None:
    assert get(configured, PYTHONWARNINGS="always") == ("ya29.1", "")
