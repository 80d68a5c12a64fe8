"""Expressions of workload identity providers are CEL; unknown syntax is refused when they are set."""

import contextlib
import tracemalloc
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from docker_credential_gcr.emulator.identity.cel.budget import Budget, CostExceeded
from docker_credential_gcr.emulator.identity.cel.evaluator import Activation
from docker_credential_gcr.emulator.identity.cel.expressions import (
    ENVIRONMENT,
    InvalidExpression,
    compile_expression,
)
from docker_credential_gcr.emulator.identity.cel.values import EvaluationError

ROLE_ARN = "arn:aws:sts::123456789012:assumed-role/builder/i-0123"
VALUES = {
    "assertion": {
        "sub": "repo:octo-org/octo-repo:ref:refs/heads/main",
        "ref": "refs/heads/main",
        "arn": ROLE_ARN,
        "user arn": "arn:aws:iam::123456789012:user/Ada",
        "run_attempt": 2,
        "verified": True,
        "nothing": None,
        "groups": ["dev", "ops"],
        "kubernetes.io": {"namespace": "build", "serviceaccount": {"name": "pusher"}},
    },
    "google": {"subject": "octo-org", "groups": []},
    "attribute": {"repository": "octo-org/octo-repo"},
}


def evaluate(text: str, values: Mapping[str, object] = VALUES, budget: Budget | None = None) -> object:
    return compile_expression(text)(Activation(values, budget or Budget()))


AWS_ROLE = (
    "assertion.arn.contains('assumed-role') ? assertion.arn.extract('{account_arn}assumed-role/') + "
    "'assumed-role/' + assertion.arn.extract('assumed-role/{role_name}/') : assertion.arn"
)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("assertion.sub", "repo:octo-org/octo-repo:ref:refs/heads/main"),
        ("assertion['kubernetes.io'].serviceaccount.name", "pusher"),
        ("assertion['kubernetes.io']['namespace'] + '/' + assertion['ref']", "build/refs/heads/main"),
        (AWS_ROLE, "arn:aws:sts::123456789012:assumed-role/builder"),
        (
            AWS_ROLE.replace("assertion.arn", "assertion['user arn']"),
            "arn:aws:iam::123456789012:user/Ada",
        ),
        ("assertion.groups", ["dev", "ops"]),
        ("assertion.groups[1]", "ops"),
        ("[assertion.ref] + ['x']", ["refs/heads/main", "x"]),
        ("[]", []),
        ("'dev' in assertion.groups", True),
        ("'namespace' in assertion['kubernetes.io']", True),
        ("1 in [true]", False),
        ("assertion.run_attempt == 2", True),
        ("assertion.run_attempt == '2'", False),
        ("assertion.verified == 1", False),
        ("assertion.nothing == null", True),
        ("assertion.run_attempt + 1 > -1", True),
        ("assertion.run_attempt <= 1", False),
        ("'a' < 'b' && 'b' >= 'b'", True),
        ("assertion.ref != 'refs/heads/main'", False),
        ("assertion.ref.split('/')[2].upperAscii().lowerAscii()", "main"),
        ("assertion.ref.split('')[0]", "r"),
        ("assertion.groups.join(',')", "dev,ops"),
        ("assertion.groups.join()", "devops"),
        ("assertion.ref.endsWith('/main') && assertion.ref.startsWith('refs/')", True),
        ("size(assertion.groups) == assertion.groups.size()", True),
        ("string(assertion.run_attempt) + string(true) + string('x')", "2truex"),
        ("has(assertion.environment) ? assertion.environment : 'none'", "none"),
        ("has(assertion.ref)", True),
        ("assertion.groups.exists(g, g.startsWith('op'))", True),
        ("assertion.groups.all(g, g == 'dev' || g == attribute.repository)", False),
        ("google.subject in ['octo-org']", True),
        # The deciding side decides, even if the other one fails; && has a higher precedence than ||.
        ("assertion.no || true", True),
        ("true || assertion.no", True),
        ("assertion.no && false", False),
        ("true || true && false", True),
        ("(true || true) && false", False),
        ("!(assertion.verified) || !!true", True),
        ("true ? 'a' : assertion.no", "a"),
        (r"'a\'b\\' + \"c\"".replace('\\"', '"'), "a'b\\c"),
    ],
)
def test_an_expression_has_the_value(text: str, value: object) -> None:
    assert evaluate(text) == value


@pytest.mark.parametrize(
    "text",
    [
        "assertion.environment",
        "assertion.ref.name",
        "assertion.groups['dev']",
        "assertion.groups[2]",
        "assertion.run_attempt.startsWith('2')",
        "assertion.ref.startsWith(2)",
        "assertion.ref + 1",
        "true + true",
        "assertion.ref < 1",
        "true < false",
        "!assertion.ref",
        "assertion.ref && true",
        "assertion.no || false",
        "assertion.ref ? 1 : 2",
        "'a' in 'abc'",
        "size(1)",
        "string([])",
        "[1].join()",
        "'a'.split('').join(1)",
        "assertion.exists(x, true)",
        "assertion.groups.exists(g, g)",
        "'" + "a" * 1200 + "'.split('')",
    ],
)
def test_an_expression_without_a_value_says_so(text: str) -> None:
    with pytest.raises(EvaluationError):
        evaluate(text)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "it ends too early"),
        ("assertion.", "it ends too early"),
        ("assertion.sub)", r"'\)' is not expected there"),
        ("claims.sub", "'claims' is not expected there"),
        ("g", "'g' is not expected there"),
        ("assertion.sub == ", "it ends too early"),
        ("assertion.sub.matches('a+')", "the method 'matches' with 1 arguments is not understood"),
        ("assertion.sub.startsWith()", "the method 'startsWith' with 0 arguments is not understood"),
        ("has()", r"has\(\) takes one argument"),
        ("- assertion.sub", "'assertion' is not expected there"),
        ("assertion.sub * 2", r"'\* 2' is not understood"),
        ("a ? b", "'a' is not expected there"),
        ("true ? 1", "it ends too early"),
        ("[1 2]", "'2' is not expected there"),
        ("assertion.a.all(x, x.all(y, true))", "a macro inside a macro is not understood"),
        ("(" * 200 + "true" + ")" * 200, "it is nested too deeply"),
        ("!" * 200 + "true", "it is nested too deeply"),
        ("'" + "a" * ENVIRONMENT.max_size + "'", f"it is longer than {ENVIRONMENT.max_size} characters"),
    ],
)
def test_what_is_not_understood_is_refused(text: str, reason: str) -> None:
    with pytest.raises(InvalidExpression, match=reason):
        compile_expression(text)


@given(st.text(alphabet="assertion.[]()'\"+&|!=<>?: 1,xg", max_size=60))
def test_any_text_is_refused_or_evaluated(text: str) -> None:
    with contextlib.suppress(InvalidExpression, EvaluationError):
        evaluate(text)


# A token of 16 KiB, the maximum, with the claims that cost most.
LARGE = {
    "assertion": {
        "a": "a" * 999,
        "y": "y" * 9000,
        "many": ["m"] * 1000,
        "lists": [["l"] * 10] * 40,
        "object": {str(number): "o" for number in range(100)},
    }
}
SPLIT = 'assertion.a.split("a")'
COSTLY = {
    "join": f"size({SPLIT}.join({SPLIT}.join(assertion.y))) > 0",
    "join of a join of a join": f"{SPLIT}.join({SPLIT}.join({SPLIT}.join(assertion.a)))",
    "joins in all": f"{SPLIT}.all(i, {' && '.join([f'{SPLIT}.join(assertion.a).size() > 0'] * 70)})",
    "joins in exists": f"{SPLIT}.exists(i, {SPLIT}.join(assertion.a) == i)",
    "joins behind an error": f"{SPLIT}.all(i, has({SPLIT}.join(assertion.a)) || true)",
    "texts added": f"{SPLIT}.all(i, size({' + '.join(['assertion.y'] * 150)}) > 0)",
    "lists added": f"{SPLIT}.all(i, size({' + '.join(['assertion.many'] * 100)}) > 0)",
    "a list written out": f"{SPLIT}.all(i, size([{', '.join(['assertion.many'] * 200)}]) > 0)",
    "split": f"{SPLIT}.all(i, size(assertion.a.split('a')) + size({SPLIT}) > 0)",
    "split of a text without a separator": f"{SPLIT}.all(i, {SPLIT}.join('b').split('').size() > 0)",
    "contains": f"{SPLIT}.all(i, {' || '.join(['assertion.y.contains(assertion.a)'] * 100)})",
    "in a list": f"{SPLIT}.all(i, !({' || '.join(['i in assertion.many'] * 100)}))",
    "lists compared": f"{SPLIT}.all(i, {' && '.join(['assertion.lists == assertion.lists'] * 100)})",
    "objects compared": f"{SPLIT}.all(i, {' && '.join(['assertion.object == assertion.object'] * 100)})",
    "case": f"{SPLIT}.all(i, {' && '.join(['assertion.y.upperAscii().lowerAscii() != i'] * 80)})",
    "extract": f"{SPLIT}.all(i, {' && '.join(['assertion.y.extract(assertion.a) == i'] * 80)})",
    "steps alone": f"{SPLIT}.all(i, {' && '.join(['true == true'] * 200)})",
    "values without a truth value": f"{SPLIT}.all(i, {' && '.join(['!has(!assertion.object)'] * 150)})",
}


@pytest.mark.parametrize("text", COSTLY.values(), ids=[f"B-Z05-{name}" for name in COSTLY])
def test_an_expression_that_computes_too_much_ends_early_and_small(text: str) -> None:
    expression = compile_expression(text)
    tracemalloc.start()
    try:
        with pytest.raises(CostExceeded):
            expression(Activation(LARGE, Budget()))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 10 * 1024 * 1024


READS = "'m' in assertion.many || assertion.y.endsWith('y')"


def test_z05_all_expressions_of_an_exchange_have_one_budget() -> None:
    budget = Budget()
    assert [evaluate(READS, LARGE, Budget()) for _ in range(50)] == [True] * 50
    with pytest.raises(CostExceeded):
        [evaluate(READS, LARGE, budget) for _ in range(50)]


def test_z05_what_mappings_are_written_for_fits_into_the_budget() -> None:
    budget = Budget()
    is_of_group = "'dev' in assertion.groups && assertion.sub.startsWith('repo:')"
    for _ in range(50):
        assert evaluate(AWS_ROLE, budget=budget) == "arn:aws:sts::123456789012:assumed-role/builder"
        assert evaluate(is_of_group, budget=budget) is True
    groups = {"assertion": {"groups": [f"group-{number}@example.com" for number in range(600)]}}
    assert evaluate("assertion.groups.exists(g, g.startsWith('group-599'))", groups, budget) is True
