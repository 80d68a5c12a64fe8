"""scripts/bench pairs each command with bare Python, and says which limit is not kept."""

from collections.abc import Callable, Iterator

import pytest
from _helper_bench import Pairs
from _startup_bench import Start, format_row, measure_pairs


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
