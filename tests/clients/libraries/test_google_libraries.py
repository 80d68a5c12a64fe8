"""google-cloud-storage and -resource-manager, unchanged, with a key for google-auth.

Only `client_options.api_endpoint` tells them where the emulator is; they sign in at the token endpoint
that the key names. https://cloud.google.com/python/docs/reference
"""

from collections.abc import Callable
from typing import Any

import pytest
import requests
from google.api_core import exceptions
from google.api_core.client_options import ClientOptions
from google.cloud import resourcemanager_v3, storage
from google.iam.v1 import iam_policy_pb2

from docker_credential_gcr.pytest_plugin import GcrEmulator

BUCKET = "artifacts.my-project.appspot.com"
MEMBER = "user:a@example.com"
SignIn = Callable[..., Any]
Push = Callable[..., dict[str, Any]]


def make_buckets(credentials: Any, options: ClientOptions) -> storage.Client:
    return storage.Client("my-project", credentials, client_options=options)


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


def test_storage_shows_what_a_push_has_stored(sign_in: SignIn, options: ClientOptions, push: Push) -> None:
    pushed = push("my-project/app", "v1")
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
    gcr_emulator: GcrEmulator, sign_in: SignIn, options: ClientOptions, push: Push
) -> None:
    push("my-project/app", "v1")
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
