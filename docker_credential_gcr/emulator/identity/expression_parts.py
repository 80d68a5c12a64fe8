"""What expressions are built of: functions that give a value for a scope, made of smaller ones."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from .expression_budget import Budget
from .expression_values import EvaluationError, get_size, select, to_text


class Scope(NamedTuple):
    """The values that an expression can name, and what its evaluation may still cost."""

    values: Mapping[str, Any]
    budget: Budget


Expression = Callable[[Scope], Any]


def constant(value: Any) -> Expression:
    """The value, whatever the scope."""
    return lambda _scope: value


def look_up(function: Callable[..., Any], *arguments: Expression) -> Expression:
    """Applies a function that looks at no more than a part of its arguments' values."""

    def evaluate(scope: Scope) -> Any:
        scope.budget.spend_step()
        return function(*(argument(scope) for argument in arguments))

    return evaluate


def apply(function: Callable[..., Any], *arguments: Expression) -> Expression:
    """Applies a function that reads all of its arguments' values, or makes a new one."""

    def evaluate(scope: Scope) -> Any:
        scope.budget.spend_step()
        values = [argument(scope) for argument in arguments]
        for value in values:
            scope.budget.spend(value)
        result = function(*values)
        scope.budget.spend(result)
        return result

    return evaluate


def name_of(name: str) -> Expression:
    """What the scope holds under the name."""
    return lambda scope: select(scope.values, name)


def make_list(items: Sequence[Expression]) -> Expression:
    """[a, b]"""
    return apply(lambda *values: list(values), *items)


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
        return judge([_test(scope, name, item) for item in items])

    def _test(scope: Scope, name: str, item: Any) -> bool:
        scope.budget.spend_step()
        return _demand_bool(test(Scope({**scope.values, name: item}, scope.budget)))

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
        raise EvaluationError("the value is neither true nor false")
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
    "size": lambda expression: look_up(get_size, expression),
    "string": lambda expression: apply(to_text, expression),
}
