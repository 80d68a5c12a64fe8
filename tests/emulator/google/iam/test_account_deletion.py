"""Undelete restores a service account with its unique ID, keys and roles, for 30 days."""

from typing import Any

import pytest
from support.keys import make_certificate

Apis = Any

ACCOUNTS = "/v1/projects/my-project/serviceAccounts"
EMAIL = "ci@my-project.iam.gserviceaccount.com"
MEMBER = f"serviceAccount:{EMAIL}"
DAY_S = 24 * 3600
NOW = 1_700_000_000
POLICY = "/v1/projects/my-project:getIamPolicy"


@pytest.fixture
def key(apis: Apis) -> dict[str, Any]:
    """Returns the key file of an account with roles, one of them conditional, that a user may act as."""
    made: dict[str, Any] = apis.make_key(role="roles/viewer")
    condition = {"title": "t", "expression": 'resource.name == "x"'}
    bindings = [
        {"role": "roles/viewer", "members": [MEMBER, "user:ada@example.com"]},
        {"role": "roles/storage.admin", "members": [MEMBER], "condition": condition},
    ]
    body = {"policy": {"version": 3, "bindings": bindings}}
    assert apis.call("POST", POLICY.replace("get", "set"), body).status == 200
    apis.allow("roles/iam.serviceAccountUser", "user:ada@example.com", EMAIL)
    return made


def read_policies(apis: Apis) -> tuple[Any, Any]:
    body = {"options": {"requestedPolicyVersion": 3}}
    policy = apis.call("POST", POLICY, body).body
    held = {(one["role"], tuple(one["members"]), str(one.get("condition"))) for one in policy["bindings"]}
    return held, apis.call("POST", f"{ACCOUNTS}/{EMAIL}:getIamPolicy").body.get("bindings")


def test_g_z43_an_account_is_undeleted_with_all_that_it_had(apis: Apis, key: dict[str, Any]) -> None:
    path = f"{ACCOUNTS}/{EMAIL}"
    account, keys, policies = (
        apis.call("GET", path).body,
        apis.call("GET", f"{path}/keys").body,
        read_policies(apis),
    )
    apis.call("DELETE", path)
    # A new account with the same address does not inherit the roles.
    deleted = f"deleted:{MEMBER}?uid={account['uniqueId']}"
    roles = {(role, tuple(m.replace(MEMBER, deleted) for m in held), c) for role, held, c in policies[0]}
    assert read_policies(apis) == (roles, None)

    reply = apis.call("POST", f"{ACCOUNTS}/{account['uniqueId']}:undelete", {})

    assert (reply.status, reply.body) == (200, {"restoredAccount": account})
    assert apis.call("GET", path).body == account
    assert apis.call("GET", f"{path}/keys").body == keys
    assert read_policies(apis) == policies
    assert apis.fetch_token(key)
    again = apis.call("POST", f"{ACCOUNTS}/{account['uniqueId']}:undelete", {})
    text = f"No deleted service account has the unique ID {account['uniqueId']}."
    assert (again.status, again.body["error"]["message"]) == (404, text)


@pytest.mark.parametrize(("days", "status"), [(29, 200), (30, 404)])
@pytest.mark.usefixtures("key")
def test_g_z43_a_deletion_is_taken_back_for_thirty_days(apis: Apis, days: int, status: int) -> None:
    unique_id = apis.call("GET", f"{ACCOUNTS}/{EMAIL}").body["uniqueId"]
    apis.call("DELETE", f"{ACCOUNTS}/{EMAIL}")
    apis.clock.set(NOW + days * DAY_S)

    assert apis.call("POST", f"{ACCOUNTS}/{unique_id}:undelete", {}).status == status


@pytest.mark.usefixtures("key")
def test_g_z43_an_address_that_was_given_again_is_not_taken_away(apis: Apis) -> None:
    unique_id = apis.call("GET", f"{ACCOUNTS}/{EMAIL}").body["uniqueId"]
    apis.call("DELETE", f"{ACCOUNTS}/{EMAIL}")
    new = apis.call("POST", ACCOUNTS, {"accountId": "ci"}).body

    reply = apis.call("POST", f"{ACCOUNTS}/{unique_id}:undelete", {})

    text = f"Service account {EMAIL} exists: delete it first."
    assert (reply.status, reply.body["error"]["message"]) == (409, text)
    assert apis.call("GET", f"{ACCOUNTS}/{EMAIL}").body == new


def test_g_z43_a_key_that_another_account_was_given_is_not_taken_away(apis: Apis) -> None:
    body = {"publicKeyData": make_certificate(apis.rsa_key)}
    apis.make_account()
    path = f"{ACCOUNTS}/{EMAIL}"
    account = apis.call("GET", path).body
    key = apis.call("POST", f"{path}/keys:upload", body).body
    apis.call("DELETE", path)
    other = f"{ACCOUNTS}/{apis.call('POST', ACCOUNTS, {'accountId': 'other'}).body['email']}"
    given = apis.call("POST", f"{other}/keys:upload", body).body

    reply = apis.call("POST", f"{ACCOUNTS}/{account['uniqueId']}:undelete", {})

    key_id = key["name"].rpartition("/")[2]
    text = f"Key {key_id} exists in another service account: delete it first."
    assert (reply.status, reply.body["error"]["message"]) == (409, text)
    assert apis.call("GET", path).status == 404
    assert apis.call("GET", f"{other}/keys").body == {"keys": [given]}
    apis.call("DELETE", f"{other}/keys/{key_id}")
    again = apis.call("POST", f"{ACCOUNTS}/{account['uniqueId']}:undelete", {})
    assert (again.status, again.body) == (200, {"restoredAccount": account})
    assert apis.call("GET", f"{path}/keys").body == {"keys": [key]}


def test_g_z43_an_account_is_undeleted_in_its_own_project(apis: Apis) -> None:
    apis.make_account()
    unique_id = apis.call("GET", f"{ACCOUNTS}/{EMAIL}").body["uniqueId"]
    apis.call("POST", "/v1/projects", {"projectId": "other-project"})
    apis.call("DELETE", f"{ACCOUNTS}/{EMAIL}")

    path = f"/v1/projects/other-project/serviceAccounts/{unique_id}:undelete"
    assert apis.call("POST", path, {}).status == 404


def test_g_z43_a_project_moves_and_tells_its_ancestry(apis: Apis) -> None:
    apis.call("POST", "/v1/projects", {"projectId": "my-project"})
    own = {"resourceId": {"type": "project", "id": "my-project"}}
    assert apis.call("POST", "/v1/projects/my-project:getAncestry", {}).body == {"ancestor": [own]}

    moved = apis.call("POST", "/v3/projects/my-project:move", {"destinationParent": "folders/1"}).body

    assert moved == {
        "name": moved["name"],
        "done": True,
        "metadata": {"@type": "type.googleapis.com/google.cloud.resourcemanager.v3.MoveProjectMetadata"},
        "response": {
            "@type": "type.googleapis.com/google.cloud.resourcemanager.v3.Project",
            **apis.call("GET", "/v3/projects/my-project").body,
        },
    }
    assert moved["response"]["parent"] == "folders/1"
    folder = {"type": "folder", "id": "1"}
    assert apis.call("GET", "/v1/projects/my-project").body["parent"] == folder
    ancestry = apis.call("POST", "/v1/projects/my-project:getAncestry", {}).body
    assert ancestry == {"ancestor": [own, {"resourceId": folder}]}
    for query, count in (("folders/1", 1), ("folders/2", 0)):
        assert len(apis.call("GET", f"/v3/projects?parent={query}").body.get("projects", [])) == count
    for text, count in (("parent.id:1%20parent.type:folder", 1), ("parent:folders/2", 0)):
        assert len(apis.call("GET", f"/v1/projects?filter={text}").body.get("projects", [])) == count


@pytest.mark.parametrize("parent", ["", "folders/", "folders/a", "projects/1", 1, None])
def test_g_z43_a_project_moves_below_folders_and_organizations_alone(apis: Apis, parent: object) -> None:
    apis.call("POST", "/v1/projects", {"projectId": "my-project"})

    reply = apis.call("POST", "/v3/projects/my-project:move", {"destinationParent": parent})

    text = "field [destination_parent] has issue [it must be folders/ID or organizations/ID]"
    assert (reply.status, reply.body["error"]["message"]) == (400, text)


def test_g_z43_an_update_does_not_move_a_project(apis: Apis) -> None:
    apis.call("POST", "/v3/projects", {"projectId": "my-project", "parent": "folders/1"})
    v1, v3 = "/v1/projects/my-project", "/v3/projects/my-project"

    assert apis.call("PUT", v1, apis.call("GET", v1).body).status == 200
    assert apis.call("PATCH", v3, apis.call("GET", v3).body).status == 200
    assert apis.call("PUT", v1, {"parent": {"type": "folder", "id": "2"}}).status == 400
    assert apis.call("PATCH", f"{v3}?updateMask=parent", {"parent": "folders/2"}).status == 400
    assert apis.call("GET", v3).body["parent"] == "folders/1"
