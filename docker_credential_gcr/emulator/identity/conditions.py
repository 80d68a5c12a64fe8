"""Conditions of IAM on a resource: the part of CEL that Google documents for its name, type and service.

    resource.name.startsWith("projects/_/buckets/artifacts.my-project.appspot.com") &&
    !(resource.type == "storage.googleapis.com/Bucket")

https://cloud.google.com/iam/docs/conditions-attribute-reference#resource
A general CEL library evaluates far more, and asks for six packages: here whatever is not about the
resource is refused when the policy is set, and an expression that was taken always has an answer.
"""

import re
from collections.abc import Callable
from functools import lru_cache

from .resource import Resource

MAX_SIZE = 2048
# https://cloud.google.com/iam/docs/conditions-overview#limitations
MAX_OPERATORS = 12
_MAX_DEPTH = 16

_TOKEN = re.compile(
    r"""\s*(?:(?P<word>[A-Za-z_]\w*)|(?P<text>"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')"""
    r"|(?P<sign>&&|\|\||==|!=|[!().]))",
    re.ASCII,
)
_ESCAPE = re.compile(r"\\(.)")
_ATTRIBUTES: dict[str, Callable[[Resource], str]] = {
    "name": lambda resource: resource.name,
    "service": lambda resource: resource.service,
    "type": lambda resource: resource.type,
}

Test = Callable[[Resource], bool]
Text = Callable[[Resource], str]


class InvalidCondition(Exception):
    """The expression is not of the part of CEL that is understood here."""


@lru_cache(1024)
def compile_condition(expression: str) -> Test:
    """The test that the expression is. Raises InvalidCondition."""
    if len(expression) > MAX_SIZE:
        raise InvalidCondition(f"it is longer than {MAX_SIZE} characters")
    tokens = _split(expression)
    if sum(sign in ("&&", "||", "!") for _, sign in tokens) > MAX_OPERATORS:
        raise InvalidCondition(f"it has more than {MAX_OPERATORS} logical operators")
    parser = _Parser(tokens)
    test = parser.read_or(0)
    if parser.next() != ("end", ""):
        raise parser.complain()
    return test


def extract(value: str, template: str) -> str:
    """What stands in `value` where the template has {a name}; "" where it does not fit.

    https://cloud.google.com/iam/docs/conditions-attribute-reference#extract
    """
    before, _, rest = template.partition("{")
    _, _, after = rest.partition("}")
    _, found, tail = value.partition(before) if before else ("", "", value)
    if before and not found:
        return ""
    if not after:
        return tail
    extracted, found, _ = tail.partition(after)
    return extracted if found else ""


def _split(expression: str) -> list[tuple[str, str]]:
    tokens, position = [], 0
    end = len(expression.rstrip())
    while position < end:
        match = _TOKEN.match(expression, position)
        if match is None or match.lastgroup is None:
            raise InvalidCondition(f"{expression[position : position + 20].strip()!r} is not understood")
        tokens.append((match.lastgroup, match.group(match.lastgroup)))
        position = match.end()
    return tokens


class _Parser:
    """Reads tokens by the grammar of CEL; each method is one level of precedence."""

    def __init__(self, tokens: list[tuple[str, str]]) -> None:
        self._tokens = [*tokens, ("end", "")]
        self._position = 0

    def next(self) -> tuple[str, str]:
        """The token to be read."""
        return self._tokens[self._position]

    def complain(self) -> InvalidCondition:
        """The error that names the token to be read."""
        kind, value = self.next()
        return InvalidCondition("it ends too early" if kind == "end" else f"{value!r} is not expected there")

    def read_or(self, depth: int) -> Test:
        """a || b"""
        tests = [self._read_and(depth)]
        while self._take("||"):
            tests.append(self._read_and(depth))
        return tests[0] if len(tests) == 1 else lambda resource: any(test(resource) for test in tests)

    def _read_and(self, depth: int) -> Test:
        tests = [self._read_not(depth)]
        while self._take("&&"):
            tests.append(self._read_not(depth))
        return tests[0] if len(tests) == 1 else lambda resource: all(test(resource) for test in tests)

    def _read_not(self, depth: int) -> Test:
        if depth > _MAX_DEPTH:
            raise InvalidCondition("it is nested too deeply")
        if self._take("!"):
            negated = self._read_not(depth + 1)
            return lambda resource: not negated(resource)
        if self._take("("):
            test = self.read_or(depth + 1)
            self._demand(")")
            return test
        return self._read_relation()

    def _read_relation(self) -> Test:
        kind, value = self.next()
        if kind == "word" and value in ("true", "false"):
            self._position += 1
            return lambda _resource: value == "true"
        left = self._read_value()
        if not isinstance(left, tuple):
            return left
        (left_text,) = left
        for sign, wanted in (("==", True), ("!=", False)):
            if self._take(sign):
                right = self._read_value()
                if isinstance(right, tuple):
                    (right_text,) = right
                    return lambda resource: (left_text(resource) == right_text(resource)) is wanted
        raise self.complain()

    def _read_value(self) -> "Test | tuple[Text]":
        """A text, in a tuple that tells it from a test, or a text's method that is a test."""
        text = self._read_text()
        while self._take("."):
            kind, method = self.next()
            if kind != "word" or method not in ("endsWith", "extract", "startsWith"):
                raise self.complain()
            self._position += 1
            self._demand("(")
            argument = self._read_literal()
            self._demand(")")
            if method != "extract":
                return _make_test(text, method, argument)
            text = _make_extract(text, argument)
        return (text,)

    def _read_text(self) -> Text:
        if self.next()[0] == "text":
            literal = self._read_literal()
            return lambda _resource: literal
        if self.next() != ("word", "resource"):
            raise self.complain()
        self._position += 1
        self._demand(".")
        kind, attribute = self.next()
        if kind != "word" or attribute not in _ATTRIBUTES:
            raise self.complain()
        self._position += 1
        return _ATTRIBUTES[attribute]

    def _read_literal(self) -> str:
        kind, value = self.next()
        if kind != "text":
            raise self.complain()
        self._position += 1
        return _ESCAPE.sub(r"\1", value[1:-1])

    def _take(self, sign: str) -> bool:
        taken = self.next() == ("sign", sign)
        self._position += taken
        return taken

    def _demand(self, sign: str) -> None:
        if not self._take(sign):
            raise self.complain()


def _make_test(text: Text, method: str, argument: str) -> Test:
    if method == "startsWith":
        return lambda resource: text(resource).startswith(argument)
    return lambda resource: text(resource).endswith(argument)


def _make_extract(text: Text, template: str) -> Text:
    if not re.fullmatch(r"[^{}]*\{\w+\}[^{}]*", template, re.ASCII):
        raise InvalidCondition(f"the template {template!r} has not one {{name}}")
    return lambda resource: extract(text(resource), template)
