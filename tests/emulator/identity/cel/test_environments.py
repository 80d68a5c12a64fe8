"""Both environments of CEL have one parser: common syntax means the same in both."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from docker_credential_gcr.emulator.identity.cel.budget import Budget
from docker_credential_gcr.emulator.identity.cel.conditions import ENVIRONMENT as CONDITIONS
from docker_credential_gcr.emulator.identity.cel.conditions import InvalidCondition, compile_condition
from docker_credential_gcr.emulator.identity.cel.environment import Kind
from docker_credential_gcr.emulator.identity.cel.evaluator import Activation
from docker_credential_gcr.emulator.identity.cel.expressions import ENVIRONMENT as EXPRESSIONS
from docker_credential_gcr.emulator.identity.cel.expressions import InvalidExpression, compile_expression
from docker_credential_gcr.emulator.identity.cel.values import EvaluationError
from docker_credential_gcr.emulator.identity.resource import Resource

RESOURCE = Resource("projects/_/buckets/images/objects/a", "storage/Object", "storage", "my-project")
ASSERTION = {"name": RESOURCE.name, "type": RESOURCE.type, "service": RESOURCE.service}


def evaluate_condition(text: str) -> object:
    return compile_condition(text)(RESOURCE)


def evaluate_expression(text: str) -> object:
    """Evaluates the same text on an assertion with the fields of the resource."""
    evaluate = compile_expression(text.replace("resource", "assertion"))
    return evaluate(Activation({"assertion": ASSERTION}, Budget()))


USES = pytest.mark.parametrize("evaluate", [evaluate_condition, evaluate_expression])


@USES
@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("true", True),
        ("false", False),
        ("!false", True),
        ("!!!false", True),
        ("true && true && false", False),
        ("false || false || true", True),
        ("true || true && false", True),
        ("(true || true) && false", False),
        ("!(true && false)", True),
        ("!true || true", True),
        ("  true\n&&\ttrue ", True),
        ("resource.service == 'storage'", True),
        ('resource.service != "storage"', False),
        ('"storage" == resource.service', True),
        ("('storage') == resource.service", True),
        ("resource . service == 'storage'", True),
        ("(resource.service == 'storage') == true", True),
        ("null == null", True),
        (r"'a\'b\\' == 'a\'b\\'", True),
        ("'&& || !' == resource.name", False),
        ("resource.name.startsWith('projects/')", True),
        ("resource.name.endsWith('/b')", False),
        ("resource.name.extract('buckets/{bucket}/') == 'images'", True),
        ("resource.name.extract('{all}').extract('/{rest}').startsWith('_')", True),
        ("resource.name.extract('nowhere/{a}') == ''", True),
        ("'abc'.startsWith('a')", True),
    ],
)
def test_both_apis_give_the_value(evaluate: object, text: str, value: bool) -> None:
    assert evaluate(text) is value  # type: ignore[operator]


@USES
@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "it ends too early"),
        ("(true", "it ends too early"),
        ("true &&", "it ends too early"),
        ("resource.name ==", "it ends too early"),
        ("resource.name.", "it ends too early"),
        ("true)", "')' is not expected there"),
        ("true true", "'true' is not expected there"),
        ("true &| true", "'&| true' is not understood"),
        ("'unended", '"\'unended" is not understood'),
        ("name", "'name' is not expected there"),
        ("(" * 25 + "true" + ")" * 25, "it is nested too deeply"),
    ],
)
def test_both_apis_refuse_with_the_same_words(evaluate: object, text: str, complaint: str) -> None:
    with pytest.raises((InvalidCondition, InvalidExpression)) as refusal:
        evaluate(text)  # type: ignore[operator]

    assert str(refusal.value) == complaint


@given(st.lists(st.sampled_from([*"!().", "&&", "||", "==", "!=", "resource", ".name", "true", "'a'",
    ".startsWith('p')", ".extract('{a}')"]), max_size=12))  # fmt: skip
def test_an_accepted_condition_has_the_value_of_the_expression(parts: list[str]) -> None:
    text = " ".join(parts)
    try:
        value = evaluate_condition(text)
    except InvalidCondition:
        return

    try:
        assert evaluate_expression(text) is value
    except EvaluationError:
        # !a == b, which only conditions read as !(a == b).
        assert "!" in parts


def test_conditions_have_what_google_documents_for_a_resources_name() -> None:
    documented = {"==", "!=", "startsWith", "endsWith", "extract"}

    assert {*CONDITIONS.relations, *CONDITIONS.members[Kind.TEXT]} == documented
    assert set(CONDITIONS.members[Kind.RECORD]) == {"name", "service", "type"}
    assert (CONDITIONS.functions, CONDITIONS.macros) == (frozenset(), frozenset())


def test_conditions_are_a_part_of_what_expressions_have() -> None:
    assert CONDITIONS.relations < EXPRESSIONS.relations
    assert CONDITIONS.members[Kind.TEXT].keys() < EXPRESSIONS.members[Kind.ANY].keys()


def test_a_stored_condition_may_negate_a_comparison_without_brackets() -> None:
    assert evaluate_condition("!resource.service == 'storage'") is False
    assert evaluate_condition("!!resource.service == 'storage'") is True


def test_a_condition_that_computes_too_much_is_not_met() -> None:
    text = "resource.name" + '.extract("{a}")' * 100 + " != 'a'"
    large = Resource("a" * 100_000, "storage/Object", "storage", "my-project")

    assert compile_condition(text)(RESOURCE) is True
    assert compile_condition(text)(large) is False
