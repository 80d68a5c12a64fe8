"""Evaluator of CEL: an expression is a function of an activation, composed of those of its parts."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, NamedTuple

from .budget import Budget
from .values import EvaluationError, get_size, to_text


class Activation(NamedTuple):
    """The values that an expression can name, and the budget of its evaluation."""

    values: Mapping[str, Any]
    budget: Budget


Expression = Callable[[Activation], Any]


def constant(value: Any) -> Expression:
    """Evaluates to the value in any activation."""
    return lambda _activation: value


def look_up(function: Callable[..., Any], *arguments: Expression) -> Expression:
    """Applies a function that reads only a part of its arguments."""

    def evaluate(activation: Activation) -> Any:
        activation.budget.spend_step()
        return function(*(argument(activation) for argument in arguments))

    return evaluate


def apply(function: Callable[..., Any], *arguments: Expression) -> Expression:
    """Applies a function that reads its arguments wholly, or creates a new value."""

    def evaluate(activation: Activation) -> Any:
        activation.budget.spend_step()
        values = [argument(activation) for argument in arguments]
        for value in values:
            activation.budget.spend(value)
        result = function(*values)
        activation.budget.spend(result)
        return result

    return evaluate


def negate(test: Expression) -> Expression:
    """Evaluates !a"""
    return lambda activation: not _demand_bool(test(activation))


def choose(test: Expression, then: Expression, other: Expression) -> Expression:
    """Evaluates a ? b : c"""
    return lambda activation: then(activation) if _demand_bool(test(activation)) else other(activation)


def make_macro(
    collection: Expression, name: str, test: Expression, judge: Callable[[list[bool]], bool]
) -> Expression:
    """Evaluates a.exists(name, test)"""

    def evaluate(activation: Activation) -> bool:
        items = collection(activation)
        if not isinstance(items, list):
            raise EvaluationError("only a list has elements")
        results = []
        for item in items:
            activation.budget.spend_step()
            results.append(
                _demand_bool(test(Activation({**activation.values, name: item}, activation.budget)))
            )
        return judge(results)

    return evaluate


def decide_by(deciding: bool, left: Expression, right: Expression) -> Expression:
    """Evaluates a || b, which true decides, or a && b, which false decides, even if the other side fails."""

    def evaluate(activation: Activation) -> bool:
        try:
            if _demand_bool(left(activation)) is deciding:
                return deciding
        except EvaluationError:
            if _demand_bool(right(activation)) is deciding:
                return deciding
            raise
        return _demand_bool(right(activation))

    return evaluate


def _demand_bool(value: Any) -> bool:
    if not isinstance(value, bool):
        raise EvaluationError("the value is neither true nor false")
    return value


def _has(expression: Expression) -> Expression:
    def evaluate(activation: Activation) -> bool:
        with suppress(EvaluationError):
            expression(activation)
            return True
        return False

    return evaluate


FUNCTIONS: dict[str, Callable[[Expression], Expression]] = {
    "has": _has,
    "size": lambda expression: look_up(get_size, expression),
    "string": lambda expression: apply(to_text, expression),
}
