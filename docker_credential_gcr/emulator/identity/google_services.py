"""Google's services: APIs that a project can enable, and their service agents.

https://cloud.google.com/service-usage/docs/reference/rest
"""

import re
from dataclasses import dataclass

CONTAINER_REGISTRY = "containerregistry.googleapis.com"
ARTIFACT_REGISTRY = "artifactregistry.googleapis.com"
CLOUD_ASSET = "cloudasset.googleapis.com"
PUBSUB = "pubsub.googleapis.com"
SECRET_MANAGER = "secretmanager.googleapis.com"
RESOURCE_MANAGER = "cloudresourcemanager.googleapis.com"

# name -> title; a new project has these enabled. Others can be switched, which has no effect.
SERVICES = {
    ARTIFACT_REGISTRY: "Artifact Registry API",
    RESOURCE_MANAGER: "Cloud Resource Manager API",
    "cloudapis.googleapis.com": "Google Cloud APIs",
    CLOUD_ASSET: "Cloud Asset API",
    CONTAINER_REGISTRY: "Container Registry API",
    "iam.googleapis.com": "Identity and Access Management (IAM) API",
    "iamcredentials.googleapis.com": "IAM Service Account Credentials API",
    PUBSUB: "Cloud Pub/Sub API",
    SECRET_MANAGER: "Secret Manager API",
    "serviceusage.googleapis.com": "Service Usage API",
    "storage-api.googleapis.com": "Google Cloud Storage JSON API",
    "storage-component.googleapis.com": "Cloud Storage",
    "storage.googleapis.com": "Cloud Storage API",
}


_NAME = re.compile(r"[a-z][a-z0-9-]{1,62}\.googleapis\.com", re.ASCII)


def is_service(text: str) -> bool:
    """Returns whether the text has the form of a Google service's name."""
    return _NAME.fullmatch(text) is not None


@dataclass(frozen=True)
class Agent:
    """A service agent: Google's service account that acts for a service in a project."""

    host: str
    role: str

    def format_member(self, project_number: str) -> str:
        """Returns serviceAccount:service-123456789012@containerregistry.iam.gserviceaccount.com."""
        return f"serviceAccount:service-{project_number}@{self.host}.iam.gserviceaccount.com"


# An agent gets its role on the project when the service is enabled.
# https://cloud.google.com/container-registry/docs/service-account
AGENTS = {
    CONTAINER_REGISTRY: Agent("containerregistry", "roles/containerregistry.ServiceAgent"),
    ARTIFACT_REGISTRY: Agent("gcp-sa-artifactregistry", "roles/artifactregistry.serviceAgent"),
}
