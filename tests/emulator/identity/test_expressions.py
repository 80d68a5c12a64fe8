"""Expressions of workload identity providers are CEL, and what is not understood is refused beforehand."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from docker_credential_gcr.emulator.identity.expression_values import EvaluationError
from docker_credential_gcr.emulator.identity.expressions import (
    MAX_SIZE,
    InvalidExpression,
    compile_expression,
)

ROLE_ARN = "arn:aws:sts::123456789012:assumed-role/builder/i-0123"
SCOPE = {
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
        # What decides, decides, whatever the other side lacks; && binds tighter than ||.
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
    assert compile_expression(text)(SCOPE) == value


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
        compile_expression(text)(SCOPE)


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
        ("'" + "a" * MAX_SIZE + "'", f"it is longer than {MAX_SIZE} characters"),
    ],
)
def test_what_is_not_understood_is_refused(text: str, reason: str) -> None:
    with pytest.raises(InvalidExpression, match=reason):
        compile_expression(text)


@given(st.text(alphabet="assertion.[]()'\"+&|!=<>?: 1,xg", max_size=60))
def test_any_text_is_refused_or_evaluated(text: str) -> None:
    with contextlib.suppress(InvalidExpression, EvaluationError):
        compile_expression(text)(SCOPE)
