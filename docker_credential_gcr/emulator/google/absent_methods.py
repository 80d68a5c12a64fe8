"""Absent methods: what Google's APIs have and gcr-emulator does not, by name, as a bare 404 misleads.

The status is 404 nevertheless: Google's Go libraries repeat a request that was answered 501.
"""

import re

from starlette.requests import Request

_PROJECT = r"/v\w+/projects/[^/]+"
_REPOSITORY = rf"{_PROJECT}/locations/[^/]+/repositories/[^/]+"
_BUCKET = r"/storage/v1/b/[^/]+"
# path pattern -> name of the feature, as in docs/google-apis.md. The first pattern that matches counts.
ABSENT: dict[str, str] = {
    rf"(?:/upload|/resumable/upload){_BUCKET}/o": "uploads to Cloud Storage (objects.insert)",
    rf"{_BUCKET}/o": "uploads to Cloud Storage (objects.insert)",
    rf"{_BUCKET}(?:/o/[^/]+)?/(?:acl|defaultObjectAcl)(?:/.*)?": "access control lists of Cloud Storage",
    rf"{_BUCKET}/notificationConfigs(?:/.*)?": "notifications of Cloud Storage",
    rf"{_BUCKET}/o/.*": "changes of objects in Cloud Storage",
    r"/batch(?:/.*)?": "batch requests",
    r"/storage/v1/projects/[^/]+/serviceAccount": "the service agent of Cloud Storage",
    r"/storage/v1/projects/[^/]+/hmacKeys(?:/.*)?": "HMAC keys of Cloud Storage",
    rf"/upload{_REPOSITORY}/.*": "files of Artifact Registry",
    rf"{_REPOSITORY}/files(?:/.*)?": "files of Artifact Registry",
    rf"{_REPOSITORY}/attachments(?:/.*)?": "attachments of Artifact Registry",
    rf"{_REPOSITORY}/rules(?:/.*)?": "rules of Artifact Registry",
    rf"{_REPOSITORY}(?::exportArtifact|:[a-zA-Z]{{0,20}}[pP]rewarm[a-zA-Z]{{0,40}}|/prewarmedArtifacts)": (
        "exports and prewarmed artifacts of Artifact Registry"
    ),
    rf"{_PROJECT}/locations/[^/]+/(?:vpcscConfig|projectConfig)": "vpcscConfig and projectConfig",
    r"/v1beta[12]/projects/.*": "v1beta1 and v1beta2 of Artifact Registry, but for its locations",
    rf"(?:/v1|/v1/organizations/[^/]+|{_PROJECT})/roles(?:[:/].*)?": "custom roles of IAM and lists of roles",
    r"/v1/permissions:queryTestablePermissions": "custom roles of IAM and lists of roles",
    r"/v[123](?:beta1)?/(?:folders|organizations)(?:[:/].*)?": "folders and organizations as resources",
    r"/\$discovery/.*|/discovery/v1/.*": "discovery documents",
}
_PATTERNS = [(re.compile(pattern), name) for pattern, name in ABSENT.items()]
_STORAGE_HOST = re.compile(r"(?:[a-z0-9._-]+\.)?storage\.googleapis\.com(?::\d+)?", re.IGNORECASE)
XML = "the XML API of Cloud Storage"


def describe_absent(request: Request) -> str:
    """Returns the error message for a request that no route answers."""
    path = request.scope["path"]
    raw = request.scope["raw_path"].decode("latin-1")
    name = next((name for pattern, name in _PATTERNS if pattern.fullmatch(raw)), None)
    if name is None and _STORAGE_HOST.fullmatch(request.headers.get("host", "")):
        name = XML
    if name is None:
        return f"The requested URL {path} was not found on this server."
    return (
        f"gcr-emulator does not have {name}, which {request.method} {path} asks for: "
        "docs/google-apis.md lists what it has."
    )
