"""Policies of buckets, with roles of Cloud Storage and conditions."""

from typing import Any

import pytest

Apis = Any
BUCKET = "/storage/v1/b/my-bucket"
IAM = f"{BUCKET}/iam"
VIEWER = "roles/storage.objectViewer"
USER = "user:a@example.com"
FIRST: list[dict[str, Any]] = [
    {
        "role": "roles/storage.legacyBucketOwner",
        "members": ["projectEditor:my-project", "projectOwner:my-project"],
    },
    {"role": "roles/storage.legacyBucketReader", "members": ["projectViewer:my-project"]},
]
UNSET = {
    "kind": "storage#policy",
    "resourceId": "projects/_/buckets/my-bucket",
    "version": 1,
    "etag": "OTcwNDhmNWYyODE3",
    "bindings": FIRST,
}


@pytest.fixture(autouse=True)
def _bucket(apis: Apis) -> None:
    apis.call("POST", "/v1/projects", {"projectId": "my-project"})
    apis.call("POST", "/storage/v1/b?project=my-project", {"name": "my-bucket"})


def test_a_policy_is_replaced_by_who_has_read_it(apis: Apis) -> None:
    assert apis.call("GET", IAM).body == UNSET
    bindings = [{"role": VIEWER, "members": ["allUsers", USER]}]

    new = apis.call("PUT", IAM, {**UNSET, "bindings": bindings})

    assert new.status == 200
    assert new.body == {**UNSET, "etag": new.body["etag"], "bindings": bindings}
    assert apis.call("GET", IAM).body == new.body
    late = apis.call("PUT", IAM, UNSET)
    assert (late.status, late.body["error"]["errors"][0]["reason"]) == (412, "conditionNotMet")
    assert apis.call("GET", IAM).body == new.body


def test_a_condition_is_shown_to_who_asks_for_version_3(apis: Apis) -> None:
    condition = {"title": "t", "expression": 'resource.name.startsWith("projects/_/buckets/my-bucket")'}
    bindings = [{"role": VIEWER, "members": [USER], "condition": condition}]

    assert apis.call("PUT", IAM, {"version": 3, "bindings": bindings}).status == 200

    shown = apis.call("GET", f"{IAM}?optionsRequestedPolicyVersion=3").body
    assert (shown["version"], shown["bindings"]) == (3, bindings)
    hidden = apis.call("GET", IAM).body
    assert hidden["version"] == 1
    assert hidden["bindings"][0]["role"].startswith(f"{VIEWER}_withcond_")
    reply = apis.call("PUT", IAM, hidden)
    assert (reply.status, reply.body["error"]["message"]) == (
        400,
        f"Role {hidden['bindings'][0]['role']} is a placeholder for a conditional role: "
        "read the policy with a requestedPolicyVersion of 3 before you change it.",
    )


@pytest.mark.parametrize("role", ["roles/viewer", "roles/artifactregistry.reader"])
def test_a_bucket_takes_the_roles_of_storage_alone(apis: Apis, role: str) -> None:
    reply = apis.call("PUT", IAM, {"bindings": [{"role": role, "members": [USER]}]})

    assert (reply.status, reply.body["error"]["message"]) == (
        400,
        f"Role {role} is not supported for this resource.",
    )


def test_a_caller_learns_what_it_may_do(apis: Apis) -> None:
    apis.call("PUT", IAM, {"bindings": [{"role": VIEWER, "members": [USER]}]})
    path = (
        f"{IAM}/testPermissions?permissions=storage.objects.list"
        "&permissions=storage.objects.create&permissions=storage.objects.get"
    )

    def ask(member: str) -> Any:
        return apis.call("GET", path, token=apis.sign_in(member)).body

    kind = {"kind": "storage#testIamPermissionsResponse"}
    assert ask(USER) == {**kind, "permissions": ["storage.objects.list", "storage.objects.get"]}
    assert ask("user:b@example.com") == kind


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("", "permissions must hold 1 to 100 names"),
        ("?permissions=x", "Permission x is not valid for this resource."),
        ("?permissions=storage.*", "Permission storage.* is not valid for this resource."),
    ],
)
def test_what_is_no_permission_is_refused(apis: Apis, query: str, message: str) -> None:
    reply = apis.call("GET", f"{IAM}/testPermissions{query}")

    assert (reply.status, reply.body["error"]["message"]) == (400, message)


def test_members_of_a_project_are_named_by_what_they_are_in_it(apis: Apis) -> None:
    apis.grant("roles/viewer", USER)
    bindings = [{"role": "roles/storage.legacyBucketReader", "members": ["projectViewer:my-project"]}]
    assert apis.call("PUT", IAM, {"bindings": bindings}).status == 200

    assert apis.call("GET", BUCKET, token=apis.sign_in(USER)).status == 200
    assert apis.call("GET", BUCKET, token=apis.sign_in("user:b@example.com")).status == 403


def test_g_z49_the_first_policy_of_a_bucket_counts_until_another_is_set(apis: Apis) -> None:
    apis.grant("roles/editor", USER)
    editor = apis.sign_in(USER, "devstorage.full_control")

    policy = apis.call("GET", IAM, token=editor)
    assert (policy.status, policy.body) == (200, UNSET)
    emptied = apis.call("PUT", IAM, {**policy.body, "bindings": []}, editor)

    empty = {**UNSET, "etag": "ACAB", "bindings": []}
    assert (emptied.status, emptied.body) == (200, empty)
    assert apis.call("GET", IAM).body == empty
    assert apis.call("PUT", IAM, policy.body, editor).status == 403


def test_g_z49_a_registrys_bucket_has_it_too(apis: Apis) -> None:
    bucket = "artifacts.my-project.appspot.com"
    apis.call("POST", "/storage/v1/b?project=my-project", {"name": bucket})
    apis.push(bucket, "my-project/app", b"layer")

    assert apis.call("GET", f"/storage/v1/b/{bucket}/iam").body["bindings"] == FIRST
