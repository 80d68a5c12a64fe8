"""Service Usage: APIs are enabled and disabled; Container Registry's service agent is created."""

from typing import Any

import pytest

from docker_credential_gcr.emulator.identity.google_services import SERVICES

Apis = Any
SERVICES_OF = "/v1/projects/my-project/services"
REGISTRY = "containerregistry.googleapis.com"
ARTIFACTS = "artifactregistry.googleapis.com"


@pytest.fixture
def number(apis: Apis) -> str:
    """Creates my-project, and returns its number."""
    apis.call("POST", "/v1/projects", {"projectId": "my-project"})
    return str(apis.call("GET", "/v1/projects/my-project").body["projectNumber"])


def describe(number: str, name: str, state: str = "ENABLED") -> dict[str, object]:
    return {
        "name": f"projects/{number}/services/{name}",
        "config": {"name": name, "title": SERVICES[name]},
        "state": state,
        "parent": f"projects/{number}",
    }


def test_in_a_new_project_all_services_are_on(apis: Apis, number: str) -> None:
    every = [describe(number, name) for name in sorted(SERVICES)]

    assert apis.call("GET", SERVICES_OF).body == {"services": every}
    assert apis.call("GET", f"{SERVICES_OF}?filter=state:ENABLED").body == {"services": every}
    assert apis.call("GET", f"{SERVICES_OF}?filter=state:DISABLED").body == {}
    assert apis.call("GET", f"{SERVICES_OF}/{REGISTRY}").body == describe(number, REGISTRY)


@pytest.mark.parametrize("project", ["my-project", "number"])
def test_a_service_is_switched_off_and_on(apis: Apis, number: str, project: str) -> None:
    path = f"/v1/projects/{number if project == 'number' else project}/services/{REGISTRY}"

    off = apis.call("POST", f"{path}:disable", {})
    assert (off.status, off.body) == (
        200,
        {
            "name": off.body["name"],
            "done": True,
            "response": {
                "@type": "type.googleapis.com/google.api.serviceusage.v1.DisableServiceResponse",
                "service": describe(number, REGISTRY, "DISABLED"),
            },
        },
    )
    assert apis.call("GET", path).body == describe(number, REGISTRY, "DISABLED")
    listed = apis.call("GET", f"{SERVICES_OF}?filter=state:DISABLED").body
    assert listed == {"services": [describe(number, REGISTRY, "DISABLED")]}

    on = apis.call("POST", f"{path}:enable", {})
    assert on.body["response"] == {
        "@type": "type.googleapis.com/google.api.serviceusage.v1.EnableServiceResponse",
        "service": describe(number, REGISTRY),
    }
    assert apis.call("GET", path).body == describe(number, REGISTRY)


@pytest.mark.usefixtures("number")
def test_googles_other_services_can_be_enabled(apis: Apis) -> None:
    path = f"{SERVICES_OF}/run.googleapis.com"
    assert apis.call("GET", path).body["state"] == "DISABLED"

    assert apis.call("POST", f"{path}:enable", {}).body["response"]["service"]["state"] == "ENABLED"

    assert apis.call("GET", path).body["state"] == "ENABLED"
    listed = apis.call("GET", f"{SERVICES_OF}?filter=state:ENABLED&pageSize=200").body["services"]
    names = [service["config"]["name"] for service in listed]
    assert names == sorted([*SERVICES, "run.googleapis.com"])


def test_an_operation_can_be_asked_for_by_who_began_it(apis: Apis, number: str) -> None:
    apis.grant("roles/owner", "user:a@example.com")
    apis.grant("roles/owner", "user:b@example.com")
    token = apis.sign_in("user:a@example.com")

    made = apis.call("POST", f"{SERVICES_OF}/{REGISTRY}:enable", {}, token).body

    assert made["name"].startswith(f"operations/acf.p2-{number}-")
    assert apis.call("GET", f"/v1/{made['name']}", token=token).body == made
    for other in (apis.sign_in("user:b@example.com"), None):
        assert apis.call("GET", f"/v1/{made['name']}", token=other).status == 404


def test_enabling_container_registry_makes_its_agent(apis: Apis, number: str) -> None:
    apis.grant("roles/viewer", "user:a@example.com")

    for _ in range(2):
        assert apis.call("POST", f"{SERVICES_OF}/{REGISTRY}:enable", {}).status == 200

    agent = f"serviceAccount:service-{number}@containerregistry.iam.gserviceaccount.com"
    assert apis.call("POST", "/v1/projects/my-project:getIamPolicy", {}).body["bindings"] == [
        {"role": "roles/viewer", "members": ["user:a@example.com"]},
        {"role": "roles/containerregistry.ServiceAgent", "members": [agent]},
    ]


def test_several_services_are_switched_on_at_once_or_none(apis: Apis, number: str) -> None:
    for name in (REGISTRY, ARTIFACTS):
        apis.call("POST", f"{SERVICES_OF}/{name}:disable", {})

    refused = apis.call("POST", f"{SERVICES_OF}:batchEnable", {"serviceIds": [REGISTRY, "x.example.com"]})
    assert (refused.status, refused.body["error"]["message"]) == (
        404,
        "Not found or permission denied for service(s): x.example.com.",
    )
    assert apis.call("GET", f"{SERVICES_OF}/{REGISTRY}").body["state"] == "DISABLED"

    done = apis.call("POST", f"{SERVICES_OF}:batchEnable", {"serviceIds": [REGISTRY, ARTIFACTS]})
    both = [describe(number, REGISTRY), describe(number, ARTIFACTS)]
    assert done.body["response"] == {
        "@type": "type.googleapis.com/google.api.serviceusage.v1.BatchEnableServicesResponse",
        "services": both,
    }
    query = "&".join(f"names=projects/my-project/services/{name}" for name in (REGISTRY, ARTIFACTS))
    assert apis.call("GET", f"{SERVICES_OF}:batchGet?{query}").body == {"services": both}


@pytest.mark.usefixtures("number")
def test_artifact_registry_answers_nothing_while_it_is_off(apis: Apis) -> None:
    path = "/v1/projects/my-project/locations/us/repositories"
    apis.call("POST", f"{path}?repositoryId=images", {"format": "DOCKER"})
    apis.call("POST", f"{SERVICES_OF}/{ARTIFACTS}:disable", {})

    for place in (path, f"{path}/images", f"{path}/images/packages", "/v1/projects/my-project/locations"):
        error = apis.call("GET", place).body["error"]
        assert (error["code"], error["details"][0]["reason"]) == (403, "SERVICE_DISABLED")

    apis.call("POST", f"{SERVICES_OF}/{ARTIFACTS}:enable", {})
    assert apis.call("GET", f"{path}/images").status == 200


@pytest.mark.parametrize(
    ("method", "path", "body", "code", "message"),
    [
        ("GET", "?filter=name:x", None, 400, "Invalid filter: use state:ENABLED or state:DISABLED."),
        ("GET", "/x.example.com", None, 404, "Not found or permission denied for service(s): x.example.com."),
        ("POST", ":batchEnable", {}, 400, "serviceIds must be a list of 1 to 20 names"),
        (
            "POST",
            ":batchEnable",
            {"serviceIds": ["x"] * 21},
            400,
            "serviceIds must be a list of 1 to 20 names",
        ),
        (
            "POST",
            ":batchEnable",
            {"serviceIds": [[]]},
            404,
            "Not found or permission denied for service(s): [].",
        ),
    ],
)
@pytest.mark.usefixtures("number")
def test_a_bad_call(apis: Apis, method: str, path: str, body: object, code: int, message: str) -> None:
    reply = apis.call(method, f"{SERVICES_OF}{path}", body)

    assert (reply.status, reply.body["error"]["message"]) == (code, message)
