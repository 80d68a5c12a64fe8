"""scripts/bench measures pairs: a command and bare Python, a revision and an earlier one."""

import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from _environment import Failed
from _measurements import parse
from benchmarks.against import NAMES, Cost, Row, find_names, format_header
from benchmarks.against import format_row as format_costs
from benchmarks.against import measure_pairs as measure_costs
from benchmarks.helper import Pairs
from benchmarks.load import Throughput
from benchmarks.notifications import find_ratio, running_receiver
from benchmarks.revision import find_commit
from benchmarks.servers import RegistryServer
from benchmarks.startup import Start, format_row, measure_pairs


def test_a_command_and_bare_python_are_measured_by_turns_after_a_round_that_does_not_count() -> None:
    order: list[str] = []

    def record(name: str, values: list[float]) -> Callable[[], float]:
        remaining: Iterator[float] = iter(values)

        def time_() -> float:
            order.append(name)
            return next(remaining)

        return time_

    starts = [
        Start("list", record("bare", [9.0, 0.010, 0.020]), record("list", [9.0, 0.030, 0.050])),
        Start("serve", record("bare", [9.0, 0.010, 0.010]), record("serve", [9.0, 0.300, 0.400])),
    ]

    measured = measure_pairs(starts, rounds=2)

    assert measured == [Pairs([10.0, 20.0], [30.0, 50.0]), Pairs([10.0, 10.0], [300.0, 400.0])]
    warming, first, second = (order[at : at + 4] for at in (0, 4, 8))
    assert (warming, first) == (["list", "bare", "serve", "bare"], ["bare", "list", "bare", "serve"])
    assert second == warming


@pytest.mark.parametrize(
    ("limit", "verdict"), [(3.0, "  3, kept"), (2.4, "  2.4, not kept"), (None, "")], ids=str
)
def test_a_row_says_what_a_start_costs_and_whether_its_limit_is_kept(
    limit: float | None, verdict: str
) -> None:
    pairs = Pairs(bare=[10.0] * 6, command=[20.0, 20.0, 30.0, 30.0, 40.0, 90.0])

    row = format_row(Start("list", lambda: 0, lambda: 0, limit), pairs)

    assert row.split("  ", 1)[0] == "list"
    # The median, the mean of the best five, and both as multiples of bare Python.
    assert row.removeprefix("list").lstrip() == f"30.0     28.0    3.00       2.80{verdict}"


def _never(*_arguments: object) -> Throughput:
    raise AssertionError("nothing is measured here")


def test_two_revisions_are_measured_in_pairs_that_alternate_after_one_that_does_not_count() -> None:
    servers = [RegistryServer(name, 0, 0, _never) for name in ("before", "now")]
    order: list[str] = []

    def take(server: RegistryServer) -> Cost:
        order.append(server.name)
        return Cost(len(order), 0.0)

    measured = measure_costs(take, servers, pairs=3)

    assert order == ["now", "before", "before", "now", "now", "before", "before", "now"]
    assert [[cost.rate for cost in pair] for pair in measured] == [[3, 4], [6, 5], [7, 8]]


@pytest.mark.parametrize(
    ("size", "cells"),
    [
        (0, "10 /s 20 /s 4.00 500.000 ms 100.000 ms 0.25"),
        (100_000_000, "1.00 GB/s 2.00 GB/s 4.00 5.369 s/GiB 1.074 s/GiB 0.25"),
    ],
)
def test_a_row_says_what_two_revisions_do_and_the_medians_of_the_ratios_of_the_pairs(
    size: int, cells: str
) -> None:
    # The ratios are 4, 8 and 2; those of the medians would be 2 and 0.2.
    costs = [
        [Cost(5, 0.4), Cost(20, 0.1)],
        [Cost(10, 0.5), Cost(80, 0.05)],
        [Cost(10, 0.6), Cost(20, 0.3)],
    ]

    row = format_costs(Row("GET", _never, size), costs)

    assert " ".join(row.split()) == f"GET {cells}"
    assert len(format_header(["before", "now"], 3)) == len(row)


@pytest.mark.parametrize(
    ("words", "names"),
    [
        ("memory", ["memory"]),
        ("get by", ["manifest GET by tag, 8 clients"]),
        ("PUT,401", ["manifest PUT, 8 clients", "401, 8 clients"]),
        ("memory,get of,GET OF 1 ", ["GET of 1 KiB, 8 clients", "GET of 100 MiB, 8 clients", "memory"]),
    ],
)
def test_only_chooses_the_rows_with_one_of_the_words_in_their_names(words: str, names: list[str]) -> None:
    assert find_names(words) == names


@pytest.mark.parametrize("words", ["", "GET,", "nonsense"])
def test_only_refuses_a_word_that_no_row_has_and_names_the_rows(
    words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match=r"^2$"):
        parse(["against", "HEAD", f"--only={words}"])

    said = capsys.readouterr().err.splitlines()[-1]
    word = words.rpartition(",")[2]
    assert said == (
        f"scripts/bench against: error: argument --only: no row has {word!r} in its name; "
        f"rows: {'; '.join(NAMES)}"
    )


def test_against_takes_a_revision_wherever_the_word_stands() -> None:
    expected = {
        "part": ["against"],
        "revision": "HEAD",
        "quick": True,
        "only": ["401, 8 clients"],
        "workers": 2,
    }

    for words in (["against", "--quick", "HEAD"], ["--quick", "HEAD", "against"]):
        assert vars(parse([*words, "--workers", "2", "--only", "401"])) == expected


@pytest.mark.needs("git")
def test_a_revision_is_a_commit_of_this_repository(tmp_path: Path) -> None:
    git = ["git", "-C", str(tmp_path), "-c", "user.name=name", "-c", "user.email=name@example.com"]
    for arguments in (["init", "--quiet"], ["commit", "--quiet", "--allow-empty", "--message", "first"]):
        subprocess.run([*git, *arguments], check=True)
    subprocess.run([*git, "tag", "--annotate", "--message", "first", "v1"], check=True)
    head = subprocess.run([*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True).stdout

    assert [find_commit(name, checkout=tmp_path) for name in ("HEAD", "v1")] == [head.strip()] * 2
    for name in ("nonsense", "--all", ""):
        with pytest.raises(Failed) as failed:
            find_commit(name, checkout=tmp_path)
        assert str(failed.value).splitlines()[0] == (
            f"{name!r} is not a commit of this repository: name one that `git log` shows"
        )


@pytest.mark.parametrize(("manner", "status"), [("answers", b"200"), ("refuses", b"500")])
def test_a_receiver_of_the_benchmark_answers_whole_requests_and_counts_them(
    manner: str, status: bytes
) -> None:
    with running_receiver(manner) as receiver:
        port = int(receiver.url.split(":")[2].strip("/"))
        with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
            connection.sendall(b"POST / HTTP/1.1\r\nContent-Length: 4\r\n\r\nab")
            connection.sendall(b"cd")
            answer = connection.recv(100)
        receiver.await_told(1)

    assert answer.split()[1] == status
    assert receiver.answers == (manner == "answers")


def test_the_ratio_next_to_a_subscriber_is_the_median_of_the_pairs() -> None:
    pairs = [[Cost(100, 0), Cost(rate, 0)] for rate in (50, 99, 96)]

    assert find_ratio(pairs) == 0.96
