"""The expressions of workload identity providers: CEL over what a subject token says.

    assertion.repository_owner == "octo-org" && assertion.ref in ["refs/heads/main", "refs/heads/next"]
    assertion.arn.contains("assumed-role") ? assertion.arn.extract("assumed-role/{role}/") : assertion.arn

https://cloud.google.com/iam/docs/workload-identity-federation#mapping, https://cel.dev
Of CEL's libraries for Python one is a C++ runtime, and the other asks for six packages. Whatever is not
understood here (regular expressions, arithmetic, macros that build lists) is refused when it is set.
"""

import re
from collections.abc import Callable
from functools import lru_cache

from .expression_parts import (
    FUNCTIONS,
    Expression,
    apply,
    choose,
    constant,
    decide_by,
    make_list,
    make_macro,
    name_of,
    negate,
)
from .expression_values import METHODS, RELATIONS, add, select

MAX_SIZE = 4096
_MAX_DEPTH = 24
_ROOTS = ("assertion", "attribute", "google")

_TOKEN = re.compile(
    r"""\s*(?:(?P<number>\d{1,18})|(?P<word>[A-Za-z_]\w*)"""
    r"""|(?P<text>"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')|(?P<sign>&&|\|\||[=!<>]=|[-!<>().,?:+\[\]]))""",
    re.ASCII,
)
_ESCAPE = re.compile(r"\\(.)")
_CONSTANTS = {"true": True, "false": False, "null": None}
MACROS: dict[str, Callable[[list[bool]], bool]] = {"all": all, "exists": any}


class InvalidExpression(Exception):
    """The text is not of the part of CEL that is understood here."""


@lru_cache(1024)
def compile_expression(text: str) -> Expression:
    """What gives the expression's value in a scope. Raises InvalidExpression.

    The scope holds `assertion`, and for conditions `google` and `attribute`; what the function that is
    returned cannot answer raises EvaluationError.
    """
    if len(text) > MAX_SIZE:
        raise InvalidExpression(f"it is longer than {MAX_SIZE} characters")
    parser = _Parser(_split(text))
    expression = parser.read(0)
    parser.demand_end()
    return expression


def _split(text: str) -> list[tuple[str, str]]:
    tokens, position, end = [], 0, len(text.rstrip())
    while position < end:
        match = _TOKEN.match(text, position)
        if match is None or match.lastgroup is None:
            raise InvalidExpression(f"{text[position : position + 20].strip()!r} is not understood")
        tokens.append((match.lastgroup, match.group(match.lastgroup)))
        position = match.end()
    return tokens


class _Parser:
    """Reads tokens by the grammar of CEL; each method is one level of precedence."""

    def __init__(self, tokens: list[tuple[str, str]]) -> None:
        self._tokens = [*tokens, ("end", "")]
        self._position = 0
        self._names = [*_ROOTS]

    def demand_end(self) -> None:
        """Refuse whatever follows."""
        if self._next()[0] != "end":
            raise self._complain()

    def read(self, depth: int) -> Expression:
        """a ? b : c"""
        if depth > _MAX_DEPTH:
            raise InvalidExpression("it is nested too deeply")
        test = self._read_or(depth)
        if not self._take("?"):
            return test
        then = self.read(depth + 1)
        self._demand(":")
        other = self.read(depth + 1)
        return choose(test, then, other)

    def _read_or(self, depth: int) -> Expression:
        expression = self._read_and(depth)
        while self._take("||"):
            expression = decide_by(True, expression, self._read_and(depth))
        return expression

    def _read_and(self, depth: int) -> Expression:
        expression = self._read_relation(depth)
        while self._take("&&"):
            expression = decide_by(False, expression, self._read_relation(depth))
        return expression

    def _read_relation(self, depth: int) -> Expression:
        left = self._read_sum(depth)
        sign = self._next()[1]
        if self._next()[0] == "text" or sign not in RELATIONS:
            return left
        self._position += 1
        return apply(RELATIONS[sign], left, self._read_sum(depth))

    def _read_sum(self, depth: int) -> Expression:
        expression = self._read_unary(depth)
        while self._take("+"):
            expression = apply(add, expression, self._read_unary(depth))
        return expression

    def _read_unary(self, depth: int) -> Expression:
        if depth > _MAX_DEPTH:
            raise InvalidExpression("it is nested too deeply")
        if self._take("!"):
            return negate(self._read_unary(depth + 1))
        if self._take("-"):
            kind, value = self._next()
            if kind != "number":
                raise self._complain()
            self._position += 1
            return constant(-int(value))
        return self._read_member(depth)

    def _read_member(self, depth: int) -> Expression:
        value = self._read_primary(depth)
        while True:
            if self._take("["):
                value = apply(select, value, self.read(depth + 1))
                self._demand("]")
            elif self._take("."):
                name = self._read_word()
                if self._take("("):
                    value = self._read_call(value, name, depth)
                else:
                    value = apply(select, value, constant(name))
            else:
                return value

    def _read_call(self, value: Expression, name: str, depth: int) -> Expression:
        if name in MACROS:
            return self._read_macro(value, MACROS[name], depth)
        arguments = self._read_list(")", depth)
        if name not in METHODS or len(arguments) not in METHODS[name][0]:
            raise InvalidExpression(f"the method {name!r} with {len(arguments)} arguments is not understood")
        return apply(METHODS[name][1], value, *arguments)

    def _read_macro(self, value: Expression, judge: Callable[[list[bool]], bool], depth: int) -> Expression:
        name = self._read_word()
        self._demand(",")
        # One inside another would take the time of the lists' product.
        if len(self._names) > len(_ROOTS):
            raise InvalidExpression("a macro inside a macro is not understood")
        self._names.append(name)
        test = self.read(depth + 1)
        self._names.pop()
        self._demand(")")
        return make_macro(value, name, test, judge)

    def _read_primary(self, depth: int) -> Expression:
        kind, value = self._next()
        self._position += 1
        if kind == "text":
            return constant(_ESCAPE.sub(r"\1", value[1:-1]))
        if kind == "number":
            return constant(int(value))
        if kind == "word":
            return self._read_name(value, depth)
        if value == "(":
            inner = self.read(depth + 1)
            self._demand(")")
            return inner
        if value == "[":
            items = self._read_list("]", depth)
            return make_list(items)
        self._position -= 1
        raise self._complain()

    def _read_name(self, name: str, depth: int) -> Expression:
        if name in _CONSTANTS:
            return constant(_CONSTANTS[name])
        if name in FUNCTIONS and self._take("("):
            arguments = self._read_list(")", depth)
            if len(arguments) != 1:
                raise InvalidExpression(f"{name}() takes one argument")
            return FUNCTIONS[name](arguments[0])
        if name in self._names:
            return name_of(name)
        self._position -= 1
        raise self._complain()

    def _read_list(self, end: str, depth: int) -> list[Expression]:
        items: list[Expression] = []
        while not self._take(end):
            if items:
                self._demand(",")
            items.append(self.read(depth + 1))
        return items

    def _read_word(self) -> str:
        kind, value = self._next()
        if kind != "word":
            raise self._complain()
        self._position += 1
        return value

    def _next(self) -> tuple[str, str]:
        return self._tokens[self._position]

    def _take(self, sign: str) -> bool:
        taken = self._next() == ("sign", sign)
        self._position += taken
        return taken

    def _demand(self, sign: str) -> None:
        if not self._take(sign):
            raise self._complain()

    def _complain(self) -> InvalidExpression:
        kind, value = self._next()
        return InvalidExpression("it ends too early" if kind == "end" else f"{value!r} is not expected there")
