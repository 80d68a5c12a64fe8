"""What a permission is asked for: a resource with the names that IAM's conditions speak of.

https://cloud.google.com/iam/docs/conditions-resource-attributes
"""

from dataclasses import dataclass

# Where the registry keeps its blobs in a bucket. The registry's permissions on objects are asked for
# this folder as a whole: Container Registry has no rights for a single image.
IMAGES = "containers/images/"


@dataclass(frozen=True)
class Resource:
    """`name`, `type` and `service` are what a condition sees; `project_id` is the project it lies in."""

    name: str
    type: str
    service: str
    project_id: str


def describe_project(project_id: str) -> Resource:
    """The project itself."""
    service = "cloudresourcemanager.googleapis.com"
    return Resource(f"projects/{project_id}", f"{service}/Project", service, project_id)


def describe_service_account(project_id: str, unique_id: str) -> Resource:
    """The service account itself."""
    service = "iam.googleapis.com"
    return Resource(
        f"projects/-/serviceAccounts/{unique_id}", f"{service}/ServiceAccount", service, project_id
    )


def describe_bucket(name: str, project_id: str) -> Resource:
    """The bucket itself."""
    service = "storage.googleapis.com"
    return Resource(f"projects/_/buckets/{name}", f"{service}/Bucket", service, project_id)


def describe_object(bucket_name: str, name: str, project_id: str) -> Resource:
    """An object of the bucket, or a folder of objects."""
    service = "storage.googleapis.com"
    return Resource(
        f"projects/_/buckets/{bucket_name}/objects/{name}", f"{service}/Object", service, project_id
    )


def describe_repository(project_id: str, location: str, repository_id: str) -> Resource:
    """A repository of Artifact Registry."""
    service = "artifactregistry.googleapis.com"
    name = format_repository(project_id, location, repository_id)
    return Resource(name, f"{service}/Repository", service, project_id)


def format_repository(project_id: str, location: str, repository_id: str) -> str:
    """projects/my-project/locations/us/repositories/images, also what its policy is filed under."""
    return f"projects/{project_id}/locations/{location}/repositories/{repository_id}"


def format_bucket_project(project_id: str) -> str:
    """A project in the names of its buckets: my-project, my-project.example.com.a for one in a domain."""
    domain, _, project = project_id.rpartition(":")
    return f"{project}.{domain}.a" if domain else project


def format_repository_bucket(project_id: str, location: str, repository_id: str) -> str:
    """What a repository has in a bucket's stead: us~my-project~images, a name that no bucket can have."""
    return f"{location}~{format_bucket_project(project_id)}~{repository_id}"


def get_bucket_resource(permission: str, bucket_name: str, project_id: str) -> Resource:
    """What a permission of storage is asked for where the registry's content as a whole is meant."""
    if permission.startswith("storage.objects."):
        return describe_object(bucket_name, IMAGES, project_id)
    return describe_bucket(bucket_name, project_id)
