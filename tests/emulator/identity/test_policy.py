"""Policies are values: a grant or a revocation returns a new one, and the etag depends on the content."""

import re
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from docker_credential_gcr.emulator.identity.policy import (
    EMPTY,
    Binding,
    InvalidPolicy,
    Policy,
    format_policy,
    grant,
    is_member,
    parse_policy,
    revoke,
)

A, B = "user:a@example.com", "serviceAccount:b@my-project.iam.gserviceaccount.com"

READER = "roles/storage.objectViewer"


def conditional(condition: object, role: str = READER) -> dict[str, object]:
    return {"version": 3, "bindings": [{"role": role, "members": [A], "condition": condition}]}


def test_granting_adds_a_member_once() -> None:
    policy = grant(grant(grant(EMPTY, "roles/viewer", A), "roles/viewer", B), "roles/viewer", A)

    assert policy == Policy((Binding("roles/viewer", (B, A)),))


def test_revoking_the_last_member_removes_the_binding() -> None:
    policy = grant(grant(EMPTY, "roles/viewer", A), "roles/editor", B)

    assert revoke(policy, "roles/viewer", A) == Policy((Binding("roles/editor", (B,)),))
    assert revoke(policy, "roles/owner", A) == policy


def test_a_document_is_normalised_and_comes_back_with_its_etag() -> None:
    policy = parse_policy(
        {
            "etag": "whatever",
            "bindings": [
                {"role": "roles/viewer", "members": [A]},
                {"role": "roles/editor", "members": []},
                {"role": "roles/viewer", "members": [B, A]},
            ],
        }
    )

    assert format_policy(policy) == {
        "version": 1,
        "etag": policy.etag,
        "bindings": [{"role": "roles/viewer", "members": [B, A]}],
    }
    assert parse_policy(format_policy(policy)) == policy


CONDITION = {"title": "one host", "expression": 'resource.name.endsWith("x")', "description": "why"}


def test_a_role_with_a_condition_is_another_binding() -> None:
    policy = grant(parse_policy(conditional(CONDITION)), READER, B)

    assert format_policy(policy) == {
        "version": 3,
        "etag": policy.etag,
        "bindings": [
            {"role": READER, "members": [A], "condition": CONDITION},
            {"role": READER, "members": [B]},
        ],
    }
    assert parse_policy(format_policy(policy)) == policy
    assert revoke(policy, READER, A) == grant(EMPTY, READER, B)


def test_who_knows_no_conditions_sees_another_role() -> None:
    policy = parse_policy(conditional(CONDITION))

    (binding,) = format_policy(policy, 1)["bindings"]  # type: ignore[misc]

    assert format_policy(policy, 1) == {"version": 1, "etag": policy.etag, "bindings": [binding]}
    assert binding["members"] == [A]
    assert re.fullmatch(rf"{READER}_withcond_[0-9a-f]{{20}}", binding["role"])


def test_the_etag_names_the_condition_too() -> None:
    others = [{**CONDITION, name: "true"} for name in CONDITION]

    assert len({parse_policy(conditional(other)).etag for other in [CONDITION, *others]}) == 4


@given(st.text(st.characters(codec="ascii", categories=["L"]), min_size=1, max_size=9))
def test_an_etag_is_the_same_in_both_alphabets_of_base64(name: str) -> None:
    etag = grant(EMPTY, f"roles/{name}", A).etag

    assert re.fullmatch(r"[A-Za-z0-9]{16}", etag)


def test_the_etag_names_the_content() -> None:
    one, two = grant(EMPTY, "roles/viewer", A), grant(EMPTY, "roles/viewer", B)

    assert format_policy(EMPTY) == {"version": 1, "etag": "ACAB"}
    assert len({EMPTY.etag, one.etag, two.etag}) == 3
    assert one.etag == grant(EMPTY, "roles/viewer", A).etag


@pytest.mark.parametrize(
    ("document", "complaint"),
    [
        (None, "policy must be an object"),
        ([], "policy must be an object"),
        ({"version": 2}, "policy version must be 0, 1 or 3"),
        ({"bindings": {}}, "bindings must be a list"),
        ({"bindings": ["x"]}, "a binding must be an object"),
        ({"bindings": [{"members": [A]}]}, "role None is not of the form roles/NAME"),
        ({"bindings": [{"role": "editor"}]}, "role 'editor' is not of the form roles/NAME"),
        (
            {"bindings": [{"role": "roles/viewer", "members": A}]},
            "the members of roles/viewer must be a list",
        ),
        (
            {"bindings": [{"role": "roles/viewer", "members": ["a@example.com"]}]},
            "member 'a@example.com' is not of a known form, such as user:EMAIL",
        ),
        (
            conditional({"title": "t", "expression": "true"}, "roles/viewer"),
            "the basic role roles/viewer takes no condition",
        ),
        (
            {**conditional({"title": "t", "expression": "true"}), "version": 1},
            "a policy with conditions must be of version 3",
        ),
        (conditional([]), f"the condition of {READER} must be an object"),
        (conditional({}), f"the condition of {READER} must have an expression, a string"),
        (
            conditional({"expression": "true"}),
            f"the condition of {READER} must have a title of 1 to 100 characters, and at most 256 more",
        ),
        (
            conditional({"title": "t", "expression": "request.path == 'x'"}),
            f"the condition 't' of {READER} cannot be evaluated: 'request' is not expected there",
        ),
        (
            {
                "bindings": [
                    {"role": "roles/viewer", "members": [f"user:a{n}@example.com" for n in range(1501)]}
                ]
            },
            "a policy holds at most 1500 members",
        ),
    ],
)
def test_a_bad_document_is_refused(document: object, complaint: str) -> None:
    with pytest.raises(InvalidPolicy) as refusal:
        parse_policy(document)

    assert str(refusal.value) == complaint


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        ("allUsers", True),
        ("allAuthenticatedUsers", True),
        (A, True),
        (B, True),
        ("group:team@example.com", True),
        ("domain:example.com", True),
        ("allusers", False),
        ("user:", False),
        ("user:a@b", False),
        ("user:a@example.com\n", False),
        ("user:a b@example.com", False),
        ("robot:a@example.com", False),
        ("user:" + "a" * 320 + "@example.com", False),
    ],
)
def test_members_have_the_forms_of_iam(text: str, is_one: bool) -> None:
    assert is_member(text) is is_one


CHANGES = st.lists(
    st.tuples(
        st.sampled_from([grant, revoke]),
        st.sampled_from(["roles/viewer", "roles/editor"]),
        st.sampled_from([A, B, "allUsers"]),
    )
)


@given(CHANGES)
def test_a_policy_holds_what_was_granted_and_not_revoked_since(
    changes: list[tuple[Callable[[Policy, str, str], Policy], str, str]],
) -> None:
    policy, held = EMPTY, set()
    for change, role, member in changes:
        policy = change(policy, role, member)
        held = held | {(role, member)} if change is grant else held - {(role, member)}

    assert {(binding.role, member) for binding in policy.bindings for member in binding.members} == held
    assert all(binding.members for binding in policy.bindings)
    assert parse_policy(format_policy(policy)) == policy
