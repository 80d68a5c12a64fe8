"""Checks of what Google does: each has a test with its number in the name.

Container Registry's are `test_check_NN_…`, Artifact Registry's `test_aNN_…`.
"""

import re

import pytest
from support.checkout import TESTS

CHECKS = {"check_": {*range(1, 59)}, "a": {*range(1, 41), *range(48, 51), *range(55, 60), *range(61, 67)}}
FOLDERS = ("emulator", "clients")


def find_numbers(prefix, names):
    """Returns the numbers of the checks in names of tests."""
    return {int(number) for name in names for number in re.findall(rf"^test_{prefix}(\d+)_", name)}


@pytest.fixture(scope="module")
def names():
    """Returns the names of all tests of the emulator and of the clients, also of those in classes."""
    texts = [path.read_text("utf-8") for folder in FOLDERS for path in TESTS.glob(f"{folder}/**/test_*.py")]
    return re.findall(r"^ *def (test_\w+)\(", "\n".join(texts), re.MULTILINE)


@pytest.mark.parametrize("prefix", CHECKS)
def test_every_number_has_a_test(names, prefix):
    assert CHECKS[prefix] - find_numbers(prefix, names) == set()


@pytest.mark.parametrize(
    ("prefix", "named", "numbers"),
    [
        ("check_", ["test_check_01_ping", "test_check_52_a_viewer", "test_check_7_x"], {1, 52, 7}),
        (
            "check_",
            ["test_a_check_03_x", "test_checks_04_x", "test_check_x_05", "check_06_x", "test_check_8"],
            set(),
        ),
        ("a", ["test_a04_push", "test_a22_ping", "test_check_23_x", "test_a_24_x", "test_aa25_x"], {4, 22}),
    ],
)
def test_a_number_is_seen_where_it_stands_and_nowhere_else(prefix, named, numbers):
    assert find_numbers(prefix, named) == numbers
