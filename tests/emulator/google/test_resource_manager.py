"""Projects are made, found and listed, and their policies read and replaced, as Resource Manager does."""

from typing import Any

import pytest

Apis = Any
CI = "serviceAccount:ci@my-project.iam.gserviceaccount.com"


def number_of(apis: Apis, project_id: str) -> str:
    return str(apis.call("GET", f"/v1/projects/{project_id}").body["projectNumber"])


def describe(apis: Apis, project_id: str, name: str) -> dict[str, str]:
    return {
        "projectNumber": number_of(apis, project_id),
        "projectId": project_id,
        "lifecycleState": "ACTIVE",
        "name": name,
        "createTime": "2023-11-14T22:13:20Z",
    }


@pytest.mark.parametrize("project_id", ["my-project", "example.com:my-project"])
def test_a_project_is_made_by_an_operation_that_is_done(apis: Apis, project_id: str) -> None:
    reply = apis.call("POST", "/v1/projects", {"projectId": project_id, "name": "Mine"})

    assert (reply.status, reply.body) == (
        200,
        {
            "name": f"operations/cp.{number_of(apis, project_id)}",
            "done": True,
            "response": {
                "@type": "type.googleapis.com/google.cloudresourcemanager.v1.Project",
                **describe(apis, project_id, "Mine"),
            },
        },
    )


def test_a_project_answers_to_its_number_too(apis: Apis) -> None:
    apis.call("POST", "/v1/projects", {"projectId": "my-project"})
    number = number_of(apis, "my-project")

    assert apis.call("GET", f"/v1/projects/{number}").body == describe(apis, "my-project", "my-project")
    assert apis.call("GET", f"/v3/projects/{number}").body == {
        "name": f"projects/{number}",
        "projectId": "my-project",
        "state": "ACTIVE",
        "displayName": "my-project",
        "createTime": "2023-11-14T22:13:20Z",
    }


def test_a_listing_has_what_the_caller_may_see(apis: Apis) -> None:
    assert apis.call("GET", "/v1/projects").body == {}
    token = apis.fetch_token(apis.make_key(role="roles/viewer"))
    apis.call("POST", "/v1/projects", {"projectId": "a-project"})
    mine, other = (describe(apis, name, name) for name in ("my-project", "a-project"))

    assert apis.call("GET", "/v1/projects").body == {"projects": [other, mine]}
    assert apis.call("GET", "/v1/projects?filter=lifecycleState:ACTIVE", token=token).body == {
        "projects": [mine]
    }


def test_who_makes_a_project_owns_it(apis: Apis) -> None:
    token = apis.fetch_token(apis.make_key(role="roles/resourcemanager.projectCreator"))

    assert apis.call("POST", "/v1/projects", {"projectId": "new-project"}, token).status == 200

    policy = apis.call("POST", "/v1/projects/new-project:getIamPolicy", {}, token).body
    assert policy["bindings"] == [{"role": "roles/owner", "members": [CI]}]


@pytest.mark.parametrize("version", ["v1", "v3"])
def test_a_policy_is_replaced_by_who_has_read_it(apis: Apis, version: str) -> None:
    apis.make_account()
    path = f"/{version}/projects/my-project"
    old = apis.call("POST", f"{path}:getIamPolicy", {"options": {"requestedPolicyVersion": 3}}).body
    assert old == {"version": 1, "etag": "ACAB"}
    bindings = [{"role": "roles/viewer", "members": ["allUsers", CI]}]

    new = apis.call("POST", f"{path}:setIamPolicy", {"policy": {**old, "bindings": bindings}})

    assert new.status == 200
    assert new.body == {"version": 1, "etag": new.body["etag"], "bindings": bindings}
    assert apis.call("POST", f"{path}:getIamPolicy").body == new.body
    late = apis.call("POST", f"{path}:setIamPolicy", {"policy": old})
    assert (late.status, late.body["error"]["status"]) == (409, "ABORTED")
    assert apis.call("POST", f"{path}:getIamPolicy").body == new.body


def test_a_policy_without_an_etag_replaces_any(apis: Apis) -> None:
    apis.make_account(role="roles/viewer")

    reply = apis.call("POST", "/v1/projects/my-project:setIamPolicy", {"policy": {}})

    assert (reply.status, reply.body) == (200, {"version": 1, "etag": "ACAB"})


def test_members_that_are_not_of_this_emulator_are_taken_on_trust(apis: Apis) -> None:
    apis.call("POST", "/v1/projects", {"projectId": "my-project"})
    members = [
        "group:team@example.com",
        "serviceAccount:1-compute@developer.gserviceaccount.com",
        "serviceAccount:service-1@containerregistry.iam.gserviceaccount.com",
        "user:a@example.com",
    ]
    bindings = [{"role": "roles/containerregistry.ServiceAgent", "members": members}]

    reply = apis.call("POST", "/v1/projects/my-project:setIamPolicy", {"policy": {"bindings": bindings}})

    assert (reply.status, reply.body["bindings"]) == (200, bindings)
