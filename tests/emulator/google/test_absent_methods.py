"""Absent methods are refused with their name, as documented."""

from typing import Any

import pytest
from support.checkout import DOCS

from docker_credential_gcr.emulator.google.absent_methods import ABSENT, XML

Apis = Any

PAGE = DOCS / "google-apis.md"
BUCKET = "/storage/v1/b/my-bucket"
PROJECT = "/v1/projects/my-project"
REPOSITORY = f"{PROJECT}/locations/us/repositories/images"
# request -> feature that it needs
CALLS = {
    f"POST /upload{BUCKET}/o": "uploads to Cloud Storage (objects.insert)",
    f"POST {BUCKET}/o": "uploads to Cloud Storage (objects.insert)",
    f"PATCH {BUCKET}/o/a%2Fb": "changes of objects in Cloud Storage",
    f"POST {BUCKET}/o/a/rewriteTo/b/{BUCKET}/o/c": "changes of objects in Cloud Storage",
    f"GET {BUCKET}/acl": "access control lists of Cloud Storage",
    f"GET {BUCKET}/o/a/acl/allUsers": "access control lists of Cloud Storage",
    f"POST {BUCKET}/defaultObjectAcl": "access control lists of Cloud Storage",
    f"GET {BUCKET}/notificationConfigs": "notifications of Cloud Storage",
    "POST /batch/storage/v1": "batch requests",
    "POST /batch": "batch requests",
    "GET /storage/v1/projects/my-project/serviceAccount": "the service agent of Cloud Storage",
    "GET /storage/v1/projects/my-project/hmacKeys": "HMAC keys of Cloud Storage",
    f"GET {REPOSITORY}/files": "files of Artifact Registry",
    f"GET {REPOSITORY}/files/a:download": "files of Artifact Registry",
    f"POST /upload{REPOSITORY}/files:upload": "files of Artifact Registry",
    f"GET {REPOSITORY}/attachments": "attachments of Artifact Registry",
    f"POST {REPOSITORY}/rules": "rules of Artifact Registry",
    f"POST {REPOSITORY}:exportArtifact": "exports and prewarmed artifacts of Artifact Registry",
    f"POST {REPOSITORY}:checkPrewarmedArtifact": "exports and prewarmed artifacts of Artifact Registry",
    f"GET {PROJECT}/locations/us/vpcscConfig": "vpcscConfig and projectConfig",
    f"GET {REPOSITORY.replace('v1', 'v1beta2')}": (
        "v1beta1 and v1beta2 of Artifact Registry, but for its locations"
    ),
    "GET /v1/roles": "custom roles of IAM and lists of roles",
    "POST /v1/roles:queryGrantableRoles": "custom roles of IAM and lists of roles",
    f"GET {PROJECT}/roles/mine": "custom roles of IAM and lists of roles",
    f"GET {PROJECT}/roles": "custom roles of IAM and lists of roles",
    "POST /v1/permissions:queryTestablePermissions": "custom roles of IAM and lists of roles",
    "GET /v3/folders:search": "folders and organizations as resources",
    "GET /v3/organizations:search": "folders and organizations as resources",
    "GET /v2/folders/1": "folders and organizations as resources",
    "GET /$discovery/rest?version=v1": "discovery documents",
    "GET /discovery/v1/apis/storage/v1/rest": "discovery documents",
}


@pytest.mark.parametrize("call", CALLS, ids=[f"G-Z51-{call}" for call in CALLS])
def test_an_absent_method_is_named(apis: Apis, call: str) -> None:
    method, path = call.split(" ")

    reply = apis.call(method, path, {} if method != "GET" else None)

    path = path.partition("?")[0].replace("%2F", "/")
    text = (
        f"gcr-emulator does not have {CALLS[call]}, which {method} {path} asks for: "
        "docs/google-apis.md lists what it has."
    )
    assert (reply.status, reply.body["error"]["message"]) == (404, text)


def test_g_z51_the_xml_api_is_named_on_its_hosts(apis: Apis) -> None:
    for host in ("storage.googleapis.com", "my-bucket.storage.googleapis.com:443"):
        apis.host = host
        message = apis.call("GET", "/my-bucket/object").body["error"]["message"]
        assert message.startswith(f"gcr-emulator does not have {XML}, which GET /my-bucket/object asks for")
    apis.host = "localhost:5000"
    message = apis.call("GET", "/my-bucket/object").body["error"]["message"]
    assert message == "The requested URL /my-bucket/object was not found on this server."


def test_g_z51_the_documentation_lists_what_is_absent() -> None:
    assert set(CALLS.values()) == set(ABSENT.values())
    text = " ".join(PAGE.read_text("utf-8").split())
    for name in (*ABSENT.values(), XML):
        assert name in text, name
