"""Operations are stored for one day, for the caller that started them."""

from typing import Any

Apis = Any
REPOSITORIES = "/v1/projects/my-project/locations/us/repositories"


def test_an_operation_is_forgotten_after_a_day(apis: Apis) -> None:
    apis.call("POST", "/v1/projects", {"projectId": "my-project"})
    make = f"{REPOSITORIES}?repositoryId="
    first = apis.call("POST", f"{make}one", {"format": "DOCKER"}).body
    apis.clock.set(1_700_000_000 + 24 * 3600)
    second = apis.call("POST", f"{make}two", {"format": "DOCKER"}).body
    assert apis.call("GET", f"/v1/{first['name']}").body == first
    apis.clock.set(1_700_000_000 + 24 * 3600 + 1)
    apis.call("POST", f"{make}three", {"format": "DOCKER"})

    reply = apis.call("GET", f"/v1/{first['name']}")

    message = f"Operation not found: {first['name']}"
    assert (reply.status, reply.body["error"]["message"]) == (404, message)
    assert apis.call("GET", f"/v1/{second['name']}").body == second


def test_an_operation_is_shown_to_its_caller_only(apis: Apis) -> None:
    apis.call("POST", "/v1/projects", {"projectId": "my-project"})
    apis.grant("roles/owner", "user:a@example.com")
    token = apis.sign_in("user:a@example.com")
    body = {"format": "DOCKER"}

    made = apis.call("POST", f"{REPOSITORIES}?repositoryId=one", body, token).body

    path = f"/v1/{made['name']}"
    assert apis.call("GET", path, token=token).body == made
    assert apis.call("GET", path, token=apis.sign_in("user:b@example.com")).status == 404


def test_an_operation_that_is_done_is_not_cancelled(apis: Apis) -> None:
    apis.call("POST", "/v1/projects", {"projectId": "my-project"})
    made = apis.call("POST", f"{REPOSITORIES}?repositoryId=one", {"format": "DOCKER"}).body

    for colon in (":", "%3A"):
        reply = apis.call("POST", f"/v1/{made['name']}{colon}cancel", {})
        assert (reply.status, reply.body) == (200, {})
    assert apis.call("GET", f"/v1/{made['name']}").body == made
    unknown = apis.call("POST", f"/v1/{made['name']}0:cancel", {})
    message = f"Operation not found: {made['name']}0"
    assert (unknown.status, unknown.body["error"]["message"]) == (404, message)
