"""google-cloud-artifact-registry, -storage and -resource-manager, unchanged, with a key for google-auth.

Only `client_options.api_endpoint` tells them where the emulator is; they sign in at the token endpoint
that the key names. https://cloud.google.com/python/docs/reference
"""

from collections.abc import Callable
from typing import Any

import pytest
import requests
from google.api_core import exceptions
from google.api_core.client_options import ClientOptions
from google.cloud import artifactregistry_v1, resourcemanager_v3, storage
from google.iam.v1 import iam_policy_pb2, policy_pb2
from google.oauth2 import service_account
from google.type import expr_pb2
from support.images import OCI_CONFIG, OCI_MANIFEST, digest_of

from docker_credential_gcr.pytest_plugin import GcrEmulator

PLATFORM = ["https://www.googleapis.com/auth/cloud-platform"]
BUCKET = "artifacts.my-project.appspot.com"
LOCATION = "projects/my-project/locations/us"
IMAGES = f"{LOCATION}/repositories/images"
MEMBER = "user:a@example.com"
SignIn = Callable[..., Any]


@pytest.fixture
def sign_in(gcr_emulator: GcrEmulator) -> SignIn:
    """Creates google-auth's credentials for a new account with a role."""

    def make(role: str, scopes: list[str] = PLATFORM) -> Any:
        key = gcr_emulator.key(role, account=role.rpartition(".")[2].rpartition("/")[2].lower())
        return service_account.Credentials.from_service_account_file(str(key), scopes=scopes)

    return make


@pytest.fixture
def options(gcr_emulator: GcrEmulator) -> ClientOptions:
    return ClientOptions(api_endpoint=gcr_emulator.url)


def make_buckets(credentials: Any, options: ClientOptions) -> storage.Client:
    return storage.Client("my-project", credentials, client_options=options)


def push(gcr_emulator: GcrEmulator, repository: str, *tags: str) -> dict[str, Any]:
    """Pushes an image of one small blob as an editor; returns its digest and its blob."""
    credential = ("_json_key", gcr_emulator.key("roles/editor", account="pusher").read_text())
    url, blob = f"{gcr_emulator.url}/v2/{repository}", b"{}"
    digest = digest_of(blob)
    with requests.Session() as session:
        session.trust_env = False  # no proxy: localhost would be the proxy's own machine
        session.auth = credential
        session.post(f"{url}/blobs/uploads/?digest={digest}", data=blob, timeout=30).raise_for_status()
        config = {"mediaType": OCI_CONFIG, "digest": digest, "size": 2}
        manifest = {"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": config, "layers": []}
        headers = {"Content-Type": OCI_MANIFEST}
        for tag in tags:
            path = f"{url}/manifests/{tag}"
            answer = session.put(path, json=manifest, headers=headers, timeout=30)
            answer.raise_for_status()
    return {"digest": answer.headers["Docker-Content-Digest"], "blob": digest, "data": blob}


def test_resource_manager_makes_finds_and_shares_projects(sign_in: SignIn, options: ClientOptions) -> None:
    credentials = sign_in("roles/resourcemanager.projectCreator")
    projects = resourcemanager_v3.ProjectsClient(
        credentials=credentials, client_options=options, transport="rest"
    )
    wanted = resourcemanager_v3.Project(
        project_id="made-project", display_name="Made", labels={"env": "test"}
    )

    made = projects.create_project(project=wanted).result(timeout=30)

    assert (made.project_id, made.display_name, dict(made.labels), made.state.name) == (
        "made-project",
        "Made",
        {"env": "test"},
        "ACTIVE",
    )
    assert projects.get_project(name="projects/made-project") == made
    assert list(projects.search_projects(query="id:made-*")) == [made]
    policy = projects.get_iam_policy(resource=made.name)
    policy.bindings.add(role="roles/viewer", members=[MEMBER])
    shared = projects.set_iam_policy(
        request=iam_policy_pb2.SetIamPolicyRequest(resource=made.name, policy=policy)
    )
    assert [(binding.role, list(binding.members)) for binding in shared.bindings] == [
        ("roles/owner", [f"serviceAccount:{credentials.service_account_email}"]),
        ("roles/viewer", [MEMBER]),
    ]
    with pytest.raises(exceptions.Conflict, match="There were concurrent policy changes"):
        projects.set_iam_policy(request=iam_policy_pb2.SetIamPolicyRequest(resource=made.name, policy=policy))
    changed = resourcemanager_v3.Project(name=made.name, display_name="New")
    updated = projects.update_project(project=changed, update_mask={"paths": ["display_name"]})
    assert updated.result(timeout=30).display_name == "New"
    deleted = projects.delete_project(name=made.name).result(timeout=30)
    assert deleted.state.name == "DELETE_REQUESTED"
    assert projects.undelete_project(name=made.name).result(timeout=30).state.name == "ACTIVE"


def test_resource_manager_is_told_what_is_missing(sign_in: SignIn, options: ClientOptions) -> None:
    projects = resourcemanager_v3.ProjectsClient(
        credentials=sign_in("roles/viewer"), client_options=options, transport="rest"
    )

    allowed = projects.test_iam_permissions(
        resource="projects/my-project",
        permissions=["resourcemanager.projects.delete", "storage.objects.get"],
    )

    assert list(allowed.permissions) == ["storage.objects.get"]
    with pytest.raises(
        exceptions.Forbidden, match=r"Permission 'resourcemanager\.projects\.delete' denied on resource"
    ):
        projects.delete_project(name="projects/my-project")


def test_artifact_registry_makes_lists_and_shares_repositories(
    gcr_emulator: GcrEmulator, sign_in: SignIn, options: ClientOptions
) -> None:
    registry = artifactregistry_v1.ArtifactRegistryClient(
        credentials=sign_in("roles/artifactregistry.admin"), client_options=options, transport="rest"
    )
    wanted = artifactregistry_v1.Repository(
        format_=artifactregistry_v1.Repository.Format.DOCKER, description="Ours", labels={"team": "x"}
    )

    made = registry.create_repository(parent=LOCATION, repository_id="images", repository=wanted).result(30)

    assert (made.name, made.format_.name, made.description) == (IMAGES, "DOCKER", "Ours")
    assert made.registry_uri == "us-docker.pkg.dev/my-project/images"
    assert list(registry.list_repositories(parent=LOCATION)) == [made]
    pushed = push(gcr_emulator, "us-docker.pkg.dev/my-project/images/dir/app", "v1", "v2")
    assert registry.get_repository(name=IMAGES).size_bytes == 2

    (image,) = registry.list_docker_images(parent=IMAGES)
    assert (image.uri, list(image.tags), image.image_size_bytes, image.media_type) == (
        f"{made.registry_uri}/dir/app@{pushed['digest']}",
        ["v1", "v2"],
        2,
        OCI_MANIFEST,
    )
    assert registry.get_docker_image(name=image.name) == image
    (package,) = registry.list_packages(parent=IMAGES)
    (version,) = registry.list_versions(parent=package.name)
    assert registry.get_package(name=package.name) == package
    assert registry.get_version(name=version.name).name == version.name
    tag = artifactregistry_v1.Tag(version=version.name)
    registry.create_tag(parent=package.name, tag_id="v3", tag=tag)
    registry.delete_tag(name=f"{package.name}/tags/v1")
    assert [tag.name.rpartition("/")[2] for tag in registry.list_tags(parent=package.name)] == ["v2", "v3"]

    policy = registry.get_iam_policy(request=iam_policy_pb2.GetIamPolicyRequest(resource=IMAGES))
    condition = expr_pb2.Expr(title="here", expression=f'resource.name == "{IMAGES}"')
    policy.version = 3
    policy.bindings.append(
        policy_pb2.Binding(role="roles/artifactregistry.reader", members=["allUsers"], condition=condition)
    )
    shared = registry.set_iam_policy(
        request=iam_policy_pb2.SetIamPolicyRequest(resource=IMAGES, policy=policy)
    )
    assert (shared.version, list(shared.bindings)) == (3, list(policy.bindings))
    token = requests.get(
        f"{gcr_emulator.url}/v2/token?scope=repository:us-docker.pkg.dev/my-project/images/dir/app:pull",
        timeout=30,
    )
    assert token.status_code == 200

    with pytest.raises(exceptions.BadRequest, match="Manifest is still referenced by one or more tags"):
        registry.delete_version(name=version.name)
    request = artifactregistry_v1.DeleteVersionRequest(name=version.name, force=True)
    registry.delete_version(request=request).result(timeout=30)
    assert list(registry.list_packages(parent=IMAGES)) == []
    registry.delete_repository(name=IMAGES).result(timeout=30)
    with pytest.raises(exceptions.NotFound, match=r"Requested entity was not found\."):
        registry.get_repository(name=IMAGES)


def test_artifact_registry_is_told_what_is_missing(sign_in: SignIn, options: ClientOptions) -> None:
    registry = artifactregistry_v1.ArtifactRegistryClient(
        credentials=sign_in("roles/artifactregistry.reader"), client_options=options, transport="rest"
    )

    assert len(list(registry.list_locations({"name": "projects/my-project"}).locations)) > 40
    with pytest.raises(
        exceptions.Forbidden,
        match=r"Permission 'artifactregistry\.repositories\.create' denied on resource "
        rf"'//artifactregistry\.googleapis\.com/{LOCATION}'",
    ):
        registry.create_repository(
            parent=LOCATION, repository_id="images", repository=artifactregistry_v1.Repository(format_=1)
        )


def test_storage_makes_lists_and_shares_buckets(sign_in: SignIn, options: ClientOptions) -> None:
    client = make_buckets(sign_in("roles/storage.admin"), options)
    wanted = client.bucket(BUCKET)
    wanted.iam_configuration.uniform_bucket_level_access_enabled = True

    made = client.create_bucket(wanted, location="us")

    assert (made.location, made.storage_class, made.metageneration) == ("US", "STANDARD", 1)
    assert made.iam_configuration.uniform_bucket_level_access_enabled
    assert [bucket.name for bucket in client.list_buckets()] == [BUCKET]
    made.labels = {"team": "x"}
    made.patch()
    assert (client.get_bucket(BUCKET).labels, made.metageneration) == ({"team": "x"}, 2)

    policy = made.get_iam_policy(requested_policy_version=3)
    condition = {"title": "images", "expression": 'resource.type == "storage.googleapis.com/Object"'}
    policy.version = 3
    policy.bindings.append(
        {"role": "roles/storage.objectViewer", "members": {MEMBER}, "condition": condition}
    )
    shared = made.set_iam_policy(policy)
    assert shared.bindings == policy.bindings
    with pytest.raises(exceptions.PreconditionFailed, match="pre-conditions you specified did not hold"):
        made.set_iam_policy(policy)
    assert made.test_iam_permissions(["storage.buckets.get", "resourcemanager.projects.delete"]) == [
        "storage.buckets.get"
    ]
    with pytest.raises(exceptions.Conflict, match="you already own it"):
        client.create_bucket(BUCKET)
    made.delete()
    assert client.lookup_bucket(BUCKET) is None


def test_storage_shows_what_a_push_has_stored(
    gcr_emulator: GcrEmulator, sign_in: SignIn, options: ClientOptions
) -> None:
    pushed = push(gcr_emulator, "my-project/app", "v1")
    client = make_buckets(sign_in("roles/storage.objectViewer"), options)

    (blob,) = client.list_blobs(BUCKET, prefix="containers/images/", delimiter="/")

    assert (blob.name, blob.size) == (f"containers/images/{pushed['blob']}", 2)
    assert blob.download_as_bytes() == pushed["data"]
    bucket = client.bucket(BUCKET)
    with pytest.raises(
        exceptions.Forbidden,
        match=r"objectviewer@my-project\.iam\.gserviceaccount\.com does not have storage\.objects\.delete "
        "access to the Google Cloud Storage object",
    ):
        bucket.blob(blob.name).delete()
    remover = make_buckets(sign_in("roles/storage.admin"), options)
    remover.bucket(BUCKET).delete(force=True)
    assert remover.lookup_bucket(BUCKET) is None


def test_a_bucket_that_is_shared_with_all_users_is_pulled_by_anyone(
    gcr_emulator: GcrEmulator, sign_in: SignIn, options: ClientOptions
) -> None:
    push(gcr_emulator, "my-project/app", "v1")
    url = f"{gcr_emulator.url}/v2/token?scope=repository:my-project/app:pull"
    assert requests.get(url, timeout=30).status_code == 401
    bucket = make_buckets(sign_in("roles/storage.admin"), options).bucket(BUCKET)

    policy = bucket.get_iam_policy(requested_policy_version=3)
    policy.bindings.append({"role": "roles/storage.objectViewer", "members": {"allUsers"}})
    bucket.set_iam_policy(policy)

    assert requests.get(url, timeout=30).status_code == 200


def test_the_scope_of_a_token_counts(sign_in: SignIn, options: ClientOptions) -> None:
    credentials = sign_in("roles/owner", ["https://www.googleapis.com/auth/devstorage.read_only"])

    with pytest.raises(exceptions.Forbidden, match=r"does not have storage\.buckets\.create access"):
        make_buckets(credentials, options).create_bucket(BUCKET)
