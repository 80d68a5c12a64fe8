"""Conditions of IAM on a resource: the part of CEL that Google documents for its name, type and service.

    resource.name.startsWith("projects/_/buckets/artifacts.my-project.appspot.com") &&
    !(resource.type == "storage.googleapis.com/Bucket")

https://cloud.google.com/iam/docs/conditions-attribute-reference#resource
A general CEL library evaluates far more, and asks for six packages: here whatever is not about the
resource is refused when the policy is set, and an expression that was taken always has an answer. It needs
no budget: no operation makes a longer text than it reads, and each is evaluated at most once.
"""

import re
from collections.abc import Callable

from docker_credential_gcr.emulator.cache import remember

from .resource import Resource
from .token_reader import TokenReader, unquote

MAX_SIZE = 2048
# https://cloud.google.com/iam/docs/conditions-overview#limitations
MAX_OPERATORS = 12
_MAX_DEPTH = 16

_TOKEN = re.compile(
    r"""\s*(?:(?P<word>[A-Za-z_]\w*)|(?P<text>"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')"""
    r"|(?P<sign>&&|\|\||==|!=|[!().]))",
    re.ASCII,
)
_TEMPLATE = re.compile(r"[^{}]*\{\w+\}[^{}]*", re.ASCII)
_ATTRIBUTES: dict[str, Callable[[Resource], str]] = {
    "name": lambda resource: resource.name,
    "service": lambda resource: resource.service,
    "type": lambda resource: resource.type,
}

Test = Callable[[Resource], bool]
Text = Callable[[Resource], str]


class InvalidCondition(Exception):
    """The expression is not of the part of CEL that is understood here."""


@remember(256 * 1024)
def compile_condition(expression: str) -> Test:
    """The test that the expression is. Raises InvalidCondition."""
    if len(expression) > MAX_SIZE:
        raise InvalidCondition(f"it is longer than {MAX_SIZE} characters")
    parser = _Parser(expression, _TOKEN, InvalidCondition)
    if sum(sign in ("&&", "||", "!") for _, sign in parser.tokens) > MAX_OPERATORS:
        raise InvalidCondition(f"it has more than {MAX_OPERATORS} logical operators")
    test = parser.read_or(0)
    parser.demand_end()
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


class _Parser(TokenReader):
    """Reads an expression by the grammar of CEL; each method is one level of precedence."""

    def read_or(self, depth: int) -> Test:
        """a || b"""
        tests = [self._read_and(depth)]
        while self.take("||"):
            tests.append(self._read_and(depth))
        return tests[0] if len(tests) == 1 else lambda resource: any(test(resource) for test in tests)

    def _read_and(self, depth: int) -> Test:
        tests = [self._read_not(depth)]
        while self.take("&&"):
            tests.append(self._read_not(depth))
        return tests[0] if len(tests) == 1 else lambda resource: all(test(resource) for test in tests)

    def _read_not(self, depth: int) -> Test:
        if depth > _MAX_DEPTH:
            raise InvalidCondition("it is nested too deeply")
        if self.take("!"):
            negated = self._read_not(depth + 1)
            return lambda resource: not negated(resource)
        if self.take("("):
            test = self.read_or(depth + 1)
            self.demand(")")
            return test
        return self._read_relation()

    def _read_relation(self) -> Test:
        kind, value = self.peek()
        if kind == "word" and value in ("true", "false"):
            self.skip()
            return lambda _resource: value == "true"
        left = self._read_value()
        if not isinstance(left, tuple):
            return left
        (left_text,) = left
        for sign, wanted in (("==", True), ("!=", False)):
            if self.take(sign):
                right = self._read_value()
                if isinstance(right, tuple):
                    (right_text,) = right
                    return lambda resource: (left_text(resource) == right_text(resource)) is wanted
        raise self.complain()

    def _read_value(self) -> "Test | tuple[Text]":
        """A text, in a tuple that tells it from a test, or a text's method that is a test."""
        text = self._read_text()
        while self.take("."):
            kind, method = self.peek()
            if kind != "word" or method not in ("endsWith", "extract", "startsWith"):
                raise self.complain()
            self.skip()
            self.demand("(")
            argument = self._read_literal()
            self.demand(")")
            if method != "extract":
                return _make_test(text, method, argument)
            text = _make_extract(text, argument)
        return (text,)

    def _read_text(self) -> Text:
        if self.peek()[0] == "text":
            literal = self._read_literal()
            return lambda _resource: literal
        if self.peek() != ("word", "resource"):
            raise self.complain()
        self.skip()
        self.demand(".")
        kind, attribute = self.peek()
        if kind != "word" or attribute not in _ATTRIBUTES:
            raise self.complain()
        self.skip()
        return _ATTRIBUTES[attribute]

    def _read_literal(self) -> str:
        return unquote(self.read("text"))


def _make_test(text: Text, method: str, argument: str) -> Test:
    if method == "startsWith":
        return lambda resource: text(resource).startswith(argument)
    return lambda resource: text(resource).endswith(argument)


def _make_extract(text: Text, template: str) -> Text:
    if not _TEMPLATE.fullmatch(template):
        raise InvalidCondition(f"the template {template!r} has not one {{name}}")
    return lambda resource: extract(text(resource), template)
