"""Expressions of workload identity providers: CEL over the claims of a subject token.

    assertion.repository_owner == "octo-org" && assertion.ref in ["refs/heads/main", "refs/heads/next"]
    assertion.arn.contains("assumed-role") ? assertion.arn.extract("assumed-role/{role}/") : assertion.arn

https://cloud.google.com/iam/docs/workload-identity-federation#mapping
"""

from docker_credential_gcr.emulator.runtime.memoize import memoize

from .environment import Environment, Kind
from .evaluator import FUNCTIONS, Expression
from .parser import MACROS, parse
from .tokenizer import make_pattern
from .values import METHODS, RELATIONS

_TOKEN = make_pattern(r"&&|\|\||[=!<>]=|[-!<>().,?:+\[\]]", numbers=True)


class InvalidExpression(Exception):
    """The text is not in the supported part of CEL."""


ENVIRONMENT = Environment(
    InvalidExpression,
    _TOKEN,
    max_size=4096,
    variables=dict.fromkeys(("assertion", "attribute", "google"), Kind.ANY),
    members={Kind.ANY: dict.fromkeys(METHODS, Kind.ANY)},
    relations=frozenset(RELATIONS),
    functions=frozenset(FUNCTIONS),
    macros=frozenset(MACROS),
)


# A compiled expression can take a hundred times its text.
@memoize(128 * 1024)
def compile_expression(text: str) -> Expression:
    """Compiles an expression to a function of an activation. Raises InvalidExpression.

    The activation has `assertion`, and for conditions `google` and `attribute`. The function raises
    EvaluationError if the expression has no value, and CostExceeded.
    """
    return parse(text, ENVIRONMENT)
