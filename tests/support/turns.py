"""Turns of long tests in CI: GCR_TEST_TURN, a commit, chooses a third of those with the marker `in_turn`.

Without the variable all are run. Each worker of pytest-xdist starts the files with such tests first, because
one that comes last leaves the other processors without work.
"""

import os
import zlib
from collections import Counter

import pytest

TURN = os.environ.get("GCR_TEST_TURN", "")
TURNS = 3


def take_turns(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselects the tests that have their turn at another commit."""
    if not TURN:
        return
    left = [item for item in items if not _has_turn(item)]
    if left:
        config.hook.pytest_deselected(items=left)
        items[:] = [item for item in items if _has_turn(item)]


def _has_turn(item: pytest.Item) -> bool:
    marker = item.get_closest_marker("in_turn")
    if marker is None:
        return True
    # Tests that share an expensive fixture have one turn, and name it.
    unit = marker.args[0] if marker.args else item.nodeid
    return zlib.crc32(unit.encode()) % TURNS == int(TURN, 16) % TURNS


def order_files(items: list[pytest.Item]) -> None:
    """Puts files with long tests first, then those with many tests."""
    counts = Counter(item.path for item in items)
    long = {item.path for item in items if item.get_closest_marker("in_turn")}
    items.sort(key=lambda item: (item.path not in long, -counts[item.path]))
