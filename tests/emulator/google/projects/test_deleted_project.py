"""Deleted projects: no route that names one can be used until it is undeleted.

https://cloud.google.com/resource-manager/reference/rest/v3/projects/delete
"""

from typing import Any
from urllib.parse import quote

import pytest
from support.keys import make_certificate

from docker_credential_gcr.emulator.google.routes import ROUTES

Apis = Any
Federation = Any

EMAIL = "ci@my-project.iam.gserviceaccount.com"
BUCKET, MEMBER = "artifacts.my-project.appspot.com", "user:ada@example.com"
CREDENTIALS = "Request had invalid authentication credentials."
DELETED = "Project my-project is deleted: undelete it first."
# Path parameters, in addition to the image's digest and the key's ID.
NAMES = {
    "project": "my-project",
    "account": EMAIL,
    "pool": "outside",
    "provider": "issuer",
    "bucket": BUCKET,
    "location": "us",
    "repository": "images",
    "package": "app",
    "tag": "v1",
    "topic": "news",
    "subscription": "builds",
    "secret": "password",
    "number": "1",
    "service": "containerregistry.googleapis.com",
    "operation": "none",
    "folder": "1",
    "organization": "1",
    "role": "viewer",
}
POLICY: dict[str, Any] = {"policy": {}}
ANALYSIS = (
    "analysisQuery.accessSelector.permissions=storage.objects.get"
    "&analysisQuery.resourceSelector.fullResourceName=//storage.googleapis.com/" + BUCKET
)
ACCOUNT = "/v1/projects/{project}/serviceAccounts/{account}"
POOLS = "/v1/projects/{project}/locations/global/workloadIdentityPools"
IMAGES = "/v1/projects/{project}/locations/{location}/repositories/{repository}"
TOPIC = "/v1/projects/{project}/topics/{topic}"
SUBSCRIPTION = "/v1/projects/{project}/subscriptions/{subscription}"
SECRET = "/v1/projects/{project}/secrets/{secret}"
REPLICATED = {"replication": {"automatic": {}}}
VERSION = "projects/my-project/locations/us/repositories/images/packages/app/versions/{digest}"
# route: (query, body), if it needs any
REQUESTS: dict[str, tuple[str, Any]] = {
    "POST /v1/projects/{project}:setIamPolicy": ("", POLICY),
    "POST /v3/projects/{project}:setIamPolicy": ("", POLICY),
    "PUT /v1/projects/{project}": ("", {"name": "New"}),
    "POST /v3/projects/{project}:move": ("", {"destinationParent": "folders/1"}),
    "PATCH /v3/projects/{project}": ("", {"displayName": "New"}),
    "POST /v1/projects/{project}/services:batchEnable": ("", {"serviceIds": [NAMES["service"]]}),
    "POST /v1/projects/{project}/serviceAccounts": ("", {"accountId": "new"}),
    f"POST {ACCOUNT}:setIamPolicy": ("", POLICY),
    f"PATCH {ACCOUNT}": ("", {"serviceAccount": {"displayName": "New"}, "updateMask": "displayName"}),
    f"POST {ACCOUNT}/keys:upload": ("", {"publicKeyData": "{certificate}"}),
    f"POST {POOLS}": ("workloadIdentityPoolId=inside", {}),
    f"PATCH {POOLS}/{{pool}}": ("updateMask=displayName", {"displayName": "New"}),
    f"POST {POOLS}/{{pool}}/providers": (
        "workloadIdentityPoolProviderId=other",
        {
            "oidc": {"issuerUri": "https://issuer.example"},
            "attributeMapping": {"google.subject": "assertion.sub"},
        },
    ),
    f"PATCH {POOLS}/{{pool}}/providers/{{provider}}": ("updateMask=displayName", {"displayName": "New"}),
    "GET /v1/projects/{project}:analyzeIamPolicy": (ANALYSIS, None),
    "GET /v1/projects/{project}:searchAllResources": ("assetTypes=storage.googleapis.com/Bucket", None),
    "GET /storage/v1/b": ("project=my-project", None),
    "POST /storage/v1/b": ("project=my-project", {"name": "another-bucket"}),
    "PUT /storage/v1/b/{bucket}/iam": ("", {"bindings": []}),
    "POST /v1/projects/{project}/locations/{location}/repositories": (
        "repositoryId=others",
        {"format": "DOCKER"},
    ),
    f"PATCH {IMAGES}": ("updateMask=description", {"description": "New"}),
    f"POST {IMAGES}:setIamPolicy": ("", POLICY),
    f"POST {IMAGES}/packages/{{package}}/versions:batchDelete": ("", {"names": [VERSION]}),
    f"POST {IMAGES}/packages/{{package}}/tags": ("tagId=v2", {"version": VERSION}),
    f"PATCH {IMAGES}/packages/{{package}}/tags/{{tag}}": ("updateMask=version", {"version": VERSION}),
    f"PATCH {TOPIC}": ("", {"topic": {}, "updateMask": "labels"}),
    f"POST {TOPIC}:publish": ("", {"messages": [{"data": "YQ=="}]}),
    f"POST {TOPIC}:setIamPolicy": ("", POLICY),
    f"PUT {SUBSCRIPTION}": ("", {"topic": "projects/my-project/topics/news"}),
    f"PATCH {SUBSCRIPTION}": ("", {"subscription": {}, "updateMask": "labels"}),
    f"POST {SUBSCRIPTION}:pull": ("", {"maxMessages": 1, "returnImmediately": True}),
    f"POST {SUBSCRIPTION}:acknowledge": ("", {"ackIds": ["MTox"]}),
    f"POST {SUBSCRIPTION}:modifyAckDeadline": ("", {"ackIds": ["MTox"]}),
    f"POST {SUBSCRIPTION}:seek": ("", {"time": "2026-01-01T00:00:00Z"}),
    f"POST {SUBSCRIPTION}:setIamPolicy": ("", POLICY),
    "POST /v1/projects/{project}/secrets": ("secretId=other", REPLICATED),
    f"PATCH {SECRET}": ("updateMask=labels", {"labels": {}}),
    f"POST {SECRET}:addVersion": ("", {"payload": {"data": "YQ=="}}),
    f"POST {SECRET}:setIamPolicy": ("", POLICY),
}
ASKED = {"permissions": ["resourcemanager.projects.get", "resourcemanager.projects.update"]}
SEEN = {"permissions": ["resourcemanager.projects.get"]}
# route: (query, body, status, the response if it is constant). A deleted project can be read and undeleted;
# testIamPermissions returns no permissions.
ANSWERED: dict[str, tuple[str, Any, int, Any]] = {
    "GET /v1/projects/{project}": ("", None, 200, None),
    "GET /v3/projects/{project}": ("", None, 200, None),
    "POST /v1/projects/{project}:getIamPolicy": ("", {}, 200, {"version": 1, "etag": "ACAB"}),
    "POST /v3/projects/{project}:getIamPolicy": ("", {}, 200, {"version": 1, "etag": "ACAB"}),
    "POST /v1/projects/{project}:testIamPermissions": ("", ASKED, 200, SEEN),
    "POST /v3/projects/{project}:testIamPermissions": ("", ASKED, 200, SEEN),
    "DELETE /v1/projects/{project}": ("", None, 400, None),
    "DELETE /v3/projects/{project}": ("", None, 400, None),
    "POST /v1/projects/{project}:getAncestry": (
        "",
        None,
        200,
        {"ancestor": [{"resourceId": {"type": "project", "id": "my-project"}}]},
    ),
    f"POST {ACCOUNT}:testIamPermissions": ("", {"permissions": ["iam.serviceAccounts.get"]}, 200, {}),
    f"POST {IMAGES}:testIamPermissions": (
        "",
        {"permissions": ["artifactregistry.repositories.get"]},
        200,
        {},
    ),
    f"POST {TOPIC}:testIamPermissions": ("", {"permissions": ["pubsub.topics.get"]}, 200, {}),
    f"POST {SUBSCRIPTION}:testIamPermissions": (
        "",
        {"permissions": ["pubsub.subscriptions.get"]},
        200,
        {},
    ),
    f"POST {SECRET}:testIamPermissions": ("", {"permissions": ["secretmanager.secrets.get"]}, 200, {}),
    "GET /storage/v1/b/{bucket}/iam/testPermissions": (
        "permissions=storage.buckets.get",
        None,
        200,
        {"kind": "storage#testIamPermissionsResponse"},
    ),
    # These do not depend on the project.
    "POST /v1/organizations/{organization}:getIamPolicy": ("", None, 200, {"version": 1, "etag": "ACAB"}),
    "POST /v2/folders/{folder}:getIamPolicy": ("", None, 200, {"version": 1, "etag": "ACAB"}),
    "GET /v1/roles/{role}": ("", None, 200, None),
    # The project has no parent.
    "GET /v1/folders/{folder}:analyzeIamPolicy": (ANALYSIS, None, 404, None),
    "GET /v1/organizations/{organization}:analyzeIamPolicy": (ANALYSIS, None, 404, None),
    f"GET {ACCOUNT}/allowedLocations": ("", None, 200, {"locations": [], "encodedLocations": "0x0"}),
    f"GET {POOLS}/{{pool}}/allowedLocations": ("", None, 200, {"locations": [], "encodedLocations": "0x0"}),
    # A caller can read its own operations; this one does not exist.
    f"GET {POOLS}/{{pool}}/operations/{{operation}}": ("", None, 404, None),
    f"GET {POOLS}/{{pool}}/providers/{{provider}}/operations/{{operation}}": ("", None, 404, None),
    "GET /v1/projects/{project}/locations/{location}/operations/{operation}": ("", None, 404, None),
    "POST /v1/projects/{project}/locations/{location}/operations/{operation}:cancel": ("", {}, 404, None),
    "GET /v1/operations/{operation}": ("", None, 404, None),
    "GET /v3/operations/{operation}": ("", None, 404, None),
    # Public, but the account does not exist.
    "GET /service_accounts/v1/jwk/{account}": ("", None, 404, None),
    "GET /service_accounts/v1/metadata/x509/{account}": ("", None, 404, None),
    "GET /robot/v1/metadata/jwk/{account}": ("", None, 404, None),
    "GET /robot/v1/metadata/x509/{account}": ("", None, 404, None),
}
UNDELETING = {f"POST /{version}/projects/{{project}}:undelete" for version in ("v1", "v3")}
NAMING = {
    f"{method} {path}" for method, path, _ in ROUTES if "{" in path or path.startswith("/storage/v1/b")
} - UNDELETING


class Walk:
    """A project with one resource of each kind, and the requests to its routes."""

    def __init__(self, apis: Apis, federation: Federation) -> None:
        federation.set_provider()
        self._apis = apis
        self.key = apis.make_key()
        self.token = apis.fetch_token(self.key)
        apis.call("POST", "/storage/v1/b?project=my-project", {"name": BUCKET})
        path = "/v1/projects/my-project/locations/us/repositories?repositoryId=images"
        apis.call("POST", path, {"format": "DOCKER"})
        apis.call("PUT", "/v1/projects/my-project/topics/news", {})
        topic = {"topic": "projects/my-project/topics/news"}
        apis.call("PUT", "/v1/projects/my-project/subscriptions/builds", topic)
        apis.call("POST", "/v1/projects/my-project/secrets?secretId=password", REPLICATED)
        payload = {"payload": {"data": "YQ=="}}
        apis.call("POST", "/v1/projects/my-project/secrets/password:addVersion", payload)
        digest = apis.push(BUCKET, "my-project/app", b"layer")
        assert apis.push("us~my-project~images", "my-project/images/app", b"layer") == digest
        self._names = {
            **NAMES,
            "key": self.key["private_key_id"],
            "image": f"app@{digest}",
            "version": digest,
            "object": quote(f"containers/images/{self._digest_of_layer()}", safe=""),
        }
        self._texts = {"{digest}": digest, "{certificate}": make_certificate(apis.rsa_key)}

    def ask(self, route: str, query: str = "", body: Any = None, token: str | None = None) -> Any:
        """Returns the response to the request of one route."""
        method, _, template = route.partition(" ")
        path = template.format(**self._names) + (f"?{query}" if query else "")
        if body is None and method in ("POST", "PUT", "PATCH"):
            body = {}
        return self._apis.call(method, path, self._fill(body), token)

    def _fill(self, body: Any) -> Any:
        if isinstance(body, dict):
            return {name: self._fill(value) for name, value in body.items()}
        if isinstance(body, list):
            return [self._fill(value) for value in body]
        for placeholder, text in self._texts.items():
            body = body.replace(placeholder, text) if isinstance(body, str) else body
        return body

    def _digest_of_layer(self) -> str:
        items = self._apis.call("GET", f"/storage/v1/b/{BUCKET}/o").body["items"]
        return str(items[0]["name"].rpartition("/")[2])


@pytest.fixture
def walk(apis: Apis, federation: Federation) -> Walk:
    return Walk(apis, federation)


def test_d_z20_every_route_of_a_deleted_project_is_walked() -> None:
    assert set(REQUESTS) | set(ANSWERED) <= NAMING
    assert not set(REQUESTS) & set(ANSWERED)


def test_d_z20_what_a_deleted_project_holds_is_refused_to_the_operator_too(apis: Apis, walk: Walk) -> None:
    apis.call("DELETE", "/v1/projects/my-project")
    for route in sorted(NAMING - set(ANSWERED)):
        query, body = REQUESTS.get(route, ("", None))

        reply = walk.ask(route, query, body)

        error = reply.body["error"]
        if "/storage/" in route:
            reason = {"message": DELETED, "domain": "global", "reason": "accountDisabled"}
            expected = {"code": 403, "message": DELETED, "errors": [reason]}
            assert (reply.status, error) == (403, expected), route
        else:
            expected = {"code": 400, "message": DELETED, "status": "FAILED_PRECONDITION"}
            assert (reply.status, error) == (400, expected), route


def test_d_z20_a_deleted_project_is_seen_and_its_things_have_no_permissions(apis: Apis, walk: Walk) -> None:
    apis.call("DELETE", "/v1/projects/my-project")
    for route, (query, body, status, answer) in ANSWERED.items():
        reply = walk.ask(route, query, body)

        assert reply.status == status, route
        assert answer in (None, reply.body), route


def test_d_z20_all_of_it_is_back_when_the_deletion_is_taken_back(apis: Apis, walk: Walk) -> None:
    reads = sorted(route for route in NAMING - set(ANSWERED) if route.startswith("GET "))
    before = {route: walk.ask(route, REQUESTS.get(route, ("", None))[0]) for route in reads}
    apis.call("DELETE", "/v1/projects/my-project")
    apis.call("POST", "/v1/projects/my-project:undelete", {})

    assert {reply.status for reply in before.values()} == {200}
    assert {route: walk.ask(route, REQUESTS.get(route, ("", None))[0]) for route in reads} == before
    assert walk.ask(f"GET {ACCOUNT}", token=walk.token).status == 403
    assert apis.fetch_token(walk.key)


def test_d_z20_its_accounts_and_its_pools_get_no_token_and_have_none(
    apis: Apis, walk: Walk, federation: Federation
) -> None:
    apis.make_account("other", "other-project")
    held = [walk.token, federation.fetch_token(), apis.sign(walk.key)]
    apis.call("DELETE", "/v1/projects/my-project")
    assertion = {
        "grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer",
        "assertion": apis.sign(walk.key),
    }
    asked = apis.post_form("/token", assertion)
    exchanged = federation.exchange(federation.mint())

    not_found = {"error": "invalid_grant", "error_description": "Invalid grant: account not found"}
    assert (asked.status, asked.body) == (400, not_found)
    assert (exchanged.status, exchanged.body["error"]) == (400, "invalid_target")
    for token in held:
        reply = apis.call("GET", "/v1/projects/other-project", token=token)
        assert (reply.status, reply.body["error"]["message"][: len(CREDENTIALS)]) == (401, CREDENTIALS)
    for token in held[:2]:
        assert apis.call("GET", f"/tokeninfo?access_token={token}").status == 400
        assert apis.post_form("/v1/introspect", {"token": token}).body == {"active": False}


def test_d_z20_an_account_elsewhere_cannot_act_as_an_account_of_a_deleted_project(apis: Apis) -> None:
    apis.make_account()
    apis.allow("roles/iam.serviceAccountTokenCreator", MEMBER, EMAIL)
    target = apis.make_account("other", "other-project")
    apis.allow("roles/iam.serviceAccountTokenCreator", f"serviceAccount:{EMAIL}", target)
    apis.call("DELETE", "/v1/projects/my-project")
    token, body = apis.sign_in(MEMBER), {"scope": ["https://www.googleapis.com/auth/cloud-platform"]}

    def generate(account: str, **more: Any) -> tuple[int, str]:
        path = f"/v1/projects/-/serviceAccounts/{account}:generateAccessToken"
        reply = apis.call("POST", path, {**body, **more}, token)
        return reply.status, reply.body["error"]["message"]

    assert generate(EMAIL) == (400, DELETED)
    assert generate(target, delegates=[f"projects/-/serviceAccounts/{EMAIL}"]) == (400, DELETED)


def test_d_z20_a_caller_without_rights_does_not_learn_that_the_project_is_deleted(
    apis: Apis, walk: Walk
) -> None:
    apis.call("DELETE", "/v1/projects/my-project")
    token = apis.sign_in(MEMBER)
    for route in (f"GET {ACCOUNT}", "GET /storage/v1/b/{bucket}", f"GET {IMAGES}", f"GET {POOLS}"):
        assert walk.ask(route, token=token).status == 403, route
