"""Checks of Container Registry's behaviour: each has a test with its number in the name."""

import re

import pytest
from support.checkout import TESTS

CHECKS = set(range(1, 53))


def find_numbers(names):
    """Returns the numbers of the checks in names of tests."""
    return {int(number) for name in names for number in re.findall(r"^test_check_(\d+)_", name)}


def test_every_number_has_a_test():
    paths = [*TESTS.glob("emulator/registry/**/test_*.py"), *TESTS.glob("clients/**/test_*.py")]
    names = re.findall(r"^def (test_\w+)\(", "".join(path.read_text("utf-8") for path in paths), re.MULTILINE)
    assert CHECKS - find_numbers(names) == set()


@pytest.mark.parametrize(
    ("names", "numbers"),
    [
        (["test_check_01_ping", "test_check_52_a_viewer", "test_check_7_x"], {1, 52, 7}),
        (["test_a_check_03_x", "test_checks_04_x", "test_check_x_05", "check_06_x", "test_check_8"], set()),
    ],
)
def test_a_number_is_seen_where_it_stands_and_nowhere_else(names, numbers):
    assert find_numbers(names) == numbers
