"""Conditions accept the CEL that Google documents for a resource's name, type and service, no more."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from docker_credential_gcr.emulator.identity.cel.conditions import (
    ENVIRONMENT,
    InvalidCondition,
    compile_condition,
)
from docker_credential_gcr.emulator.identity.cel.values import extract
from docker_credential_gcr.emulator.identity.resource import (
    Resource,
    describe_bucket,
    describe_object,
    describe_repository,
)

BUCKET = describe_bucket("artifacts.my-project.appspot.com", "my-project")
BLOB = describe_object("artifacts.my-project.appspot.com", "containers/images/", "my-project")
REPOSITORY = describe_repository("my-project", "us", "images")
EVERY = (BUCKET, BLOB, REPOSITORY)

NAME = "projects/_/buckets/artifacts.my-project.appspot.com"


@pytest.mark.parametrize(
    ("expression", "met"),
    [
        ("true", (BUCKET, BLOB, REPOSITORY)),
        ("false", ()),
        (f'resource.name == "{NAME}"', (BUCKET,)),
        (f"resource.name != '{NAME}'", (BLOB, REPOSITORY)),
        (f'"{NAME}" == resource.name', (BUCKET,)),
        (f'resource.name.startsWith("{NAME}")', (BUCKET, BLOB)),
        ('resource.name.endsWith("/images")', (REPOSITORY,)),
        ('resource.type == "storage.googleapis.com/Object"', (BLOB,)),
        ('resource.service == "artifactregistry.googleapis.com"', (REPOSITORY,)),
        ('!resource.name.startsWith("projects/_/")', (REPOSITORY,)),
        ('!!(resource.service == "storage.googleapis.com")', (BUCKET, BLOB)),
        ('resource.name.extract("/buckets/{bucket}/objects/") != ""', (BLOB,)),
        ('resource.name.extract("locations/{l}/repositories/") == "us"', (REPOSITORY,)),
        ('resource.name.extract("projects/{rest}").startsWith("my-")', (REPOSITORY,)),
        # && has a higher precedence than ||.
        (
            'resource.name.endsWith("/images") || resource.service == "storage.googleapis.com" && false',
            (REPOSITORY,),
        ),
        ("true || false && false", EVERY),
        ("(true || false) && false", ()),
        ("  true\n&&\ttrue ", EVERY),
        (r'resource.name == "a\"b\\c"', ()),
    ],
)
def test_a_condition_is_met_by(expression: str, met: tuple[Resource, ...]) -> None:
    test = compile_condition(expression)

    assert tuple(resource for resource in EVERY if test(resource)) == met


# Examples from Google's page about the function.
@pytest.mark.parametrize(
    ("template", "extracted"),
    [
        ("/order_date={date}/", "2019-11-03"),
        ("buckets/{name}/", "acme-orders-aaa"),
        ("/orders/{empty}order_date", ""),
        ("{start}/objects/data_lake", "projects/_/buckets/acme-orders-aaa"),
        ("orders/{end}", "order_date=2019-11-03/aef87g87ae0876"),
        ("{all}", "projects/_/buckets/acme-orders-aaa/objects/data_lake/orders/order_date=2019-11-03/"
        "aef87g87ae0876"),
        ("/orders/{none}/order_date=", ""),
        ("/orders/order_date=2019-11-03/{id}/data_lake", ""),
    ],
)  # fmt: skip
def test_extract_takes_what_the_template_names(template: str, extracted: str) -> None:
    value = "projects/_/buckets/acme-orders-aaa/objects/data_lake/orders/order_date=2019-11-03/aef87g87ae0876"

    assert extract(value, template) == extracted


@pytest.mark.parametrize(
    ("expression", "complaint"),
    [
        ("", "it ends too early"),
        ("resource", "it ends too early"),
        ("resource.name", "it ends too early"),
        ("resource.name ==", "it ends too early"),
        ("(true", "it ends too early"),
        ("true)", "')' is not expected there"),
        ("true true", "'true' is not expected there"),
        ("resource.labels == 'x'", "'labels' is not expected there"),
        ("request.auth == 'x'", "'request' is not expected there"),
        ("request.time < 1", "'< 1' is not understood"),
        ("resource.name.matches('.*')", "'matches' is not expected there"),
        ("resource.name.startsWith(resource.type)", "'resource' is not expected there"),
        ("resource.name == true", "'true' is not expected there"),
        ("resource.name.extract('no name') == ''", "the template 'no name' has not one {name}"),
        ("resource.name.extract('{a}{b}') == ''", "the template '{a}{b}' has not one {name}"),
        ("resource.name == 'unended", '"\'unended" is not understood'),
        ("import os", "'import' is not expected there"),
        ("1 == 1", "'1 == 1' is not understood"),
        ("(" * 100 + "true" + ")" * 100, "it is nested too deeply"),
        (" || ".join(["true"] * 14), f"it has more than {ENVIRONMENT.max_operators} logical operators"),
        (
            f"resource.name == '{'x' * ENVIRONMENT.max_size}'",
            f"it is longer than {ENVIRONMENT.max_size} characters",
        ),
    ],
)
def test_what_is_not_of_that_part_is_refused(expression: str, complaint: str) -> None:
    with pytest.raises(InvalidCondition) as refusal:
        compile_condition(expression)

    assert str(refusal.value) == complaint


@given(
    st.text(st.sampled_from("resource.name type!()&|='\"\\ tfu{}extract\n") | st.characters(), max_size=60)
)
def test_any_text_is_a_condition_or_is_refused(text: str) -> None:
    try:
        test = compile_condition(text)
    except InvalidCondition:
        return

    assert [test(resource) in (True, False) for resource in EVERY] == [True] * 3
