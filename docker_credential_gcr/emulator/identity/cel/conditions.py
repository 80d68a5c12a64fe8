"""Conditions of IAM policies: CEL over a resource's name, type and service.

    resource.name.startsWith("projects/_/buckets/artifacts.my-project.appspot.com") &&
    !(resource.type == "storage.googleapis.com/Bucket")

https://cloud.google.com/iam/docs/conditions-attribute-reference#resource
An accepted condition never fails at evaluation: its types are checked when the policy is set.
"""

from collections.abc import Callable

from docker_credential_gcr.emulator.identity.resource import Resource
from docker_credential_gcr.emulator.runtime.memoize import memoize

from .budget import Budget, CostExceeded
from .environment import Environment, Kind
from .evaluator import Activation
from .parser import parse
from .tokenizer import make_pattern

_TOKEN = make_pattern(r"&&|\|\||==|!=|[!().]", numbers=False)

Test = Callable[[Resource], bool]


class InvalidCondition(Exception):
    """The expression is not in the supported part of CEL."""


# The limit of operators: https://cloud.google.com/iam/docs/conditions-overview#limitations
ENVIRONMENT = Environment(
    InvalidCondition,
    _TOKEN,
    max_size=2048,
    max_operators=12,
    variables={"resource": Kind.RECORD},
    members={
        Kind.RECORD: {"name": Kind.TEXT, "service": Kind.TEXT, "type": Kind.TEXT},
        Kind.TEXT: {"endsWith": Kind.BOOL, "extract": Kind.TEXT, "startsWith": Kind.BOOL},
    },
    relations=frozenset(("==", "!=")),
)


@memoize(256 * 1024)
def compile_condition(expression: str) -> Test:
    """Compiles an expression to a test of a resource. Raises InvalidCondition.

    A condition that computes more than a Budget allows, such as a hundred extracts, is not met.
    """
    evaluate = parse(expression, ENVIRONMENT)

    def test(resource: Resource) -> bool:
        fields = {name: getattr(resource, name) for name in ENVIRONMENT.members[Kind.RECORD]}
        try:
            return evaluate(Activation({"resource": fields}, Budget())) is True
        except CostExceeded:
            return False

    return test
