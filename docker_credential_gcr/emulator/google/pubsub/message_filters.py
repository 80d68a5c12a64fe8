"""Filters of subscriptions, on the attributes of messages.

    attributes:KEY                           has the attribute
    attributes.KEY = "value", !=             also without the attribute: it has no such value
    hasPrefix(attributes.KEY, "value")
    NOT …, -…, … AND …, … OR …, (…)          AND and OR are not mixed without parentheses

https://cloud.google.com/pubsub/docs/subscription-message-filter
"""

import json
import re
from collections.abc import Callable, Mapping
from typing import NoReturn

from docker_credential_gcr.emulator.runtime.memoize import memoize

# In bytes. The length bounds the depth of the recursion, too.
MAX_SIZE = 256
_TOKEN = re.compile(r'\s*(?:("(?:[^"\\]|\\.)*")|([A-Za-z0-9_/-]+)|(!=|[=:.,()-]))', re.ASCII)

Attributes = Mapping[str, str]
Predicate = Callable[[Attributes], bool]


class InvalidFilter(ValueError):
    """The text is not a filter; the message says where it goes wrong."""


def matches(text: str, attributes: Attributes) -> bool:
    """Returns whether the filter of a subscription lets a message pass; an empty one lets all pass."""
    return parse_filter(text)(attributes)


@memoize(256 * 1024)
def parse_filter(text: str) -> Predicate:
    """Returns a filter as a function of a message's attributes. Raises InvalidFilter."""
    if len(text.encode()) > MAX_SIZE:
        raise InvalidFilter(f"a filter has at most {MAX_SIZE} bytes")
    if not text.strip():
        return lambda _: True
    parser = _Parser(_tokenize(text))
    found = parser.read_expression()
    if parser.word:
        parser.fail()
    return found


def _tokenize(text: str) -> list[str]:
    """Returns the words, the quoted texts and the signs of a filter; an empty one ends them."""
    words, position, end = [], 0, len(text.rstrip())
    while position < end:
        match = _TOKEN.match(text, position)
        if match is None:
            raise InvalidFilter(f"unexpected {text[position:].strip()[:20]!r}")
        words.append(match[1] or match[2] or match[3])
        position = match.end()
    return [*words, ""]


class _Parser:
    """Reads a filter from its words."""

    def __init__(self, words: list[str]) -> None:
        self._words = words
        self._position = 0

    @property
    def word(self) -> str:
        """Returns the word at the position; empty at the end."""
        return self._words[self._position]

    def fail(self) -> NoReturn:
        """Raises InvalidFilter."""
        raise InvalidFilter(f"unexpected {self.word[:20]!r}" if self.word else "unexpected end")

    def read_expression(self) -> Predicate:
        """Reads terms that are joined by AND, or by OR."""
        terms = [self._read_term()]
        joint = self.word
        while joint in ("AND", "OR") and self.word == joint:
            self._position += 1
            terms.append(self._read_term())
        if self.word in ("AND", "OR"):
            raise InvalidFilter("AND and OR are mixed: use parentheses")
        join = any if joint == "OR" else all
        return lambda attributes: join(term(attributes) for term in terms)

    def _read_term(self) -> Predicate:
        word = self._take()
        if word in ("NOT", "-"):
            negated = self._read_term()
            return lambda attributes: not negated(attributes)
        if word == "(":
            found = self.read_expression()
            self._expect(")")
            return found
        if word == "hasPrefix":
            return self._read_prefix()
        if word.startswith("-attributes"):  # the minus sign can be a part of the word
            return self._read_negated(word)
        if word != "attributes":
            self._position -= 1
            self.fail()
        return self._read_attribute()

    def _read_negated(self, word: str) -> Predicate:
        if word != "-attributes":
            self._position -= 1
            self.fail()
        negated = self._read_attribute()
        return lambda attributes: not negated(attributes)

    def _read_attribute(self) -> Predicate:
        sign = self._take()
        if sign not in (":", "."):
            self._position -= 1
            self.fail()
        key = self._read_key()
        if sign == ":":
            return lambda attributes: key in attributes
        operator = self._take()
        if operator not in ("=", "!="):
            self._position -= 1
            self.fail()
        expected, is_equal = self._read_text(), operator == "="
        return lambda attributes: (attributes.get(key) == expected) is is_equal

    def _read_prefix(self) -> Predicate:
        for word in ("(", "attributes", "."):
            self._expect(word)
        key = self._read_key()
        self._expect(",")
        prefix = self._read_text()
        self._expect(")")
        return lambda attributes: attributes.get(key, "").startswith(prefix) and key in attributes

    def _read_key(self) -> str:
        if self.word.startswith('"'):
            return self._read_text()
        if not self.word or not (self.word[0].isalpha() or self.word[0] == "_"):
            self.fail()
        return self._take()

    def _read_text(self) -> str:
        if not self.word.startswith('"'):
            self.fail()
        try:
            return str(json.loads(self._take()))
        except ValueError as error:
            raise InvalidFilter("a quoted text is malformed") from error

    def _expect(self, word: str) -> None:
        if self.word != word:
            self.fail()
        self._position += 1

    def _take(self) -> str:
        word = self.word
        if not word:
            self.fail()
        self._position += 1
        return word
