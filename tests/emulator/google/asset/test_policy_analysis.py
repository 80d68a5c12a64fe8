"""Policy analysis: the bindings of a project and its buckets that give permissions, as gcloud asks."""

from typing import Any
from urllib.parse import urlencode

import pytest

Apis = Any

BUCKET = "artifacts.my-project.appspot.com"
OF_BUCKET = f"//storage.googleapis.com/{BUCKET}"
OF_PROJECT = "//cloudresourcemanager.googleapis.com/projects/my-project"
OBJECTS = tuple(f"storage.objects.{verb}" for verb in ("get", "list", "create", "delete"))
ADA, BOB = "user:ada@example.com", "user:bob@example.com"
VIEWER, ADMIN = "roles/storage.objectViewer", "roles/storage.admin"
READER = "roles/artifactregistry.reader"
DOWNLOAD = "artifactregistry.repositories.downloadArtifacts"
CONDITION = {"title": "t", "expression": f'resource.name.startsWith("projects/_/buckets/{BUCKET}")'}


@pytest.fixture(autouse=True)
def _resources(apis: Apis) -> None:
    apis.call("POST", "/v1/projects", {"projectId": "my-project"})
    apis.call("POST", "/storage/v1/b?project=my-project", {"name": BUCKET})


def ask(
    apis: Apis,
    resource: str,
    permissions: tuple[str, ...] = OBJECTS,
    scope: str = "projects/my-project",
    token: str | None = None,
    **others: str,
) -> Any:
    """Returns the response to a query of gcloud's form."""
    query = [
        *(("analysisQuery.accessSelector.permissions", permission) for permission in permissions),
        ("analysisQuery.resourceSelector.fullResourceName", resource),
        *((f"analysisQuery.{name.replace('_', '.')}", value) for name, value in others.items()),
    ]
    return apis.call("GET", f"/v1/{scope}:analyzeIamPolicy?{urlencode(query)}", token=token)


def describe(attached: str, resource: str, binding: dict[str, Any], *permissions: str) -> dict[str, Any]:
    """Returns the result for a binding."""
    access = {
        "resources": [{"fullResourceName": resource}],
        "accesses": [{"permission": permission} for permission in permissions],
    }
    if "condition" in binding:
        access["conditionEvaluation"] = {"evaluationValue": "CONDITIONAL"}  # type: ignore[assignment]
    return {
        "attachedResourceFullName": attached,
        "iamBinding": binding,
        "accessControlLists": [access],
        "identityList": {"identities": [{"name": member} for member in binding["members"]]},
        "fullyExplored": True,
    }


def test_a_bucket_has_the_bindings_of_its_project_and_its_own(apis: Apis) -> None:
    on_project = [
        {"role": "roles/iam.serviceAccountUser", "members": [ADA]},
        {"role": VIEWER, "members": [ADA, BOB], "condition": CONDITION},
    ]
    on_bucket = [
        {"role": "roles/storage.legacyBucketReader", "members": ["projectViewer:my-project"]},
        {"role": ADMIN, "members": [BOB]},
        {"role": "roles/storage.bucketViewer", "members": [ADA]},
    ]
    policy = {"policy": {"version": 3, "bindings": on_project}}
    assert apis.call("POST", "/v1/projects/my-project:setIamPolicy", policy).status == 200
    assert apis.call("PUT", f"/storage/v1/b/{BUCKET}/iam", {"bindings": on_bucket}).status == 200

    reply = ask(apis, OF_BUCKET)

    assert (reply.status, reply.body) == (
        200,
        {
            "mainAnalysis": {
                "analysisQuery": {
                    "scope": "projects/my-project",
                    "resourceSelector": {"fullResourceName": OF_BUCKET},
                    "accessSelector": {"permissions": list(OBJECTS)},
                },
                "analysisResults": [
                    describe(OF_PROJECT, OF_BUCKET, on_project[1], *OBJECTS[:2]),
                    describe(OF_BUCKET, OF_BUCKET, on_bucket[0], "storage.objects.list"),
                    describe(OF_BUCKET, OF_BUCKET, on_bucket[1], *OBJECTS),
                ],
                "fullyExplored": True,
            },
            "fullyExplored": True,
        },
    )


def test_a_project_has_its_own_bindings_alone(apis: Apis) -> None:
    binding = {"role": READER, "members": [ADA]}
    apis.grant(READER, ADA)
    number = apis.call("GET", "/v1/projects/my-project").body["projectNumber"]
    by_number = OF_PROJECT.replace("my-project", number)

    for resource, scope in ((OF_PROJECT, "projects/my-project"), (by_number, f"projects/{number}")):
        main = ask(apis, resource, (DOWNLOAD, "storage.objects.get"), scope).body["mainAnalysis"]
        assert main["analysisResults"] == [describe(OF_PROJECT, resource, binding, DOWNLOAD)]
        assert main["analysisQuery"]["scope"] == scope


def test_a_folder_or_organization_is_for_the_operator_alone(apis: Apis) -> None:
    token = apis.sign_in(ADA)
    apis.grant("roles/owner", ADA)
    for parent in ("folders/1", "organizations/2"):
        kind = parent.partition("/")[0].removesuffix("s")
        assert ask(apis, OF_PROJECT, scope=parent).status == 404
        apis.call("POST", "/v3/projects/my-project:move", {"destinationParent": parent})

        owned = ask(apis, OF_PROJECT, scope=parent).body["mainAnalysis"]
        refused = ask(apis, OF_PROJECT, scope=parent, token=token)

        assert [result["iamBinding"]["role"] for result in owned["analysisResults"]] == ["roles/owner"]
        assert owned["analysisQuery"]["scope"] == parent
        assert (refused.status, refused.body["error"]["status"]) == (403, "PERMISSION_DENIED")
        version = "v1" if kind == "organization" else "v2"
        path = f"/{version}/{parent}:getIamPolicy"
        assert apis.call("POST", path, {}).body == {"version": 1, "etag": "ACAB"}
        message = (
            f"Permission 'resourcemanager.{kind}s.getIamPolicy' denied on resource (or it may not exist)."
        )
        assert apis.call("POST", path, {}, token).body["error"]["message"] == message


@pytest.mark.parametrize(
    ("resource", "scope"),
    [
        ("//storage.googleapis.com/no-bucket", "projects/my-project"),
        ("//cloudresourcemanager.googleapis.com/projects/no-project", "projects/my-project"),
        ("//compute.googleapis.com/projects/my-project", "projects/my-project"),
        (OF_BUCKET, "projects/other-project"),
    ],
)
def test_a_resource_outside_the_scope_is_not_found(apis: Apis, resource: str, scope: str) -> None:
    apis.call("POST", "/v1/projects", {"projectId": "other-project"})

    reply = ask(apis, resource, scope=scope)

    assert (reply.status, reply.body["error"]["message"]) == (
        404,
        f"Resource {resource} was not found in {scope}.",
    )


def test_a_disabled_api_refuses(apis: Apis) -> None:
    apis.call("POST", "/v1/projects/my-project/services/cloudasset.googleapis.com:disable", {})

    error = ask(apis, OF_BUCKET).body["error"]

    assert (error["code"], error["details"][0]["reason"]) == (403, "SERVICE_DISABLED")
    assert error["message"].startswith("Cloud Asset API has not been used in project ")


def test_what_the_emulator_cannot_analyze_is_refused(apis: Apis) -> None:
    name = "analysisQuery.options.expandGroups"
    both = (
        "gcr-emulator needs both analysisQuery.accessSelector.permissions and "
        "analysisQuery.resourceSelector.fullResourceName."
    )

    refused = [
        ask(apis, OF_BUCKET, options_expandGroups="true"),
        ask(apis, OF_BUCKET, ()),
        ask(apis, ""),
    ]

    assert ask(apis, OF_BUCKET, options_expandGroups="false").status == 200
    assert [(reply.status, reply.body["error"]["message"]) for reply in refused] == [
        (400, f"gcr-emulator has no {name}: leave it out."),
        (400, both),
        (400, both),
    ]


def test_a_predefined_role_tells_its_permissions(apis: Apis) -> None:
    role = apis.call("GET", "/v1/roles/storage.objectViewer", token=apis.sign_in(BOB)).body
    other = apis.call("GET", "/v1/roles/run.admin").body

    assert role == {
        "name": VIEWER,
        "stage": "GA",
        "etag": "AA==",
        "includedPermissions": [
            "resourcemanager.projects.get",
            "resourcemanager.projects.list",
            "storage.managedFolders.list",
            "storage.objects.get",
            "storage.objects.list",
        ],
    }
    assert other == {"name": "roles/run.admin", "stage": "GA", "etag": "AA=="}
