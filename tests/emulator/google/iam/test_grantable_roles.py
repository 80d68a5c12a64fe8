"""Grantable roles: each setIamPolicy accepts roles with a permission on such a resource, and no others.

The expected roles are written here, not derived from the emulator's table.
https://cloud.google.com/iam/docs/viewing-grantable-roles
"""

from typing import Any

import pytest

from docker_credential_gcr.emulator.database.projects import policies
from docker_credential_gcr.emulator.google.routes import ROUTES
from docker_credential_gcr.emulator.identity.policy import parse_policy
from docker_credential_gcr.emulator.identity.roles import (
    BUCKET,
    PROJECT,
    REPOSITORY,
    ROLES,
    SECRET,
    SERVICE_ACCOUNT,
    SUBSCRIPTION,
    TOPIC,
    is_grantable,
)

Apis = Any

ADA, ONE = "user:ada@example.com", "serviceAccount:one@my-project.iam.gserviceaccount.com"
PROJECTS = "/v1/projects/my-project"
REPOSITORY_PATH = f"{PROJECTS}/locations/us/repositories/images"
ACCOUNT_PATH = f"{PROJECTS}/serviceAccounts/{ONE[len('serviceAccount:') :]}"

OF_BUCKETS = {role for role in ROLES if role.startswith("roles/storage.")}
AGENT = "roles/artifactregistry.serviceAgent"
OF_REPOSITORIES = {role for role in ROLES if role.startswith("roles/artifactregistry.")} - {AGENT}
OF_ACCOUNTS = {
    f"roles/iam.{name}"
    for name in (
        *("serviceAccountAdmin", "serviceAccountKeyAdmin", "serviceAccountOpenIdTokenCreator"),
        *("serviceAccountTokenCreator", "serviceAccountUser", "serviceAccountViewer", "workloadIdentityUser"),
    )
}
OF_SUBSCRIPTIONS = {f"roles/pubsub.{name}" for name in ("admin", "editor", "subscriber", "viewer")}
BASIC = {"roles/owner", "roles/editor", "roles/viewer"}
CUSTOM = {"projects/my-project/roles/mine", "organizations/1/roles/ours"}
UNKNOWN = {"roles/storage.new", "roles/artifactregistry.new", "roles/iam.serviceAccountNew", "roles/run.new"}
WITH_OBJECTS = {
    "roles/artifactregistry.containerRegistryMigrationAdmin",
    "roles/containerregistry.ServiceAgent",
}
TAKEN = {
    PROJECT: {role for role in ROLES if not role.startswith("roles/storage.legacy")} | UNKNOWN | CUSTOM,
    BUCKET: OF_BUCKETS | WITH_OBJECTS | {"roles/storage.new"} | CUSTOM,
    REPOSITORY: OF_REPOSITORIES | BASIC | {"roles/artifactregistry.new"} | CUSTOM,
    SERVICE_ACCOUNT: OF_ACCOUNTS | BASIC | {"roles/iam.serviceAccountNew"} | CUSTOM,
    TOPIC: OF_SUBSCRIPTIONS
    | {AGENT}
    | {"roles/pubsub.publisher", "roles/containerregistry.ServiceAgent"}
    | BASIC
    | CUSTOM,
    SUBSCRIPTION: OF_SUBSCRIPTIONS | BASIC | CUSTOM,
    SECRET: {role for role in ROLES if role.startswith("roles/secretmanager.")} | BASIC | CUSTOM,
}
# route: (path, a role that is accepted, roles that are refused)
ENDPOINTS = {
    "POST /v1/projects/{project}:setIamPolicy": (
        f"{PROJECTS}:setIamPolicy",
        "roles/resourcemanager.projectCreator",
        ["roles/storage.legacyBucketReader"],
    ),
    "POST /v3/projects/{project}:setIamPolicy": (
        "/v3/projects/my-project:setIamPolicy",
        "roles/storage.objectViewer",
        ["roles/storage.legacyObjectOwner"],
    ),
    "POST /v1/projects/{project}/serviceAccounts/{account}:setIamPolicy": (
        f"{ACCOUNT_PATH}:setIamPolicy",
        "roles/iam.serviceAccountTokenCreator",
        ["roles/resourcemanager.projectCreator", "roles/artifactregistry.admin", "roles/storage.admin"],
    ),
    "PUT /storage/v1/b/{bucket}/iam": (
        "/storage/v1/b/bucket-of-mine/iam",
        "roles/storage.legacyBucketReader",
        ["roles/resourcemanager.projectCreator", "roles/artifactregistry.admin", "roles/editor"],
    ),
    "POST /v1/projects/{project}/locations/{location}/repositories/{repository}:setIamPolicy": (
        f"{REPOSITORY_PATH}:setIamPolicy",
        "roles/artifactregistry.reader",
        ["roles/resourcemanager.projectCreator", "roles/iam.serviceAccountUser", "roles/storage.admin"],
    ),
    "POST /v1/projects/{project}/topics/{topic}:setIamPolicy": (
        f"{PROJECTS}/topics/news:setIamPolicy",
        "roles/pubsub.publisher",
        ["roles/resourcemanager.projectCreator", "roles/storage.admin"],
    ),
    "POST /v1/projects/{project}/subscriptions/{subscription}:setIamPolicy": (
        f"{PROJECTS}/subscriptions/builds:setIamPolicy",
        "roles/pubsub.subscriber",
        ["roles/resourcemanager.projectCreator", "roles/pubsub.publisher"],
    ),
    "POST /v1/projects/{project}/secrets/{secret}:setIamPolicy": (
        f"{PROJECTS}/secrets/password:setIamPolicy",
        "roles/secretmanager.secretAccessor",
        ["roles/resourcemanager.projectCreator", "roles/pubsub.publisher"],
    ),
}


@pytest.fixture
def settled(apis: Apis) -> Apis:
    """Creates my-project with an account, a bucket, a repository, a topic, a subscription and a secret."""
    apis.make_account("one")
    apis.call("POST", "/storage/v1/b?project=my-project", {"name": "bucket-of-mine"})
    apis.call("POST", f"{PROJECTS}/locations/us/repositories?repositoryId=images", {"format": "DOCKER"})
    apis.call("PUT", f"{PROJECTS}/topics/news", {})
    apis.call("PUT", f"{PROJECTS}/subscriptions/builds", {"topic": "projects/my-project/topics/news"})
    secret = {"replication": {"automatic": {}}}
    apis.call("POST", f"{PROJECTS}/secrets?secretId=password", secret)
    return apis


@pytest.mark.parametrize("kind", TAKEN)
def test_d_z17_a_kind_of_resource_takes_the_roles_with_a_permission_on_it(kind: str) -> None:
    every = {*ROLES, *UNKNOWN, *CUSTOM}

    assert {role for role in every if is_grantable(role, kind)} == TAKEN[kind]


def test_d_z17_every_route_that_sets_a_policy_is_walked() -> None:
    setting = {f"{method} {path}" for method, path, endpoint in ROUTES if endpoint.__name__ == "_set_policy"}

    assert setting == set(ENDPOINTS)


@pytest.mark.parametrize(("path", "fitting", "others"), ENDPOINTS.values(), ids=ENDPOINTS)
def test_d_z17_a_policy_takes_a_role_that_fits_and_no_other(
    settled: Apis, path: str, fitting: str, others: list[str]
) -> None:
    def put(role: str) -> tuple[int, Any]:
        policy = {"bindings": [{"role": role, "members": [ADA]}]}
        method, body = ("PUT", policy) if path.startswith("/storage/") else ("POST", {"policy": policy})
        reply = settled.call(method, path, body)
        return reply.status, reply.body

    status, body = put(fitting)

    assert (status, body["bindings"]) == (200, [{"role": fitting, "members": [ADA]}])
    for role in others:
        status, body = put(role)
        message = f"Role {role} is not supported for this resource."
        assert (status, body["error"]["message"]) == (400, message)


def test_d_z17_a_role_on_a_repository_or_an_account_makes_no_project(settled: Apis) -> None:
    token = settled.sign_in(ONE)

    def grant(path: str, role: str) -> int:
        policy = {"bindings": [{"role": role, "members": [ONE]}]}
        status: int = settled.call("POST", f"{path}:setIamPolicy", {"policy": policy}, token).status
        return status

    def create(project: str) -> int:
        status: int = settled.call("POST", "/v1/projects", {"projectId": project}, token).status
        return status

    for path, role in (
        (REPOSITORY_PATH, "roles/artifactregistry.admin"),
        (ACCOUNT_PATH, "roles/iam.serviceAccountAdmin"),
    ):
        policy = {"bindings": [{"role": role, "members": [ONE]}]}
        settled.call("POST", f"{path}:setIamPolicy", {"policy": policy})
        assert [grant(path, role), grant(path, "roles/resourcemanager.projectCreator")] == [200, 400]
    assert create("mine-1") == 403
    settled.grant("roles/resourcemanager.projectCreator", ONE)
    assert create("mine-2") == 200


def test_d_z17_a_policy_of_a_repository_that_was_kept_with_such_a_role_makes_no_project(
    settled: Apis,
) -> None:
    kept = parse_policy({"bindings": [{"role": "roles/resourcemanager.projectCreator", "members": [ADA]}]})
    name = REPOSITORY_PATH.removeprefix("/v1/")
    settled.services.database.write_now(lambda connection: policies.save(connection, name, kept))

    reply = settled.call("POST", "/v1/projects", {"projectId": "mine-1"}, settled.sign_in(ADA))

    assert (reply.status, reply.body["error"]["status"]) == (403, "PERMISSION_DENIED")


def test_d_z17_the_policy_of_a_deleted_project_makes_no_project(settled: Apis) -> None:
    settled.grant("roles/resourcemanager.projectCreator", ADA)
    token, statuses = settled.sign_in(ADA), []
    for verb, path in (("DELETE", PROJECTS), ("POST", f"{PROJECTS}:undelete")):
        settled.call(verb, path, {})
        statuses.append(settled.call("POST", "/v1/projects", {"projectId": "mine-1"}, token).status)

    assert statuses == [403, 200]


def test_d_z17_a_repository_does_not_say_who_the_viewers_of_its_project_are(settled: Apis) -> None:
    bindings = [
        {"role": "roles/viewer", "members": [ADA]},
        {"role": "roles/artifactregistry.admin", "members": ["projectViewer:my-project"]},
    ]
    settled.call("POST", f"{REPOSITORY_PATH}:setIamPolicy", {"policy": {"bindings": bindings}})
    asked = ("POST", f"{REPOSITORY_PATH}:setIamPolicy", {"policy": {}}, settled.sign_in(ADA))

    assert settled.call(*asked).status == 403
    settled.grant("roles/viewer", ADA)
    assert settled.call(*asked).status == 200
