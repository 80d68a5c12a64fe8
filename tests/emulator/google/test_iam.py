"""Service accounts are made, listed and deleted as IAM does."""

from typing import Any

Apis = Any
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


def test_a_deleted_account_leaves_its_roles_to_nobody(apis: Apis) -> None:
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
    assert apis.call("POST", "/v1/projects/my-project:getIamPolicy").body["bindings"] == [
        {"role": "roles/viewer", "members": ["allUsers"]}
    ]
