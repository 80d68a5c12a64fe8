"""The cache counts what it holds in characters, not in entries; every other cache has bounded keys."""

import ast
from pathlib import Path

import pytest

from docker_credential_gcr.emulator.runtime import memoize as cache
from docker_credential_gcr.emulator.runtime.memoize import remember

EMULATOR = Path(cache.__file__).parent

# functools' caches count entries. Each of these has few keys, or keys of a bounded size.
COUNTED = {
    "google.accounts_pages._load_environment": "no argument",
    "google.accounts_pages._load_style": "no argument",
    "hosts.find_site": "hosts: HOST_SIZE",
    "hosts.locate": "hosts and names: HOST_SIZE, a name has 255 characters, a refusal is not remembered",
    "hosts.locate_folder": "as locate",
    "oci.scope.format_challenge": "hosts and repositories: as hosts.locate",
    "rate_limiter._find_client": "addresses",
    "records.bucket_policies._make_default": "IDs of projects",
    "registry.app._route": "methods and paths of at most 512 characters, hosts: HOST_SIZE",
    "registry.errors._format_body": "messages of at most 1,024 characters",
    "registry.http._encode_name": "names of headers that the emulator writes",
    "registry.negotiation._is_named": "headers of at most 1,024 characters",
    "sites._classify": "hosts: HOST_SIZE",
    "telemetry.routes._name_site": "hosts: HOST_SIZE",
}


class Recorder:
    """A function of a text, and the texts that it was called with."""

    def __init__(self):
        self.asked = []

    def __call__(self, text):
        self.asked.append(text)
        if text == "error":
            raise ValueError(text)
        return text.upper()


def test_what_is_known_is_not_computed_again():
    find = Recorder()
    recall = remember(10)(find)
    assert [recall("a"), recall("b"), recall("a")] == ["A", "B", "A"]
    assert find.asked == ["a", "b"]


def test_z04_the_least_recently_used_texts_go_when_they_are_too_long_together():
    find = Recorder()
    recall = remember(6)(find)
    for text in ("aaa", "bbb", "aaa", "cc", "aaa", "bbb"):
        recall(text)
    assert find.asked == ["aaa", "bbb", "cc", "bbb"]


def test_z04_text_that_is_longer_than_the_cache_is_not_remembered_and_displaces_nothing():
    find = Recorder()
    recall = remember(3)(find)
    for text in ("abc", "abcd", "abcd", "abc"):
        recall(text)
    assert find.asked == ["abc", "abcd", "abcd"]


def test_error_is_not_remembered():
    find = Recorder()
    recall = remember(10)(find)
    for _ in range(2):
        with pytest.raises(ValueError, match="error"):
            recall("error")
    assert find.asked == ["error"] * 2


def test_z04_every_cache_that_counts_entries_has_keys_of_a_bounded_size():
    found = {
        f"{'.'.join(path.relative_to(EMULATOR).with_suffix('').parts)}.{function.name}"
        for path in EMULATOR.rglob("*.py")
        for function in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef))
        for decorator in function.decorator_list
        if "lru_cache" in ast.unparse(decorator) or ast.unparse(decorator) in ("cache", "functools.cache")
    }
    assert found == set(COUNTED)
