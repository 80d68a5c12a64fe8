"""Parser of CEL: turns an expression in the environment of an API into the function that evaluates it.

Of CEL's libraries for Python one is a C++ runtime, and the other needs six packages. Other syntax (regular
expressions, arithmetic, macros that build lists) is refused when the expression is set.
https://github.com/google/cel-spec/blob/master/doc/langdef.md#syntax
"""

import re
from collections.abc import Callable
from typing import NamedTuple

from .environment import Environment, Kind
from .evaluator import FUNCTIONS, Expression, apply, choose, constant, decide_by, look_up, make_macro, negate
from .tokenizer import TokenReader, unquote
from .values import METHODS, RELATIONS, add, select

_MAX_DEPTH = 24
_TEMPLATE = re.compile(r"[^{}]*\{\w+\}[^{}]*", re.ASCII)
# The lower precedence first; true on the left side decides a || b, false decides a && b.
_LOGICAL = (("||", True), ("&&", False))
MACROS: dict[str, Callable[[list[bool]], bool]] = {"all": all, "exists": any}


_CONSTANTS = {"true": (True, Kind.BOOL), "false": (False, Kind.BOOL), "null": (None, Kind.NULL)}


class _Value(NamedTuple):
    evaluate: Expression
    kind: Kind


def parse(text: str, environment: Environment) -> Expression:
    """Parses an expression to the function that evaluates it. Raises the environment's error."""
    if len(text) > environment.max_size:
        raise environment.error(f"it is longer than {environment.max_size} characters")
    parser = Parser(text, environment)
    operators = sum(sign in ("&&", "||", "!") for _, sign in parser.tokens)
    if operators > environment.max_operators:
        raise environment.error(f"it has more than {environment.max_operators} logical operators")
    value = parser.read_choice(0)
    parser.demand_bool(value)
    parser.read("end")
    return value.evaluate


class Parser(TokenReader):
    """A parser by the grammar of CEL; each method reads one level of precedence."""

    def __init__(self, text: str, environment: Environment) -> None:
        super().__init__(text, environment.tokens, environment.error)
        self._environment = environment
        # The name that a macro gives each element.
        self._element: str | None = None

    def read_choice(self, depth: int) -> _Value:
        """Reads a ? b : c, or an expression of higher precedence."""
        test = self._read_logical(depth)
        if not self.take("?"):
            return test
        then = self.read_choice(depth + 1)
        self.demand(":")
        other = self.read_choice(depth + 1)
        return self._make(choose(test.evaluate, then.evaluate, other.evaluate))

    def demand_bool(self, value: _Value) -> None:
        """Refuses the next token if the value before it is not a bool."""
        if value.kind not in (Kind.ANY, Kind.BOOL):
            raise self.complain()

    def _make(self, expression: Expression, kind: Kind = Kind.ANY) -> _Value:
        return _Value(expression, Kind.ANY if Kind.ANY in self._environment.members else kind)

    def _read_logical(self, depth: int, level: int = 0) -> _Value:
        if level == len(_LOGICAL):
            return self._relate(self._read_sum(depth), depth)
        sign, deciding = _LOGICAL[level]
        left = self._read_logical(depth, level + 1)
        while self.peek() == ("sign", sign):
            self.demand_bool(left)
            self.skip()
            right = self._read_logical(depth, level + 1)
            self.demand_bool(right)
            left = self._make(decide_by(deciding, left.evaluate, right.evaluate), Kind.BOOL)
        return left

    def _relate(self, left: _Value, depth: int) -> _Value:
        kind, sign = self.peek()
        if kind == "text" or sign not in self._environment.relations:
            return left
        self.skip()
        position = self.position
        right = self._read_sum(depth)
        if right.kind is not left.kind:
            raise self.complain(position)
        return self._make(apply(RELATIONS[sign], left.evaluate, right.evaluate), Kind.BOOL)

    def _read_sum(self, depth: int) -> _Value:
        value = self._read_unary(depth)
        while self.take("+"):
            value = self._make(apply(add, value.evaluate, self._read_unary(depth).evaluate))
        return value

    def _read_unary(self, depth: int) -> _Value:
        if depth > _MAX_DEPTH:
            raise self._error("it is nested too deeply")
        if self.take("!"):
            value = self._read_unary(depth + 1)
            # CEL cannot negate a text, but stored policies may have !a == b for !(a == b).
            if value.kind is Kind.TEXT:
                value = self._relate(value, depth)
            self.demand_bool(value)
            return self._make(negate(value.evaluate), Kind.BOOL)
        if self.take("-"):
            return self._make(constant(-int(self.read("number"))))
        return self._read_member(depth)

    def _read_member(self, depth: int) -> _Value:
        value = self._read_primary(depth)
        while True:
            if self.take("["):
                value = self._make(look_up(select, value.evaluate, self.read_choice(depth + 1).evaluate))
                self.demand("]")
            elif self.take("."):
                value = self._read_selection(value, depth)
            else:
                return value

    def _read_selection(self, value: _Value, depth: int) -> _Value:
        members = self._environment.members.get(value.kind, {})
        if value.kind is not Kind.ANY and self.peek()[1] not in members:
            raise self.complain()
        name = self.read("word")
        kind = members.get(name, Kind.ANY)
        if value.kind is Kind.TEXT:
            arguments = self._read_literal(name)
        elif value.kind is Kind.RECORD or not self.take("("):
            return self._make(look_up(select, value.evaluate, constant(name)), kind)
        elif name in self._environment.macros:
            return self._make(self._read_macro(value.evaluate, MACROS[name], depth))
        else:
            arguments = self._read_list(")", depth)
        if name not in members or len(arguments) not in METHODS[name][0]:
            raise self._error(f"the method {name!r} with {len(arguments)} arguments is not understood")
        return self._make(apply(METHODS[name][1], value.evaluate, *arguments), kind)

    def _read_literal(self, method: str) -> list[Expression]:
        self.demand("(")
        argument = unquote(self.read("text"))
        if method == "extract" and not _TEMPLATE.fullmatch(argument):
            raise self._error(f"the template {argument!r} has not one {{name}}")
        self.demand(")")
        return [constant(argument)]

    def _read_macro(self, value: Expression, judge: Callable[[list[bool]], bool], depth: int) -> Expression:
        name = self.read("word")
        self.demand(",")
        # A nested macro would take the time of the lists' product.
        if self._element is not None:
            raise self._error("a macro inside a macro is not understood")
        self._element = name
        test = self.read_choice(depth + 1)
        self._element = None
        self.demand(")")
        return make_macro(value, name, test.evaluate, judge)

    def _read_primary(self, depth: int) -> _Value:
        kind, _ = self.peek()
        if kind == "word":
            return self._read_name(depth)
        if kind == "text":
            return self._make(constant(unquote(self.read("text"))), Kind.TEXT)
        if kind == "number":
            return self._make(constant(int(self.read("number"))))
        if self.take("("):
            inner = self.read_choice(depth + 1)
            self.demand(")")
            return inner
        self.demand("[")
        return self._make(apply(lambda *items: list(items), *self._read_list("]", depth)))

    def _read_name(self, depth: int) -> _Value:
        name = self.read("word")
        if name in self._environment.functions and self.take("("):
            arguments = self._read_list(")", depth)
            if len(arguments) != 1:
                raise self._error(f"{name}() takes one argument")
            return self._make(FUNCTIONS[name](arguments[0]))
        if name in _CONSTANTS:
            value, kind = _CONSTANTS[name]
            return self._make(constant(value), kind)
        if name not in self._environment.variables and name != self._element:
            raise self.complain(self.position - 1)
        return self._make(
            lambda activation: select(activation.values, name),
            self._environment.variables.get(name, Kind.ANY),
        )

    def _read_list(self, end: str, depth: int) -> list[Expression]:
        items: list[Expression] = []
        while not self.take(end):
            if items:
                self.demand(",")
            items.append(self.read_choice(depth + 1).evaluate)
        return items
