"""Plain English: how docstrings begin, and words that no reader should have to look up."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.checkout import ROOT
from support.pages import PAGES
from support.source_tree import find_functions

# A function's docstring begins with its verb: "Returns the digest", not "The digest".
NO_VERB = re.compile(r"(?:The|What|Whether|Who)\b")
# Riddles and idioms, and what stands in their place.
PLAIN = {
    "whoever": "the client, the caller, the process",
    "nobody": "no client, no process",
    "somebody": "a client, a user",
    "anew": "again",
    "of Google's": "Google's",
    "of its own accord": "by itself",
}
RIDDLE = re.compile(rf"\b(?:{'|'.join(PLAIN)})\b", re.IGNORECASE)
PROSE = (*PAGES, ROOT / "CHANGELOG.md")
CODE = ("docker_credential_gcr", "scripts", "tests")
# This file holds the words: its table names them, and its examples are not plain.
HERE = ROOT / "tests" / "test_english.py"


@pytest.fixture(autouse=True)
def _in_a_checkout() -> None:
    if not (ROOT / "setup.cfg").exists():
        pytest.skip("only a checkout has all pages: run these tests in one")


def test_the_docstring_of_a_function_begins_with_its_verb() -> None:
    assert [line for path in list_code() for line in find_nouns(path)] == []


def test_no_text_has_a_riddle() -> None:
    assert [line for path in (*list_code(), *PROSE) for line in find_riddles(path)] == []


def test_the_search_sees_what_is_not_plain(tmp_path: Path) -> None:
    path = tmp_path / "module.py"
    path.write_text(
        '"""The module may begin so."""\n'
        'class A:\n    """What a class may, too."""\n'
        '    async def f(self):\n        """The digest."""\n'
        '    def g(self):\n        """Returns what nobody sees anew, of\nGoogle\'s."""\n'
        '    def h(self):\n        """Theirs is no article, and renewal is not anew-al."""\n'
    )

    assert list(find_nouns(path)) == [f"{path}:4: f: The digest."]
    assert list(find_riddles(path)) == [
        f"{path}:7: nobody: write {PLAIN['nobody']}",
        f"{path}:7: anew: write {PLAIN['anew']}",
        f"{path}:7: of Google's: write Google's",
        f"{path}:10: anew: write {PLAIN['anew']}",
    ]


def list_code() -> Iterator[Path]:
    """Yields the Python files of the project, without this one."""
    for folder in CODE:
        for path in sorted((ROOT / folder).rglob("*")):
            is_script = path.is_file() and path.read_bytes().startswith(b"#!/usr/bin/env py")
            if (path.suffix == ".py" or is_script) and path != HERE:
                yield path


def find_nouns(path: Path) -> Iterator[str]:
    """Yields the functions whose docstring begins with no verb, with its first line."""
    for function in find_functions(ast.parse(path.read_text("utf-8"))):
        docstring = ast.get_docstring(function) or ""
        if NO_VERB.match(docstring):
            yield f"{name(path)}:{function.lineno}: {function.name}: {docstring.splitlines()[0]}"


def find_riddles(path: Path) -> Iterator[str]:
    """Yields the words that are not plain, in order, also where a line ends within one."""
    text = path.read_text("utf-8")
    for found in re.finditer(RIDDLE.pattern.replace(r"\ ", " ").replace(" ", r"\s+"), text, re.IGNORECASE):
        word = " ".join(found[0].split())
        plain = {key.lower(): value for key, value in PLAIN.items()}[word.lower()]
        yield f"{name(path)}:{text.count(chr(10), 0, found.start()) + 1}: {word}: write {plain}"


def name(path: Path) -> str:
    """Returns the path in the checkout, or the whole path of a file elsewhere."""
    return str(path.relative_to(ROOT) if path.is_relative_to(ROOT) else path)
