"""What expressions are built of: functions that give a value for a scope, made of smaller ones."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from .expression_values import EvaluationError, get_size, select, to_text

Scope = Mapping[str, Any]
Expression = Callable[[Scope], Any]


def constant(value: Any) -> Expression:
    """The value, whatever the scope."""
    return lambda _scope: value


def apply(function: Callable[..., Any], *arguments: Expression) -> Expression:
    """The function of the arguments' values."""
    return lambda scope: function(*(argument(scope) for argument in arguments))


def name_of(name: str) -> Expression:
    """What the scope holds under the name."""
    return lambda scope: select(scope, name)


def make_list(items: Sequence[Expression]) -> Expression:
    """[a, b]"""
    return lambda scope: [item(scope) for item in items]


def negate(test: Expression) -> Expression:
    """!a"""
    return lambda scope: not _demand_bool(test(scope))


def choose(test: Expression, then: Expression, other: Expression) -> Expression:
    """a ? b : c"""
    return lambda scope: then(scope) if _demand_bool(test(scope)) else other(scope)


def make_macro(
    collection: Expression, name: str, test: Expression, judge: Callable[[list[bool]], bool]
) -> Expression:
    """a.exists(name, test)"""

    def evaluate(scope: Scope) -> bool:
        items = collection(scope)
        if not isinstance(items, list):
            raise EvaluationError("only a list has elements")
        return judge([_demand_bool(test({**scope, name: item})) for item in items])

    return evaluate


def decide_by(deciding: bool, left: Expression, right: Expression) -> Expression:
    """a || b, where true decides, or a && b, where false does, even if the other side has no value."""

    def evaluate(scope: Scope) -> bool:
        try:
            if _demand_bool(left(scope)) is deciding:
                return deciding
        except EvaluationError:
            if _demand_bool(right(scope)) is deciding:
                return deciding
            raise
        return _demand_bool(right(scope))

    return evaluate


def _demand_bool(value: Any) -> bool:
    if not isinstance(value, bool):
        raise EvaluationError(f"{value!r} is neither true nor false")
    return value


def _has(expression: Expression) -> Expression:
    def evaluate(scope: Scope) -> bool:
        try:
            expression(scope)
        except EvaluationError:
            return False
        return True

    return evaluate


FUNCTIONS: dict[str, Callable[[Expression], Expression]] = {
    "has": _has,
    "size": lambda expression: apply(get_size, expression),
    "string": lambda expression: apply(to_text, expression),
}
