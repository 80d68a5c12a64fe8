"""Projects and their policies: create, find, list, change, as Resource Manager does."""

from typing import Any
from urllib.parse import quote

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


def describe_v3(apis: Apis, project_id: str, **changes: object) -> dict[str, object]:
    return {
        "name": f"projects/{number_of(apis, project_id)}",
        "projectId": project_id,
        "state": "ACTIVE",
        "displayName": project_id,
        "createTime": "2023-11-14T22:13:20Z",
        **changes,
    }


def test_a_project_is_made_in_the_form_of_v3(apis: Apis) -> None:
    body = {"projectId": "my-project", "displayName": "Mine", "labels": {"env": "test"}}

    operation = apis.call("POST", "/v3/projects", body).body

    project = describe_v3(apis, "my-project", displayName="Mine", labels={"env": "test"})
    assert operation == {
        "name": f"operations/cp.{number_of(apis, 'my-project')}",
        "done": True,
        "metadata": {
            "@type": "type.googleapis.com/google.cloud.resourcemanager.v3.CreateProjectMetadata",
            "ready": True,
        },
        "response": {"@type": "type.googleapis.com/google.cloud.resourcemanager.v3.Project", **project},
    }
    assert apis.call("GET", f"/v3/{operation['name']}").body == operation
    assert apis.call("GET", "/v1/projects/my-project").body == {
        **describe(apis, "my-project", "Mine"),
        "labels": {"env": "test"},
    }


def test_a_deleted_project_is_kept_and_can_be_taken_back(apis: Apis) -> None:
    apis.call("POST", "/v1/projects", {"projectId": "my-project"})
    apis.clock.set(1_700_000_060)

    operation = apis.call("DELETE", "/v3/projects/my-project").body
    deleted = describe_v3(apis, "my-project", state="DELETE_REQUESTED", deleteTime="2023-11-14T22:14:20Z")
    project = {"@type": "type.googleapis.com/google.cloud.resourcemanager.v3.Project", **deleted}
    assert (operation["done"], operation["response"]) == (True, project)
    assert apis.call("GET", "/v3/projects/my-project").body == deleted
    assert apis.call("GET", "/v1/projects/my-project").body["lifecycleState"] == "DELETE_REQUESTED"
    again = apis.call("DELETE", "/v1/projects/my-project")
    assert (again.status, again.body["error"]["status"], again.body["error"]["message"]) == (
        400,
        "FAILED_PRECONDITION",
        "Cannot delete a project that is DELETE_REQUESTED.",
    )

    assert apis.call("POST", "/v3/projects/my-project:undelete", {}).body["done"] is True
    assert apis.call("GET", "/v3/projects/my-project").body == describe_v3(apis, "my-project")
    again = apis.call("POST", "/v1/projects/my-project:undelete", {})
    assert again.body["error"]["message"] == "Cannot undelete a project that is ACTIVE."


def test_v1_answers_a_deletion_with_nothing(apis: Apis) -> None:
    apis.call("POST", "/v1/projects", {"projectId": "my-project"})

    assert apis.call("DELETE", "/v1/projects/my-project").body == {}
    assert apis.call("POST", "/v1/projects/my-project:undelete", {}).body == {}


def test_a_project_is_renamed_and_labelled(apis: Apis) -> None:
    apis.call("POST", "/v1/projects", {"projectId": "my-project", "labels": {"env": "test"}})

    put = apis.call("PUT", "/v1/projects/my-project", {"name": "Mine"})
    assert put.body == describe(apis, "my-project", "Mine")

    body = {"displayName": "Ours", "labels": {"env": "prod"}}
    patched = apis.call("PATCH", "/v3/projects/my-project?updateMask=labels", body).body
    assert (patched["done"], patched["metadata"]) == (
        True,
        {"@type": "type.googleapis.com/google.cloud.resourcemanager.v3.UpdateProjectMetadata"},
    )
    assert apis.call("GET", "/v3/projects/my-project").body == describe_v3(
        apis, "my-project", displayName="Mine", labels={"env": "prod"}
    )
    apis.call("PATCH", "/v3/projects/my-project?updateMask=display_name", body)
    assert apis.call("GET", "/v3/projects/my-project").body["displayName"] == "Ours"
    wrong = apis.call("PATCH", "/v3/projects/my-project?updateMask=nothing", body)
    assert (wrong.status, wrong.body["error"]["message"]) == (
        400,
        "Invalid update mask: the field 'nothing' is unknown.",
    )


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ("", ["aaaaaa", "bbbbbb", "cccccc"]),
        ("state:ACTIVE", ["aaaaaa", "bbbbbb"]),
        ("lifecycleState=DELETE_REQUESTED", ["cccccc"]),
        ("id:aaa*", ["aaaaaa"]),
        ("projectId=bbbbbb", ["bbbbbb"]),
        ('displayName:"Name of B"', ["bbbbbb"]),
        ("labels.env:*", ["aaaaaa", "bbbbbb"]),
        ("labels.env=test state:ACTIVE", ["aaaaaa"]),
        ("labels.env:* AND id:b*", ["bbbbbb"]),
        ("id:z*", []),
        ('id : "bbbbbb" AND labels.env = prod', ["bbbbbb"]),
    ],
)
def test_a_search_finds_what_its_terms_say(apis: Apis, wanted: str, found: list[str]) -> None:
    for letter, label in (("a", {"env": "test"}), ("b", {"env": "prod"}), ("c", {})):
        body = {"projectId": letter * 6, "displayName": f"Name of {letter.upper()}", "labels": label}
        apis.call("POST", "/v3/projects", body)
    apis.call("DELETE", "/v3/projects/cccccc")
    query = quote(wanted)

    v3 = apis.call("GET", f"/v3/projects:search?query={query}").body
    v1 = apis.call("GET", f"/v1/projects?filter={query}").body

    assert [project["projectId"] for project in v3.get("projects", [])] == found
    assert [project["projectId"] for project in v1.get("projects", [])] == found


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        pytest.param(
            "a" * 2048,
            f"unknown field {'a' * 100!r} in the filter: use lifecycleState, state, id, projectId, "
            "projectNumber, name, displayName, parent, parent.type, parent.id or labels.KEY",
            id="K-Z68-letters alone",
        ),
        pytest.param("a" * 2049, "the filter is longer than 2048 characters", id="K-Z68-too long"),
        pytest.param("id:* " * 33, "the filter has more than 32 terms", id="K-Z68-too many terms"),
        pytest.param(
            'id:"a',
            "invalid filter 'id:\"a': '\"a' is not understood; use terms such as lifecycleState:ACTIVE",
            id="K-Z68-a quote that does not end",
        ),
        pytest.param(
            "id:a=b",
            "invalid filter 'id:a=b': '=' is not expected there; use terms such as lifecycleState:ACTIVE",
            id="K-Z68-two values",
        ),
        pytest.param(
            "id:",
            "invalid filter 'id:': it ends too early; use terms such as lifecycleState:ACTIVE",
            id="K-Z68-no value",
        ),
    ],
)
def test_a_filter_that_is_not_of_terms_is_refused(apis: Apis, wanted: str, message: str) -> None:
    refusal = {"error": {"code": 400, "message": message, "status": "INVALID_ARGUMENT"}}
    for url in ("/v1/projects?filter=", "/v3/projects:search?query="):
        reply = apis.call("GET", url + quote(wanted))
        assert (reply.status, reply.body) == (400, refusal)


def test_projects_are_listed_page_by_page(apis: Apis) -> None:
    for name in ("bbbbbb", "aaaaaa", "cccccc"):
        apis.call("POST", "/v1/projects", {"projectId": name})

    first = apis.call("GET", "/v1/projects?pageSize=2").body
    second = apis.call("GET", f"/v1/projects?pageSize=2&pageToken={first.pop('nextPageToken')}").body

    assert [project["projectId"] for project in first["projects"]] == ["aaaaaa", "bbbbbb"]
    assert second == {"projects": [describe(apis, "cccccc", "cccccc")]}


def test_no_project_lies_below_a_folder_here(apis: Apis) -> None:
    assert apis.call("GET", "/v3/projects?parent=organizations/1").body == {}
    assert apis.call("GET", "/v3/projects").body["error"]["message"] == (
        "field [parent] has issue [it must be folders/ID or organizations/ID]"
    )


@pytest.mark.parametrize("version", ["v1", "v3"])
def test_a_caller_learns_what_it_may_do(apis: Apis, version: str) -> None:
    token = apis.fetch_token(apis.make_key(role="roles/storage.objectViewer"))
    body = {"permissions": ["storage.objects.create", "storage.objects.get"]}

    def ask(project: str) -> Any:
        return apis.call("POST", f"/{version}/projects/{project}:testIamPermissions", body, token).body

    assert ask("my-project") == {"permissions": ["storage.objects.get"]}
    assert ask("no-project") == {}


@pytest.mark.parametrize("labels", [[], {"A": "x"}, {"a": "X"}, {"a": 1}, {f"k{n}": "" for n in range(65)}])
def test_malformed_labels_are_refused(apis: Apis, labels: object) -> None:
    reply = apis.call("POST", "/v3/projects", {"projectId": "my-project", "labels": labels})

    assert (reply.status, reply.body["error"]["status"]) == (400, "INVALID_ARGUMENT")
