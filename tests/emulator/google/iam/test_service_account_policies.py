"""A service account's policy: set, checked, and deleted with the account."""

from typing import Any

Apis = Any
CI = "ci@my-project.iam.gserviceaccount.com"
ACCOUNT = f"/v1/projects/my-project/serviceAccounts/{CI}"
ADA = "user:ada@example.com"
USER = {"role": "roles/iam.serviceAccountUser", "members": [ADA]}


def test_a_policy_is_kept_and_shown(apis: Apis) -> None:
    apis.make_account()
    assert apis.call("POST", f"{ACCOUNT}:getIamPolicy").body == {"version": 1, "etag": "ACAB"}

    reply = apis.call("POST", f"{ACCOUNT}:setIamPolicy", {"policy": {"bindings": [USER]}})

    etag = reply.body["etag"]
    assert (reply.status, reply.body) == (200, {"version": 1, "etag": etag, "bindings": [USER]})
    assert apis.call("POST", f"{ACCOUNT}:getIamPolicy").body == reply.body
    stale = apis.call("POST", f"{ACCOUNT}:setIamPolicy", {"policy": {"etag": "ACAB", "bindings": []}})
    assert (stale.status, stale.body["error"]["status"]) == (409, "ABORTED")


def test_a_condition_sees_the_account_by_its_number(apis: Apis) -> None:
    apis.make_account()
    apis.make_account("other")
    number = apis.call("GET", ACCOUNT).body["uniqueId"]
    condition = {
        "title": "one account",
        "expression": f'resource.name == "projects/-/serviceAccounts/{number}" && '
        'resource.type == "iam.googleapis.com/ServiceAccount"',
    }
    policy = {"version": 3, "bindings": [{**USER, "condition": condition}]}
    apis.call("POST", "/v1/projects/my-project:setIamPolicy", {"policy": policy})
    token = apis.sign_in(ADA)

    assert apis.call("GET", ACCOUNT, token=token).status == 200
    other = ACCOUNT.replace("ci@", "other@")
    assert apis.call("GET", other, token=token).status == 403
    shown = apis.call("POST", f"{ACCOUNT}:getIamPolicy?options.requestedPolicyVersion=3").body
    assert shown == {"version": 1, "etag": "ACAB"}


def test_a_caller_learns_what_it_may_do(apis: Apis) -> None:
    apis.make_account()
    apis.allow("roles/iam.serviceAccountTokenCreator", ADA, CI)
    asked = ["iam.serviceAccounts.actAs", "iam.serviceAccounts.getAccessToken", "iam.serviceAccounts.signJwt"]
    token = apis.sign_in(ADA)

    reply = apis.call("POST", f"{ACCOUNT}:testIamPermissions", {"permissions": asked}, token)

    assert reply.body == {"permissions": asked[1:]}
    for nowhere in (ACCOUNT.replace("ci@", "no@"), ACCOUNT.replace("my-project/", "other-project/")):
        assert apis.call("POST", f"{nowhere}:testIamPermissions", {"permissions": asked}, token).body == {}


def test_a_project_is_named_by_its_id_its_number_or_a_hyphen(apis: Apis) -> None:
    apis.make_account()
    apis.allow("roles/iam.serviceAccountAdmin", ADA, CI)
    number = apis.call("GET", "/v1/projects/my-project").body["projectNumber"]
    asked, token = ["iam.serviceAccounts.get"], apis.sign_in(ADA)

    def call_all(project: str) -> list[Any]:
        path = f"/v1/projects/{project}/serviceAccounts/{CI}"
        policy = apis.call("POST", f"{path}:getIamPolicy", token=token).body
        return [
            apis.call("GET", path, token=token).body["email"],
            policy["bindings"],
            apis.call("POST", f"{path}:setIamPolicy", {"policy": policy}, token).body["bindings"],
            apis.call("POST", f"{path}:testIamPermissions", {"permissions": asked}, token).body,
        ]

    bindings = [{"role": "roles/iam.serviceAccountAdmin", "members": [ADA]}]
    answers = [CI, bindings, bindings, {"permissions": asked}]
    assert [call_all(project) for project in ("my-project", number, "-")] == [answers] * 3


def test_the_policy_of_a_deleted_account_does_not_come_back(apis: Apis) -> None:
    apis.make_account()
    apis.allow("roles/iam.serviceAccountTokenCreator", ADA, CI)
    apis.call("DELETE", ACCOUNT)
    apis.make_account()

    assert apis.call("POST", f"{ACCOUNT}:getIamPolicy").body == {"version": 1, "etag": "ACAB"}


def test_a_role_of_buckets_is_refused(apis: Apis) -> None:
    apis.make_account()
    binding = {"role": "roles/storage.legacyBucketReader", "members": [ADA]}

    reply = apis.call("POST", f"{ACCOUNT}:setIamPolicy", {"policy": {"bindings": [binding]}})

    assert (reply.status, reply.body["error"]["message"]) == (
        400,
        "Role roles/storage.legacyBucketReader is not supported for this resource.",
    )
