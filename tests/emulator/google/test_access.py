"""The APIs ask IAM before they do anything, and tell a stranger nothing of what exists."""

from dataclasses import replace
from typing import Any

import pytest

Apis = Any
ACCOUNT = "/v1/projects/my-project/serviceAccounts/ci@my-project.iam.gserviceaccount.com"
POLICY = {"policy": {"bindings": []}}
UNAUTHENTICATED = {
    "error": {
        "code": 401,
        "message": "Request had invalid authentication credentials. Expected OAuth 2 access token, login "
        "cookie or other valid authentication credential. See "
        "https://developers.google.com/identity/sign-in/web/devconsole-project.",
        "status": "UNAUTHENTICATED",
    }
}

# Each call, and the permission that it needs.
CALLS = [
    ("GET", "/v1/projects/my-project", None, "resourcemanager.projects.get"),
    ("GET", "/v3/projects/my-project", None, "resourcemanager.projects.get"),
    ("POST", "/v1/projects", {"projectId": "new-project"}, "resourcemanager.projects.create"),
    ("POST", "/v1/projects/my-project:getIamPolicy", {}, "resourcemanager.projects.getIamPolicy"),
    ("POST", "/v3/projects/my-project:getIamPolicy", {}, "resourcemanager.projects.getIamPolicy"),
    ("POST", "/v1/projects/my-project:setIamPolicy", POLICY, "resourcemanager.projects.setIamPolicy"),
    ("POST", "/v3/projects/my-project:setIamPolicy", POLICY, "resourcemanager.projects.setIamPolicy"),
    ("POST", "/v1/projects/my-project/serviceAccounts", {"accountId": "cd"}, "iam.serviceAccounts.create"),
    ("GET", "/v1/projects/my-project/serviceAccounts", None, "iam.serviceAccounts.list"),
    ("GET", ACCOUNT, None, "iam.serviceAccounts.get"),
    ("DELETE", ACCOUNT, None, "iam.serviceAccounts.delete"),
    ("DELETE", ACCOUNT.replace("my-project/", "-/", 1), None, "iam.serviceAccounts.delete"),
    ("POST", f"{ACCOUNT}/keys", {}, "iam.serviceAccountKeys.create"),
    ("GET", f"{ACCOUNT}/keys", None, "iam.serviceAccountKeys.list"),
    ("GET", f"{ACCOUNT}/keys/{'0' * 40}", None, "iam.serviceAccountKeys.get"),
    ("DELETE", f"{ACCOUNT}/keys/{'0' * 40}", None, "iam.serviceAccountKeys.delete"),
    ("GET", "/v1/projects/no-project", None, "resourcemanager.projects.get"),
    ("GET", "/v1/projects/-/serviceAccounts/no@example.com", None, "iam.serviceAccounts.get"),
]


@pytest.mark.parametrize(("method", "path", "body", "permission"), CALLS)
def test_who_has_no_role_is_refused(
    apis: Apis, method: str, path: str, body: object, permission: str
) -> None:
    apis.make_account()
    stranger = apis.make_key("stranger", "other-project")

    reply = apis.call(method, path, body, apis.fetch_token(stranger))

    assert (reply.status, reply.body) == (
        403,
        {
            "error": {
                "code": 403,
                "message": f"Permission '{permission}' denied on resource (or it may not exist).",
                "status": "PERMISSION_DENIED",
                "details": [
                    {
                        "@type": "type.googleapis.com/google.rpc.DebugInfo",
                        "detail": "serviceAccount:stranger@other-project.iam.gserviceaccount.com "
                        f"has no role with {permission}",
                    }
                ],
            }
        },
    )


@pytest.mark.parametrize(("method", "path", "body", "permission"), CALLS)
def test_without_a_token_a_strict_server_is_closed(
    apis: Apis, method: str, path: str, body: object, permission: str
) -> None:
    del permission
    apis.services = replace(apis.services, strict_admin=True)

    reply = apis.call(method, path, body)

    assert (reply.status, reply.body) == (401, UNAUTHENTICATED)
    assert reply.headers["www-authenticate"] == 'Bearer realm="https://accounts.google.com/"'


def test_a_web_page_is_not_the_operator(apis: Apis) -> None:
    reply = apis.send("GET", "/v1/projects", headers={"origin": "https://example.com"})

    assert (reply.status, reply.body) == (401, UNAUTHENTICATED)


@pytest.mark.parametrize("token", ["garbage", "ya29.garbage", "eyJhbGciOiJub25lIn0.e30."])
def test_a_bad_token_is_refused_even_from_this_machine(apis: Apis, token: str) -> None:
    reply = apis.call("GET", "/v1/projects", token=token)

    assert (reply.status, reply.body) == (401, UNAUTHENTICATED)


def test_the_operator_token_opens_everything_from_anywhere(apis: Apis) -> None:
    apis.peer, apis.host = "192.0.2.1", "emulator.example.com"
    assert apis.call("GET", "/v1/projects").status == 401

    assert apis.call("GET", "/v1/projects", token="operator-token").status == 200


def test_an_owner_administers_the_own_project_and_no_other(apis: Apis) -> None:
    token = apis.fetch_token(apis.make_key(role="roles/owner"))
    apis.call("POST", "/v1/projects", {"projectId": "other-project"})

    assert apis.call("POST", "/v1/projects/my-project:setIamPolicy", POLICY, token).status == 200
    assert apis.call("POST", "/v1/projects/other-project:setIamPolicy", POLICY, token).status == 403


def test_an_editor_makes_accounts_and_keys_but_gives_no_rights(apis: Apis) -> None:
    token = apis.fetch_token(apis.make_key(role="roles/editor"))

    assert apis.call("POST", f"{ACCOUNT}/keys", {}, token).status == 200
    assert apis.call("POST", "/v1/projects/my-project:setIamPolicy", POLICY, token).status == 403


def test_a_token_without_the_scope_cannot_administer(apis: Apis) -> None:
    key = apis.make_key(role="roles/owner")
    token = apis.fetch_token(key, scope="https://www.googleapis.com/auth/devstorage.full_control")

    reply = apis.call("POST", f"{ACCOUNT}/keys", {}, token)

    assert reply.status == 403
    assert reply.body["error"]["details"][0]["detail"] == (
        "no OAuth scope of the access token covers iam.serviceAccountKeys.create"
    )


def test_a_self_signed_jwt_is_as_good_as_an_access_token(apis: Apis) -> None:
    key = apis.make_key(role="roles/viewer")
    jwt = apis.sign(key, aud="https://cloudresourcemanager.googleapis.com/", scope=None)

    assert apis.call("GET", "/v1/projects/my-project", token=jwt).status == 200
