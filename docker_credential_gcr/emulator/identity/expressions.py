"""The expressions of workload identity providers: CEL over what a subject token says.

    assertion.repository_owner == "octo-org" && assertion.ref in ["refs/heads/main", "refs/heads/next"]
    assertion.arn.contains("assumed-role") ? assertion.arn.extract("assumed-role/{role}/") : assertion.arn

https://cloud.google.com/iam/docs/workload-identity-federation#mapping, https://cel.dev
Of CEL's libraries for Python one is a C++ runtime, and the other asks for six packages. Whatever is not
understood here (regular expressions, arithmetic, macros that build lists) is refused when it is set.
"""

import re
from collections.abc import Callable

from docker_credential_gcr.emulator.cache import remember

from .expression_parts import (
    FUNCTIONS,
    Expression,
    apply,
    choose,
    constant,
    decide_by,
    look_up,
    make_list,
    make_macro,
    name_of,
    negate,
)
from .expression_values import METHODS, RELATIONS, add, select
from .token_reader import TokenReader, unquote

MAX_SIZE = 4096
_MAX_DEPTH = 24
_ROOTS = ("assertion", "attribute", "google")

_TOKEN = re.compile(
    r"""\s*(?:(?P<number>\d{1,18})|(?P<word>[A-Za-z_]\w*)"""
    r"""|(?P<text>"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')|(?P<sign>&&|\|\||[=!<>]=|[-!<>().,?:+\[\]]))""",
    re.ASCII,
)
_CONSTANTS = {"true": True, "false": False, "null": None}
MACROS: dict[str, Callable[[list[bool]], bool]] = {"all": all, "exists": any}


class InvalidExpression(Exception):
    """The text is not of the part of CEL that is understood here."""


# A compiled expression can take a hundred times its text.
@remember(128 * 1024)
def compile_expression(text: str) -> Expression:
    """What gives the expression's value in a scope. Raises InvalidExpression.

    The scope holds `assertion`, and for conditions `google` and `attribute`; what the function that is
    returned cannot answer raises EvaluationError, and what costs too much CostExceeded.
    """
    if len(text) > MAX_SIZE:
        raise InvalidExpression(f"it is longer than {MAX_SIZE} characters")
    parser = _Parser(text)
    expression = parser.read_choice(0)
    parser.demand_end()
    return expression


class _Parser(TokenReader):
    """Reads an expression by the grammar of CEL; each method is one level of precedence."""

    def __init__(self, text: str) -> None:
        super().__init__(text, _TOKEN, InvalidExpression)
        self._names = [*_ROOTS]

    def read_choice(self, depth: int) -> Expression:
        """a ? b : c"""
        if depth > _MAX_DEPTH:
            raise InvalidExpression("it is nested too deeply")
        test = self._read_or(depth)
        if not self.take("?"):
            return test
        then = self.read_choice(depth + 1)
        self.demand(":")
        other = self.read_choice(depth + 1)
        return choose(test, then, other)

    def _read_or(self, depth: int) -> Expression:
        expression = self._read_and(depth)
        while self.take("||"):
            expression = decide_by(True, expression, self._read_and(depth))
        return expression

    def _read_and(self, depth: int) -> Expression:
        expression = self._read_relation(depth)
        while self.take("&&"):
            expression = decide_by(False, expression, self._read_relation(depth))
        return expression

    def _read_relation(self, depth: int) -> Expression:
        left = self._read_sum(depth)
        sign = self.peek()[1]
        if self.peek()[0] == "text" or sign not in RELATIONS:
            return left
        self.skip()
        return apply(RELATIONS[sign], left, self._read_sum(depth))

    def _read_sum(self, depth: int) -> Expression:
        expression = self._read_unary(depth)
        while self.take("+"):
            expression = apply(add, expression, self._read_unary(depth))
        return expression

    def _read_unary(self, depth: int) -> Expression:
        if depth > _MAX_DEPTH:
            raise InvalidExpression("it is nested too deeply")
        if self.take("!"):
            return negate(self._read_unary(depth + 1))
        if self.take("-"):
            return constant(-int(self.read("number")))
        return self._read_member(depth)

    def _read_member(self, depth: int) -> Expression:
        value = self._read_primary(depth)
        while True:
            if self.take("["):
                value = look_up(select, value, self.read_choice(depth + 1))
                self.demand("]")
            elif self.take("."):
                name = self.read("word")
                if self.take("("):
                    value = self._read_call(value, name, depth)
                else:
                    value = look_up(select, value, constant(name))
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
        name = self.read("word")
        self.demand(",")
        # One inside another would take the time of the lists' product.
        if len(self._names) > len(_ROOTS):
            raise InvalidExpression("a macro inside a macro is not understood")
        self._names.append(name)
        test = self.read_choice(depth + 1)
        self._names.pop()
        self.demand(")")
        return make_macro(value, name, test, judge)

    def _read_primary(self, depth: int) -> Expression:
        kind, value = self.peek()
        if kind == "word":
            return self._read_name(value, depth)
        if kind == "text":
            return constant(unquote(self.read("text")))
        if kind == "number":
            return constant(int(self.read("number")))
        if self.take("("):
            inner = self.read_choice(depth + 1)
            self.demand(")")
            return inner
        self.demand("[")
        return make_list(self._read_list("]", depth))

    def _read_name(self, name: str, depth: int) -> Expression:
        if name in FUNCTIONS and self.peek(1) == ("sign", "("):
            return self._read_function(name, depth)
        if name not in _CONSTANTS and name not in self._names:
            raise self.complain()
        self.skip()
        return constant(_CONSTANTS[name]) if name in _CONSTANTS else name_of(name)

    def _read_function(self, name: str, depth: int) -> Expression:
        self.skip()
        self.demand("(")
        arguments = self._read_list(")", depth)
        if len(arguments) != 1:
            raise InvalidExpression(f"{name}() takes one argument")
        return FUNCTIONS[name](arguments[0])

    def _read_list(self, end: str, depth: int) -> list[Expression]:
        items: list[Expression] = []
        while not self.take(end):
            if items:
                self.demand(",")
            items.append(self.read_choice(depth + 1))
        return items
