"""Resources of IAM: what a permission is checked on, with the attributes that conditions can name.

https://cloud.google.com/iam/docs/conditions-resource-attributes
"""

from dataclasses import dataclass

# The folder of the registry's blobs in a bucket. Permissions on objects are checked on the whole folder:
# Container Registry has no permissions on a single image.
IMAGES = "containers/images/"


@dataclass(frozen=True)
class Resource:
    """A resource in a project; conditions read `name`, `type` and `service`."""

    name: str
    type: str
    service: str
    project_id: str


def describe_project(project_id: str) -> Resource:
    """Returns the resource of a project."""
    service = "cloudresourcemanager.googleapis.com"
    return Resource(f"projects/{project_id}", f"{service}/Project", service, project_id)


def describe_service_account(project_id: str, unique_id: str) -> Resource:
    """Returns the resource of a service account."""
    service = "iam.googleapis.com"
    return Resource(
        f"projects/-/serviceAccounts/{unique_id}", f"{service}/ServiceAccount", service, project_id
    )


def describe_bucket(name: str, project_id: str) -> Resource:
    """Returns the resource of a bucket."""
    service = "storage.googleapis.com"
    return Resource(f"projects/_/buckets/{name}", f"{service}/Bucket", service, project_id)


def describe_object(bucket_name: str, name: str, project_id: str) -> Resource:
    """Returns the resource of an object in the bucket, or of a folder of objects."""
    service = "storage.googleapis.com"
    return Resource(
        f"projects/_/buckets/{bucket_name}/objects/{name}", f"{service}/Object", service, project_id
    )


def describe_repository(project_id: str, location: str, repository_id: str) -> Resource:
    """Returns the resource of a repository of Artifact Registry."""
    service = "artifactregistry.googleapis.com"
    name = format_repository(project_id, location, repository_id)
    return Resource(name, f"{service}/Repository", service, project_id)


def describe_topic(name: str, project_id: str) -> Resource:
    """Returns the resource of a topic of Pub/Sub, projects/my-project/topics/gcr."""
    service = "pubsub.googleapis.com"
    return Resource(name, f"{service}/Topic", service, project_id)


def describe_subscription(name: str, project_id: str) -> Resource:
    """Returns the resource of a subscription of Pub/Sub, projects/my-project/subscriptions/builds."""
    service = "pubsub.googleapis.com"
    return Resource(name, f"{service}/Subscription", service, project_id)


def describe_secret(name: str, project_id: str) -> Resource:
    """Returns the resource of a secret of Secret Manager, projects/my-project/secrets/password."""
    service = "secretmanager.googleapis.com"
    return Resource(name, f"{service}/Secret", service, project_id)


def format_repository(project_id: str, location: str, repository_id: str) -> str:
    """Returns projects/my-project/locations/us/repositories/images, which is also the key of its policy."""
    return f"projects/{project_id}/locations/{location}/repositories/{repository_id}"


def format_bucket_project(project_id: str) -> str:
    """Returns the project's part of a bucket's name: my-project; my-project.example.com.a in a domain."""
    domain, _, project = project_id.rpartition(":")
    return f"{project}.{domain}.a" if domain else project


def format_repository_bucket(project_id: str, location: str, repository_id: str) -> str:
    """Returns the bucket name of a repository: us~my-project~images, which no real bucket can have."""
    return f"{location}~{format_bucket_project(project_id)}~{repository_id}"


def get_bucket_resource(permission: str, bucket_name: str, project_id: str) -> Resource:
    """Returns the resource on which a permission of storage is checked for a registry's whole content."""
    if permission.startswith("storage.objects."):
        return describe_object(bucket_name, IMAGES, project_id)
    return describe_bucket(bucket_name, project_id)
