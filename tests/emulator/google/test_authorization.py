"""Authorization: every method checks IAM first; a caller without permission does not learn what exists."""

import re
from dataclasses import replace
from typing import Any

import pytest

from docker_credential_gcr.emulator.google.routes import ROUTES

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

V1, V3 = "/v1/projects/my-project", "/v3/projects/my-project"
KEY = f"{ACCOUNT}/keys/{'0' * 40}"
SERVICE = f"{V1}/services/storage.googleapis.com"
BUCKET = "/storage/v1/b/my-bucket"
OBJECT = f"{BUCKET}/o/containers%2Fimages%2Fsha256:0"
LOCATION = f"{V1}/locations/us"
REPOSITORY = f"{LOCATION}/repositories/images"
PACKAGE = f"{REPOSITORY}/packages/app"
TOPIC, SUBSCRIPTION = f"{V1}/topics/news", f"{V1}/subscriptions/builds"
SECRET, REPLICATED = f"{V1}/secrets/password", {"replication": {"automatic": {}}}
ACKNOWLEDGED = {"ackIds": ["MTox"]}
PROJECTS = "resourcemanager.projects"
POOLS = f"{V1}/locations/global/workloadIdentityPools"
SEARCH = ":searchAllResources?assetTypes=storage.googleapis.com/Bucket"
ANALYSIS = (
    ":analyzeIamPolicy?analysisQuery.accessSelector.permissions=storage.objects.get"
    "&analysisQuery.resourceSelector.fullResourceName=//storage.googleapis.com/my-bucket"
)
PROVIDER = {
    "oidc": {"issuerUri": "https://issuer.example"},
    "attributeMapping": {"google.subject": "assertion.sub"},
}

# call -> permission that it needs
CALLS = [
    ("POST", "/v1/projects", {"projectId": "new-project"}, f"{PROJECTS}.create"),
    ("POST", "/v3/projects", {"projectId": "new-project"}, f"{PROJECTS}.create"),
    *(
        call
        for path in (V1, V3)
        for call in (
            ("GET", path, None, f"{PROJECTS}.get"),
            ("DELETE", path, None, f"{PROJECTS}.delete"),
            ("POST", f"{path}:undelete", {}, f"{PROJECTS}.undelete"),
            ("POST", f"{path}:getIamPolicy", {}, f"{PROJECTS}.getIamPolicy"),
            ("POST", f"{path}:setIamPolicy", POLICY, f"{PROJECTS}.setIamPolicy"),
        )
    ),
    ("PUT", V1, {"name": "x"}, f"{PROJECTS}.update"),
    ("PATCH", V3, {"displayName": "x"}, f"{PROJECTS}.update"),
    ("POST", f"{V3}:move", {"destinationParent": "folders/1"}, f"{PROJECTS}.update"),
    ("POST", f"{V1}:getAncestry", {}, f"{PROJECTS}.get"),
    ("POST", "/v1/organizations/1:getIamPolicy", {}, "resourcemanager.organizations.getIamPolicy"),
    ("POST", "/v2/folders/1:getIamPolicy", {}, "resourcemanager.folders.getIamPolicy"),
    ("GET", f"{V1}{ANALYSIS}", None, "cloudasset.assets.analyzeIamPolicy"),
    ("GET", f"{V1}/occurrences", None, "containeranalysis.occurrences.list"),
    ("GET", "/v1alpha1/projects/my-project/occurrences", None, "containeranalysis.occurrences.list"),
    ("GET", f"{V1}{SEARCH}", None, "cloudasset.assets.searchAllResources"),
    ("GET", f"/v1/folders/1{ANALYSIS}", None, "cloudasset.assets.analyzeIamPolicy"),
    ("GET", f"/v1/organizations/1{ANALYSIS}", None, "cloudasset.assets.analyzeIamPolicy"),
    ("GET", "/v1/projects/no-project", None, f"{PROJECTS}.get"),
    ("GET", f"{V1}/services", None, "serviceusage.services.list"),
    ("GET", f"{V1}/services:batchGet", None, "serviceusage.services.get"),
    ("POST", f"{V1}/services:batchEnable", {"serviceIds": ["a"]}, "serviceusage.services.enable"),
    ("POST", f"{SERVICE}:enable", {}, "serviceusage.services.enable"),
    ("POST", f"{SERVICE}:disable", {}, "serviceusage.services.disable"),
    ("GET", SERVICE, None, "serviceusage.services.get"),
    ("POST", f"{V1}/serviceAccounts", {"accountId": "cd"}, "iam.serviceAccounts.create"),
    ("GET", f"{V1}/serviceAccounts", None, "iam.serviceAccounts.list"),
    ("GET", ACCOUNT, None, "iam.serviceAccounts.get"),
    ("PATCH", ACCOUNT, {"updateMask": "description"}, "iam.serviceAccounts.update"),
    ("PUT", ACCOUNT, {}, "iam.serviceAccounts.update"),
    ("POST", f"{ACCOUNT}:disable", {}, "iam.serviceAccounts.disable"),
    ("POST", f"{ACCOUNT}:enable", {}, "iam.serviceAccounts.enable"),
    ("DELETE", ACCOUNT, None, "iam.serviceAccounts.delete"),
    ("POST", f"{V1}/serviceAccounts/1:undelete", {}, "iam.serviceAccounts.undelete"),
    ("DELETE", ACCOUNT.replace("my-project/", "-/", 1), None, "iam.serviceAccounts.delete"),
    ("GET", "/v1/projects/-/serviceAccounts/no@example.com", None, "iam.serviceAccounts.get"),
    ("POST", f"{ACCOUNT}/keys", {}, "iam.serviceAccountKeys.create"),
    ("GET", f"{ACCOUNT}/keys", None, "iam.serviceAccountKeys.list"),
    ("GET", KEY, None, "iam.serviceAccountKeys.get"),
    ("POST", f"{KEY}:disable", {}, "iam.serviceAccountKeys.disable"),
    ("POST", f"{KEY}:enable", {}, "iam.serviceAccountKeys.enable"),
    ("DELETE", KEY, None, "iam.serviceAccountKeys.delete"),
    ("POST", f"{ACCOUNT}:getIamPolicy", {}, "iam.serviceAccounts.getIamPolicy"),
    ("POST", f"{ACCOUNT}:setIamPolicy", POLICY, "iam.serviceAccounts.setIamPolicy"),
    ("POST", f"{ACCOUNT}:generateAccessToken", {"scope": ["openid"]}, "iam.serviceAccounts.getAccessToken"),
    ("POST", f"{ACCOUNT}:generateIdToken", {"audience": "a"}, "iam.serviceAccounts.getOpenIdToken"),
    ("POST", f"{ACCOUNT}:signJwt", {"payload": "{}"}, "iam.serviceAccounts.signJwt"),
    ("POST", f"{ACCOUNT}:signBlob", {"payload": ""}, "iam.serviceAccounts.signBlob"),
    ("POST", f"{POOLS}?workloadIdentityPoolId=pool", {}, "iam.workloadIdentityPools.create"),
    ("GET", POOLS, None, "iam.workloadIdentityPools.list"),
    *(
        (method, f"{path}{verb}", body, f"iam.{kind}.{permission}")
        for path, kind in (
            (f"{POOLS}/pool", "workloadIdentityPools"),
            (f"{POOLS}/pool/providers/provider", "workloadIdentityPoolProviders"),
        )
        for method, verb, body, permission in (
            ("GET", "", None, "get"),
            ("PATCH", "", {}, "update"),
            ("DELETE", "", None, "delete"),
            ("POST", ":undelete", {}, "undelete"),
        )
    ),
    (
        "POST",
        f"{POOLS}/pool/providers?workloadIdentityPoolProviderId=provider",
        PROVIDER,
        "iam.workloadIdentityPoolProviders.create",
    ),
    ("GET", f"{POOLS}/pool/providers", None, "iam.workloadIdentityPoolProviders.list"),
    ("GET", "/storage/v1/b?project=my-project", None, "storage.buckets.list"),
    ("POST", "/storage/v1/b?project=my-project", {"name": "new"}, "storage.buckets.create"),
    ("GET", BUCKET, None, "storage.buckets.get"),
    ("PATCH", BUCKET, {}, "storage.buckets.update"),
    ("PUT", BUCKET, {}, "storage.buckets.update"),
    ("DELETE", BUCKET, None, "storage.buckets.delete"),
    ("GET", f"{BUCKET}/storageLayout", None, "storage.objects.list"),
    ("GET", f"{BUCKET}/managedFolders", None, "storage.managedFolders.list"),
    ("GET", f"{BUCKET}/iam", None, "storage.buckets.getIamPolicy"),
    ("PUT", f"{BUCKET}/iam", {"bindings": []}, "storage.buckets.setIamPolicy"),
    ("GET", f"{BUCKET}/o", None, "storage.objects.list"),
    ("GET", OBJECT, None, "storage.objects.get"),
    ("GET", f"{OBJECT}?alt=media", None, "storage.objects.get"),
    ("GET", f"/download{OBJECT}", None, "storage.objects.get"),
    ("DELETE", OBJECT, None, "storage.objects.delete"),
    ("GET", f"{V1}/projectSettings", None, "artifactregistry.projectsettings.get"),
    ("PATCH", f"{V1}/projectSettings", {}, "artifactregistry.projectsettings.update"),
    ("GET", f"{V1}/locations", None, "artifactregistry.locations.list"),
    ("GET", "/v1beta2/projects/my-project/locations", None, "artifactregistry.locations.list"),
    ("GET", LOCATION, None, "artifactregistry.locations.get"),
    (
        "POST",
        f"{LOCATION}/repositories?repositoryId=new",
        {"format": "DOCKER"},
        "artifactregistry.repositories.create",
    ),
    ("GET", f"{LOCATION}/repositories", None, "artifactregistry.repositories.list"),
    ("GET", REPOSITORY, None, "artifactregistry.repositories.get"),
    ("PATCH", REPOSITORY, {}, "artifactregistry.repositories.update"),
    ("DELETE", REPOSITORY, None, "artifactregistry.repositories.delete"),
    ("GET", f"{REPOSITORY}:getIamPolicy", None, "artifactregistry.repositories.getIamPolicy"),
    ("POST", f"{REPOSITORY}:setIamPolicy", POLICY, "artifactregistry.repositories.setIamPolicy"),
    ("GET", f"{REPOSITORY}/dockerImages", None, "artifactregistry.dockerimages.list"),
    ("GET", f"{REPOSITORY}/dockerImages/app@sha256:0", None, "artifactregistry.dockerimages.get"),
    ("GET", f"{REPOSITORY}/packages", None, "artifactregistry.packages.list"),
    ("GET", PACKAGE, None, "artifactregistry.packages.get"),
    ("PATCH", PACKAGE, {}, "artifactregistry.packages.update"),
    ("DELETE", PACKAGE, None, "artifactregistry.packages.delete"),
    ("GET", f"{PACKAGE}/versions", None, "artifactregistry.versions.list"),
    ("POST", f"{PACKAGE}/versions:batchDelete", {"names": []}, "artifactregistry.versions.delete"),
    ("GET", f"{PACKAGE}/versions/sha256:0", None, "artifactregistry.versions.get"),
    ("PATCH", f"{PACKAGE}/versions/sha256:0", {}, "artifactregistry.versions.update"),
    ("DELETE", f"{PACKAGE}/versions/sha256:0", None, "artifactregistry.versions.delete"),
    ("GET", f"{PACKAGE}/tags", None, "artifactregistry.tags.list"),
    ("POST", f"{PACKAGE}/tags?tagId=v1", {"version": "x/versions/y"}, "artifactregistry.tags.create"),
    ("GET", f"{PACKAGE}/tags/v1", None, "artifactregistry.tags.get"),
    ("PATCH", f"{PACKAGE}/tags/v1", {"version": "x/versions/y"}, "artifactregistry.tags.update"),
    ("DELETE", f"{PACKAGE}/tags/v1", None, "artifactregistry.tags.delete"),
    ("GET", f"{V1}/topics", None, "pubsub.topics.list"),
    ("PUT", f"{V1}/topics/more", {}, "pubsub.topics.create"),
    ("GET", TOPIC, None, "pubsub.topics.get"),
    ("PATCH", TOPIC, {"topic": {}, "updateMask": "labels"}, "pubsub.topics.update"),
    ("DELETE", TOPIC, None, "pubsub.topics.delete"),
    ("GET", f"{TOPIC}/subscriptions", None, "pubsub.topics.get"),
    ("POST", f"{TOPIC}:publish", {"messages": [{"data": "YQ=="}]}, "pubsub.topics.publish"),
    ("GET", f"{TOPIC}:getIamPolicy", None, "pubsub.topics.getIamPolicy"),
    ("POST", f"{TOPIC}:setIamPolicy", POLICY, "pubsub.topics.setIamPolicy"),
    ("GET", f"{V1}/subscriptions", None, "pubsub.subscriptions.list"),
    ("PUT", f"{V1}/subscriptions/more", {"topic": TOPIC.removeprefix("/v1/")}, "pubsub.subscriptions.create"),
    ("GET", SUBSCRIPTION, None, "pubsub.subscriptions.get"),
    (
        "PATCH",
        SUBSCRIPTION,
        {"subscription": {}, "updateMask": "labels"},
        "pubsub.subscriptions.update",
    ),
    ("DELETE", SUBSCRIPTION, None, "pubsub.subscriptions.delete"),
    ("POST", f"{SUBSCRIPTION}:pull", {"maxMessages": 1}, "pubsub.subscriptions.consume"),
    ("POST", f"{SUBSCRIPTION}:acknowledge", ACKNOWLEDGED, "pubsub.subscriptions.consume"),
    ("POST", f"{SUBSCRIPTION}:modifyAckDeadline", ACKNOWLEDGED, "pubsub.subscriptions.consume"),
    ("POST", f"{SUBSCRIPTION}:modifyPushConfig", {}, "pubsub.subscriptions.update"),
    ("POST", f"{SUBSCRIPTION}:seek", {"time": "2026-01-01T00:00:00Z"}, "pubsub.subscriptions.consume"),
    ("POST", f"{SUBSCRIPTION}:detach", {}, "pubsub.topics.detachSubscription"),
    ("GET", f"{SUBSCRIPTION}:getIamPolicy", None, "pubsub.subscriptions.getIamPolicy"),
    ("POST", f"{SUBSCRIPTION}:setIamPolicy", POLICY, "pubsub.subscriptions.setIamPolicy"),
    ("GET", f"{V1}/secrets", None, "secretmanager.secrets.list"),
    ("POST", f"{V1}/secrets?secretId=more", REPLICATED, "secretmanager.secrets.create"),
    ("GET", SECRET, None, "secretmanager.secrets.get"),
    ("PATCH", f"{SECRET}?updateMask=labels", {"labels": {}}, "secretmanager.secrets.update"),
    ("DELETE", SECRET, None, "secretmanager.secrets.delete"),
    ("GET", f"{SECRET}:getIamPolicy", None, "secretmanager.secrets.getIamPolicy"),
    ("POST", f"{SECRET}:setIamPolicy", POLICY, "secretmanager.secrets.setIamPolicy"),
    ("POST", f"{SECRET}:addVersion", {"payload": {"data": "YQ=="}}, "secretmanager.versions.add"),
    ("GET", f"{SECRET}/versions", None, "secretmanager.versions.list"),
    ("GET", f"{SECRET}/versions/1", None, "secretmanager.versions.get"),
    ("GET", f"{SECRET}/versions/1:access", None, "secretmanager.versions.access"),
    ("POST", f"{SECRET}/versions/1:enable", {}, "secretmanager.versions.enable"),
    ("POST", f"{SECRET}/versions/1:disable", {}, "secretmanager.versions.disable"),
    ("POST", f"{SECRET}/versions/1:destroy", {}, "secretmanager.versions.destroy"),
]
# These need no permission: the response depends on the caller.
OPEN = {
    # A token, a code or a key identifies the caller.
    "/token",
    "/oauth2/v4/token",
    "/o/oauth2/token",
    "/revoke",
    "/o/oauth2/revoke",
    "/tokeninfo",
    "/oauth2/v1/tokeninfo",
    "/oauth2/v3/tokeninfo",
    "/v1/userinfo",
    "/oauth2/v1/userinfo",
    "/oauth2/v2/userinfo",
    "/oauth2/v3/userinfo",
    # The user signs in on the pages.
    "/o/oauth2/v2/auth",
    "/o/oauth2/auth",
    "/signin/oauth/consent",
    # Public.
    "/oauth2/v1/certs",
    "/oauth2/v3/certs",
    "/.well-known/openid-configuration",
    "/v1/roles/{role}",
    # Lists and searches, which omit what the caller may not see.
    "/v1/projects/{project}:testIamPermissions",
    "/v3/projects/{project}:testIamPermissions",
    "/v1/projects/{project}/locations/{location}/repositories/{repository}:testIamPermissions",
    "/v1/projects/{project}/serviceAccounts/{account}:testIamPermissions",
    "/v1/projects/{project}/topics/{topic}:testIamPermissions",
    "/v1/projects/{project}/subscriptions/{subscription}:testIamPermissions",
    "/v1/projects/{project}/secrets/{secret}:testIamPermissions",
    "/v1/projects/{project}/serviceAccounts/{account}/allowedLocations",
    "/v1/projects/{project}/locations/global/workloadIdentityPools/{pool}/allowedLocations",
    "/v1/projects/{project}/locations/global/workloadIdentityPools/{pool}/operations/{operation}",
    "/v1/projects/{project}/locations/global/workloadIdentityPools/{pool}/providers/{provider}/operations/"
    "{operation}",
    "/v1/token",
    "/v1/introspect",
    "/service_accounts/v1/jwk/{account}",
    "/service_accounts/v1/metadata/x509/{account}",
    "/robot/v1/metadata/jwk/{account}",
    "/robot/v1/metadata/x509/{account}",
    "/storage/v1/b/{bucket}/iam/testPermissions",
    "/v1/operations/{operation}",
    "/v3/operations/{operation}",
    "/v1/projects/{project}/locations/{location}/operations/{operation}",
    "/v1/projects/{project}/locations/{location}/operations/{operation}:cancel",
    "/v3/projects:search",
}
OPEN_LISTS = {("GET", "/v1/projects"), ("GET", "/v3/projects")}
# The certificate is parsed before the permission is checked.
UPLOAD = ("POST", "/v1/projects/{project}/serviceAccounts/{account}/keys:upload")
STRANGER = "serviceAccount:stranger@other-project.iam.gserviceaccount.com"


def find_row(method: str, path: str) -> tuple[str, str]:
    """Returns the route that answers."""
    for row_method, row_path, _ in ROUTES:
        pattern = re.sub(r"\\{\w+\\}", "[^/]+", re.escape(row_path))
        if row_method == method and re.fullmatch(pattern, path.partition("?")[0]):
            return method, row_path
    raise AssertionError(f"nothing answers {method} {path}")


def test_every_route_is_among_the_calls_or_open_to_all() -> None:
    rows = {(method, path) for method, path, _ in ROUTES}
    open_rows = {row for row in rows if row[1] in OPEN} | OPEN_LISTS | {UPLOAD}

    assert {find_row(method, path) for method, path, *_ in CALLS} == rows - open_rows


def prepare(apis: Apis) -> None:
    """Creates the account, the bucket and the repository of the calls."""
    apis.make_account()
    assert apis.call("POST", "/storage/v1/b?project=my-project", {"name": "my-bucket"}).status == 200
    path = f"{LOCATION}/repositories?repositoryId=images"
    assert apis.call("POST", path, {"format": "DOCKER"}).status == 200
    assert apis.call("PUT", TOPIC, {}).status == 200
    assert apis.call("PUT", SUBSCRIPTION, {"topic": TOPIC.removeprefix("/v1/")}).status == 200
    assert apis.call("POST", f"{V1}/secrets?secretId=password", REPLICATED).status == 200
    assert apis.call("POST", f"{SECRET}:addVersion", {"payload": {"data": "YQ=="}}).status == 200


def format_refusal(path: str, permission: str) -> tuple[str, str | None]:
    """Returns the message of a refusal and its status, which Cloud Storage does not have."""
    if path.startswith(("/storage", "/download")):
        where = "Google Cloud Storage bucket"
        if "/b?" in path:
            where = "Google Cloud project"
        elif "/o" in path or "/storageLayout" in path:
            where = "Google Cloud Storage object"
        email = STRANGER.partition(":")[2]
        message = f"{email} does not have {permission} access to the {where}. Permission '{permission}' "
        return message + "denied on resource (or it may not exist).", None
    if permission.startswith("artifactregistry."):
        named = path.replace("/v1beta2/", "/v1/")
        name = next(place for place in (REPOSITORY, LOCATION, V1) if named.startswith(place))
        place = f"//artifactregistry.googleapis.com/{name.removeprefix('/v1/')}"
        return f"Permission '{permission}' denied on resource '{place}' (or it may not exist).", "yes"
    if permission.startswith("pubsub."):
        return "User not authorized to perform this action.", "yes"
    if permission.startswith("secretmanager."):
        place = next(place for place in (SECRET, V1) if path.startswith(place)).removeprefix("/v1/")
        return f"Permission '{permission}' denied for resource '{place}' (or it may not exist).", "yes"
    if permission.startswith("serviceusage."):
        verb, name = permission.rpartition(".")[2], re.search("services/([a-z.]+)", path)
        what = f"service [{name[1]}]" if name else "service [a]" if verb == "enable" else "services"
        return f"Permission denied to {verb} {what}", "yes"
    return f"Permission '{permission}' denied on resource (or it may not exist).", "yes"


@pytest.mark.parametrize(("method", "path", "body", "permission"), CALLS)
def test_who_has_no_role_is_refused(
    apis: Apis, method: str, path: str, body: object, permission: str
) -> None:
    prepare(apis)
    stranger = apis.make_key("stranger", "other-project")

    reply = apis.call(method, path, body, apis.fetch_token(stranger))

    message, has_status = format_refusal(path, permission)
    debug = {
        "@type": "type.googleapis.com/google.rpc.DebugInfo",
        "detail": f"{STRANGER} has no role with {permission}",
    }
    expected: dict[str, object] = {"code": 403, "message": message, "details": [debug]}
    if has_status:
        expected["status"] = "PERMISSION_DENIED"
    else:
        expected["errors"] = [{"message": message, "domain": "global", "reason": "forbidden"}]
    assert (reply.status, reply.body) == (403, {"error": expected})


@pytest.mark.parametrize(("method", "path", "body", "permission"), CALLS)
def test_without_a_token_a_strict_server_is_closed(
    apis: Apis, method: str, path: str, body: object, permission: str
) -> None:
    prepare(apis)
    apis.services = replace(apis.services, strict_admin=True)

    reply = apis.call(method, path, body)

    assert reply.status == 401
    assert reply.headers["www-authenticate"] == 'Bearer realm="https://accounts.google.com/"'
    error = reply.body["error"]
    if "errors" not in error:
        assert reply.body == UNAUTHENTICATED
    elif error["message"].startswith("Anonymous"):
        message = format_refusal(path, permission)[0].replace(STRANGER.partition(":")[2], "Anonymous caller")
        assert error == {
            "code": 401,
            "message": message,
            "errors": [{"message": message, "domain": "global", "reason": "required"}],
            "details": error["details"],
        }
    else:
        assert error["message"] == UNAUTHENTICATED["error"]["message"]


BODIES = [(method, path) for method, path, *_ in CALLS if method in ("POST", "PUT", "PATCH")]


@pytest.mark.parametrize(("method", "path"), BODIES)
def test_a_request_without_a_token_is_refused_before_its_body_is_read(
    apis: Apis, method: str, path: str
) -> None:
    apis.services = replace(apis.services, strict_admin=True)

    reply = apis.send(method, path, b"{")

    assert (reply.status, reply.body["error"]["message"]) == (401, UNAUTHENTICATED["error"]["message"])


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


@pytest.mark.parametrize(
    ("audience", "status"),
    [
        ("https://artifactregistry.googleapis.com/google.devtools.artifactregistry.v1.ArtifactRegistry", 200),
        ("https://cloudresourcemanager.googleapis.com/google.cloud.resourcemanager.v3.Projects", 200),
        ("https://iam.googleapis.com/google.iam.admin.v1.IAM", 200),
        ("https://iamcredentials.googleapis.com/google.iam.credentials.v1.IAMCredentials", 200),
        ("https://serviceusage.googleapis.com/google.api.serviceusage.v1.ServiceUsage", 200),
        ("https://storage.googleapis.com/google.storage.v2.Storage", 200),
        ("https://iam.googleapis.com/google.storage.v2.Storage", 401),
        ("https://cloudresourcemanager.googleapis.com/google.cloud.resourcemanager.v3", 401),
        ("https://compute.googleapis.com/", 401),
    ],
    ids=lambda value: f"F-Z36-{value}",
)
def test_a_self_signed_jwt_may_name_an_interface_of_an_api(apis: Apis, audience: str, status: int) -> None:
    key = apis.make_key(role="roles/viewer")

    for scope in (None, "https://www.googleapis.com/auth/cloud-platform"):
        jwt = apis.sign(key, aud=audience, scope=scope)
        assert apis.call("GET", "/v1/projects/my-project", token=jwt).status == status
