"""Service accounts: create, list, change, delete, as IAM does."""

from typing import Any

import pytest

from docker_credential_gcr.emulator.database.projects import policies
from docker_credential_gcr.emulator.identity.policy import Binding, Policy

Apis = Any
POOL = "principal://iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/gone"
ACCOUNTS = "/v1/projects/my-project/serviceAccounts"
EMAIL = "ci@my-project.iam.gserviceaccount.com"


def make(apis: Apis) -> dict[str, str]:
    apis.call("POST", "/v1/projects", {"projectId": "my-project"})
    body = {"accountId": "ci", "serviceAccount": {"displayName": "CI"}}
    reply = apis.call("POST", ACCOUNTS, body)
    assert reply.status == 200
    account: dict[str, str] = reply.body
    return account


def test_an_account_is_made_and_found_by_each_of_its_names(apis: Apis) -> None:
    account = make(apis)

    assert account == {
        "name": f"projects/my-project/serviceAccounts/{EMAIL}",
        "projectId": "my-project",
        "uniqueId": account["uniqueId"],
        "email": EMAIL,
        "displayName": "CI",
        "etag": "MDEwMjE5MjA=",
        "oauth2ClientId": account["uniqueId"],
    }
    for path in (
        f"{ACCOUNTS}/{EMAIL}",
        f"{ACCOUNTS}/{account['uniqueId']}",
        f"/v1/projects/-/serviceAccounts/{EMAIL}",
    ):
        assert apis.call("GET", path).body == account


def test_accounts_are_listed_by_project(apis: Apis) -> None:
    account = make(apis)
    apis.call("POST", "/v1/projects", {"projectId": "other-project"})

    assert apis.call("GET", ACCOUNTS).body == {"accounts": [account]}
    assert apis.call("GET", "/v1/projects/other-project/serviceAccounts").body == {}


def test_an_account_of_a_project_in_a_domain_has_the_domain_in_its_address(apis: Apis) -> None:
    apis.call("POST", "/v1/projects", {"projectId": "example.com:my-project"})

    reply = apis.call("POST", "/v1/projects/example.com:my-project/serviceAccounts", {"accountId": "ci"})

    assert reply.body["email"] == "ci@my-project.example.com.iam.gserviceaccount.com"


def test_f_z30_a_deleted_account_leaves_its_roles_to_no_other(apis: Apis) -> None:
    key = apis.make_key(role="roles/owner")
    apis.grant("roles/viewer", "allUsers")
    token = apis.fetch_token(key)

    assert apis.call("DELETE", f"{ACCOUNTS}/{EMAIL}").body == {}

    assert apis.call("GET", f"{ACCOUNTS}/{EMAIL}").status == 404
    assert apis.call("GET", "/v1/projects/my-project", token=token).status == 401
    again = apis.make_key()
    refused = apis.call(
        "POST", "/v1/projects/my-project:setIamPolicy", {"policy": {}}, apis.fetch_token(again)
    )
    assert refused.status == 403
    member = f"deleted:serviceAccount:{EMAIL}?uid={key['client_id']}"
    policy = apis.call("POST", "/v1/projects/my-project:getIamPolicy").body
    assert policy["bindings"] == [
        {"role": "roles/owner", "members": [member]},
        {"role": "roles/viewer", "members": ["allUsers"]},
    ]
    # A policy that was read is accepted again: a client changes another binding.
    assert apis.call("POST", "/v1/projects/my-project:setIamPolicy", {"policy": policy}).status == 200


def test_accounts_are_listed_page_by_page(apis: Apis) -> None:
    for name in ("bb", "aa", "cc"):
        apis.make_account(name)

    first = apis.call("GET", f"{ACCOUNTS}?pageSize=2").body
    second = apis.call("GET", f"{ACCOUNTS}?pageSize=2&pageToken={first.pop('nextPageToken')}").body

    assert [account["email"].partition("@")[0] for account in first["accounts"]] == ["aa", "bb"]
    assert [account["email"].partition("@")[0] for account in second.pop("accounts")] == ["cc"]
    assert second == {}


def test_what_people_read_of_an_account_is_changed(apis: Apis) -> None:
    account = make(apis)
    path = f"{ACCOUNTS}/{EMAIL}"
    texts = {"displayName": "New", "description": "Why"}

    patched = apis.call("PATCH", path, {"serviceAccount": texts, "updateMask": "description"})
    assert patched.body == {**account, "description": "Why"}
    assert apis.call("PUT", path, {"displayName": "New"}).body == {**account, **texts}
    emptied = apis.call("PATCH", path, {"serviceAccount": {}, "updateMask": "displayName,description"})
    assert emptied.body == {**account, "displayName": ""}
    assert apis.call("GET", path).body == emptied.body


def test_a_description_is_kept_from_the_start(apis: Apis) -> None:
    apis.call("POST", "/v1/projects", {"projectId": "my-project"})

    made = apis.call("POST", ACCOUNTS, {"accountId": "ci", "serviceAccount": {"description": "Why"}})

    assert (made.body["description"], made.body["displayName"]) == ("Why", "")


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"serviceAccount": {}}, "The update mask must name displayName or description, or both."),
        (
            {"serviceAccount": {}, "updateMask": "email"},
            "The update mask must name displayName or description, or both.",
        ),
        (
            {"serviceAccount": {"description": "x" * 257}, "updateMask": "description"},
            "The description must be a string of at most 256 characters.",
        ),
    ],
)
def test_a_bad_change_is_refused(apis: Apis, body: object, message: str) -> None:
    account = make(apis)

    reply = apis.call("PATCH", f"{ACCOUNTS}/{EMAIL}", body)

    assert (reply.status, reply.body["error"]["message"]) == (400, message)
    assert apis.call("GET", f"{ACCOUNTS}/{EMAIL}").body == account


def test_a_disabled_account_opens_nothing_until_it_is_enabled(apis: Apis) -> None:
    key = apis.make_key(role="roles/owner")
    token = apis.fetch_token(key)
    grant = {"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer", "assertion": apis.sign(key)}

    assert apis.call("POST", f"{ACCOUNTS}/{EMAIL}:disable", {}).body == {}
    assert apis.call("GET", f"{ACCOUNTS}/{EMAIL}").body["disabled"] is True
    assert apis.call("GET", ACCOUNTS, token=token).status == 401
    assert apis.post_form("/token", grant).body == {
        "error": "invalid_grant",
        "error_description": "Invalid grant: account not found",
    }

    assert apis.call("POST", f"{ACCOUNTS}/{EMAIL}:enable", {}).body == {}
    assert "disabled" not in apis.call("GET", f"{ACCOUNTS}/{EMAIL}").body
    assert apis.call("GET", ACCOUNTS, token=token).status == 200


# Forms of a member, from the reference of Binding.members.
MEMBERS = [
    "deleted:group:g@example.com?uid=1",
    "deleted:principal://iam.googleapis.com/locations/global/workforcePools/staff/subject/ada",
    "deleted:serviceAccount:x@my-project.iam.gserviceaccount.com?uid=123",
    "deleted:user:a@example.com?uid=1",
    "domain:example.com",
    "group:g@example.com",
    "principal://iam.googleapis.com/locations/global/workforcePools/staff/subject/ada",
    "principal://iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/my-project.svc.id.goog"
    "/subject/ns/default/sa/app",
    "principalSet://iam.googleapis.com/locations/global/workforcePools/staff/*",
    "principalSet://iam.googleapis.com/locations/global/workforcePools/staff/attribute.team/dev",
    "principalSet://iam.googleapis.com/locations/global/workforcePools/staff/group/dev",
    "principalSet://iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/my-project.svc.id.goog"
    "/namespace/default",
    "serviceAccount:1234-compute@developer.gserviceaccount.com",
    "serviceAccount:my-project.svc.id.goog[ns/ksa]",
    "serviceAccount:service-1234@container-engine-robot.iam.gserviceaccount.com",
    "user:a@example.com",
]
POLICIES = [
    "/v1/projects/my-project",
    f"{ACCOUNTS}/{EMAIL}",
    "/v1/projects/my-project/locations/us/repositories/images",
]


@pytest.mark.parametrize("resource", POLICIES)
def test_f_z30_members_of_each_form_are_kept_and_listed(apis: Apis, resource: str) -> None:
    apis.make_account()
    location = "/v1/projects/my-project/locations/us"
    apis.call("POST", f"{location}/repositories?repositoryId=images", {"format": "DOCKER"})
    is_account = resource.endswith(EMAIL)
    role = "roles/iam.workloadIdentityUser" if is_account else "roles/artifactregistry.reader"
    binding = {"role": role, "members": MEMBERS}

    reply = apis.call("POST", f"{resource}:setIamPolicy", {"policy": {"bindings": [binding]}})

    assert (reply.status, reply.body["bindings"]) == (200, [binding])
    verb = "GET" if "locations" in resource else "POST"
    assert apis.call(verb, f"{resource}:getIamPolicy").body == reply.body


def test_f_z30_what_an_earlier_version_took_does_not_hinder_other_changes(apis: Apis) -> None:
    apis.make_account()
    stale = Binding("roles/viewer", ("serviceAccount:a@nowhere.iam.gserviceaccount.com", f"{POOL}/subject/b"))
    apis.services.database.write_now(
        lambda connection: policies.save(connection, "projects/my-project", Policy((stale,)))
    )

    apis.grant("roles/editor", f"serviceAccount:{EMAIL}")

    assert apis.call("POST", "/v1/projects/my-project:getIamPolicy").body["bindings"] == [
        {"role": stale.role, "members": sorted(stale.members)},
        {"role": "roles/editor", "members": [f"serviceAccount:{EMAIL}"]},
    ]
