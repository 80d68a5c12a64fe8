"""Memoization bounded in characters, not in entries; every functools cache has keys of a bounded size."""

import ast
from pathlib import Path

import pytest

from docker_credential_gcr import emulator
from docker_credential_gcr.emulator.runtime.memoize import memoize

EMULATOR = Path(emulator.__file__).parent

# functools' caches count entries. Each of these functions has few keys, or keys of a bounded size.
COUNTED = {
    "_classify": "hosts: HOST_SIZE",
    "_encode_name": "names of headers that the emulator writes",
    "_find_client": "addresses",
    "_format_body": "messages of at most 1,024 characters",
    "_is_named": "headers of at most 1,024 characters",
    "_load_environment": "no argument",
    "_load_style": "no argument",
    "_make_default": "IDs of projects",
    "_name_site": "hosts: HOST_SIZE",
    "_route": "methods and paths of at most 512 characters, hosts: HOST_SIZE",
    "find_site": "hosts: HOST_SIZE",
    "format_challenge": "hosts and repositories: as locate",
    "locate": "hosts and names: HOST_SIZE, a name has 255 characters, a refusal is not cached",
    "locate_folder": "as locate",
    "redirect": "what locate returns",
}


class Recorder:
    """Function of a text that records the texts it was called with."""

    def __init__(self):
        self.asked = []

    def __call__(self, text):
        self.asked.append(text)
        if text == "error":
            raise ValueError(text)
        return text.upper()


def test_known_text_is_not_computed_again():
    find = Recorder()
    cached = memoize(10)(find)
    assert [cached("a"), cached("b"), cached("a")] == ["A", "B", "A"]
    assert find.asked == ["a", "b"]


def test_z04_the_least_recently_used_texts_go_when_they_are_too_long_together():
    find = Recorder()
    cached = memoize(6)(find)
    for text in ("aaa", "bbb", "aaa", "cc", "aaa", "bbb"):
        cached(text)
    assert find.asked == ["aaa", "bbb", "cc", "bbb"]


def test_z04_text_that_is_longer_than_the_cache_is_not_remembered_and_displaces_nothing():
    find = Recorder()
    cached = memoize(3)(find)
    for text in ("abc", "abcd", "abcd", "abc"):
        cached(text)
    assert find.asked == ["abc", "abcd", "abcd"]


def test_error_is_not_remembered():
    find = Recorder()
    cached = memoize(10)(find)
    for _ in range(2):
        with pytest.raises(ValueError, match="error"):
            cached("error")
    assert find.asked == ["error"] * 2


def test_z04_every_cache_that_counts_entries_has_keys_of_a_bounded_size():
    found = [
        function.name
        for path in EMULATOR.rglob("*.py")
        for function in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef))
        for decorator in function.decorator_list
        if "lru_cache" in ast.unparse(decorator) or ast.unparse(decorator) in ("cache", "functools.cache")
    ]
    assert sorted(found) == sorted(COUNTED)
