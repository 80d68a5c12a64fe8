"""google-cloud-artifact-registry, unchanged, over REST with a key for google-auth.

https://cloud.google.com/python/docs/reference/artifactregistry/latest
"""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import requests
from google.api_core import exceptions
from google.api_core.client_options import ClientOptions
from google.cloud import artifactregistry_v1
from google.cloud.artifactregistry_v1 import (
    ArtifactRegistryClient,
    CleanupPolicy,
    CleanupPolicyCondition,
    CleanupPolicyMostRecentVersions,
    ProjectSettings,
    Repository,
)
from google.iam.v1 import iam_policy_pb2, policy_pb2
from google.protobuf.field_mask_pb2 import FieldMask
from google.type import expr_pb2
from support.images import OCI_MANIFEST

from docker_credential_gcr.pytest_plugin import GcrEmulator

LOCATION = "projects/my-project/locations/us"
IMAGES = f"{LOCATION}/repositories/images"
SignIn = Callable[..., Any]
Push = Callable[..., dict[str, Any]]


@pytest.fixture
def registry(sign_in: SignIn, options: ClientOptions) -> ArtifactRegistryClient:
    """Returns a client with Artifact Registry's role for administrators."""
    credentials = sign_in("roles/artifactregistry.admin")
    return ArtifactRegistryClient(credentials=credentials, client_options=options, transport="rest")


OLD = CleanupPolicy(
    id="old",
    action=CleanupPolicy.Action.DELETE,
    condition=CleanupPolicyCondition(
        tag_state=CleanupPolicyCondition.TagState.TAGGED,
        tag_prefixes=["v"],
        version_name_prefixes=["sha256:0"],
        package_name_prefixes=["app"],
        older_than=timedelta(days=30, milliseconds=500),
        newer_than=timedelta(days=60),
    ),
)
RECENT = CleanupPolicy(
    id="recent",
    action=CleanupPolicy.Action.KEEP,
    most_recent_versions=CleanupPolicyMostRecentVersions(package_name_prefixes=["app"], keep_count=5),
)
SCANNING = Repository.VulnerabilityScanningConfig(
    enablement_config=Repository.VulnerabilityScanningConfig.EnablementConfig.DISABLED
)


def make_full() -> Repository:
    """Returns a repository with every member that a client can set for the format and the mode."""
    return Repository(
        format_=Repository.Format.DOCKER,
        mode=Repository.Mode.STANDARD_REPOSITORY,
        description="Ours",
        labels={"team": "x", "env": ""},
        kms_key_name="projects/p/locations/l/keyRings/r/cryptoKeys/k",
        docker_config=Repository.DockerRepositoryConfig(immutable_tags=True),
        cleanup_policies={"old": OLD, "recent": RECENT},
        cleanup_policy_dry_run=True,
        vulnerability_scanning_config=SCANNING,
        disallow_unspecified_mode=True,
    )


def drop_output(repository: Repository) -> Repository:
    """Returns the repository without what only the server sets."""
    kept = Repository(repository)
    for name in ("name", "create_time", "update_time", "size_bytes", "registry_uri"):
        Repository.pb(kept).ClearField(name)
    return kept


def test_a_repository_with_every_member_is_read_back_equal(registry: ArtifactRegistryClient) -> None:
    set_by_server = {"name", "create_time", "update_time", "size_bytes", "registry_uri"}
    others = {"maven_config", "virtual_repository_config", "remote_repository_config"}
    named = {field.name for field, _ in Repository.pb(make_full()).ListFields()}
    known = {field.name for field in Repository.pb(Repository()).DESCRIPTOR.fields}
    assert known - named == set_by_server | others | {"satisfies_pzs", "satisfies_pzi"}

    made = registry.create_repository(parent=LOCATION, repository_id="images", repository=make_full()).result(
        30
    )

    assert drop_output(made) == make_full()
    assert (made.name, made.registry_uri) == (IMAGES, "us-docker.pkg.dev/my-project/images")
    assert registry.get_repository(name=IMAGES) == made
    assert list(registry.list_repositories(parent=LOCATION)) == [made]


def test_a_patch_with_a_mask_changes_what_it_names(registry: ArtifactRegistryClient) -> None:
    made = registry.create_repository(parent=LOCATION, repository_id="images", repository=make_full()).result(
        30
    )
    changed = Repository(made)
    changed.description, changed.labels = "New", {"b": "c"}
    changed.cleanup_policies = {"recent": RECENT}
    changed.docker_config.immutable_tags = False

    def patch(*paths: str) -> Repository:
        mask = FieldMask(paths=paths)
        return drop_output(registry.update_repository(repository=changed, update_mask=mask))

    expected = make_full()
    assert patch("update_time", "name") == expected
    expected.description = "New"
    assert patch("description") == expected
    expected.cleanup_policies = {"recent": RECENT}
    assert patch("cleanup_policies", "cleanup_policy_dry_run") == expected
    Repository.pb(expected).ClearField("docker_config")
    assert patch("docker_config.immutable_tags") == expected
    expected.labels = {"team": "x", "env": "", "b": "c"}
    assert patch("labels.b") == expected
    for path in ("nothing", "docker_config.nothing", "maven_config"):
        with pytest.raises(exceptions.BadRequest, match="Invalid update mask"):
            patch(path)
    assert drop_output(registry.get_repository(name=IMAGES)) == expected


def test_a_patch_without_a_mask_replaces_what_is_given(registry: ArtifactRegistryClient) -> None:
    registry.create_repository(parent=LOCATION, repository_id="images", repository=make_full()).result(30)
    change = Repository(name=IMAGES, description="New", cleanup_policies={"old": OLD})

    patched = registry.update_repository(repository=change)

    expected = make_full()
    expected.description, expected.cleanup_policies = "New", {"old": OLD}
    assert drop_output(patched) == expected
    assert registry.get_repository(name=IMAGES) == patched
    with pytest.raises(exceptions.BadRequest, match=r"The field 'format' cannot be changed\."):
        registry.update_repository(repository=Repository(name=IMAGES, format_=Repository.Format.NPM))


def test_a_policy_that_has_changed_is_not_replaced(registry: ArtifactRegistryClient) -> None:
    registry.create_repository(parent=LOCATION, repository_id="images", repository=make_full()).result(30)
    options = {"requested_policy_version": 3}
    policy = registry.get_iam_policy(request={"resource": IMAGES, "options": options})
    policy.bindings.add(role="roles/artifactregistry.reader", members=["user:a@example.com"])
    saved = registry.set_iam_policy(request={"resource": IMAGES, "policy": policy})

    assert saved.etag != policy.etag
    with pytest.raises(exceptions.Conflict, match="There were concurrent policy changes"):
        registry.set_iam_policy(request={"resource": IMAGES, "policy": policy})
    assert registry.get_iam_policy(request={"resource": IMAGES}) == saved


def test_the_settings_of_a_project_are_read_and_changed(registry: ArtifactRegistryClient) -> None:
    name, states = "projects/my-project/projectSettings", ProjectSettings.RedirectionState
    disabled = ProjectSettings(name=name, legacy_redirection_state=states.REDIRECTION_FROM_GCR_IO_DISABLED)
    partial = ProjectSettings(
        name=name, legacy_redirection_state=states.REDIRECTION_FROM_GCR_IO_PARTIAL_AND_COPYING, pull_percent=5
    )

    assert registry.get_project_settings(name=name) == disabled
    mask = FieldMask(paths=["legacy_redirection_state"])
    assert registry.update_project_settings(project_settings=partial, update_mask=mask) == partial
    assert registry.get_project_settings(name=name) == partial


def test_packages_versions_and_images_are_annotated_ordered_and_filtered(
    registry: ArtifactRegistryClient, push: Push
) -> None:
    plain = Repository(format_=Repository.Format.DOCKER)
    registry.create_repository(parent=LOCATION, repository_id="images", repository=plain).result(30)
    for name in ("zoo", "app"):
        push(f"us-docker.pkg.dev/my-project/images/{name}", "v1", "v2")
    zoo = f"{IMAGES}/packages/zoo"
    mask = FieldMask(paths=["annotations"])

    package = artifactregistry_v1.Package(name=zoo, annotations={"link": "x"})
    annotated = registry.update_package(package=package, update_mask=mask)
    (version,) = registry.list_versions(parent=zoo)
    changed = artifactregistry_v1.Version(name=version.name, annotations={"link": "y"})
    registry.update_version(version=changed, update_mask=mask)

    assert dict(annotated.annotations) == {"link": "x"}
    request = {"parent": IMAGES, "order_by": "create_time", "page_size": 1}
    assert [each.name.rpartition("/")[2] for each in registry.list_packages(request=request)] == [
        "zoo",
        "app",
    ]
    assert list(registry.list_packages(request={"parent": IMAGES, "filter": "annotations.link:x"})) == [
        annotated
    ]
    full = {"parent": zoo, "filter": "annotations.link:y", "view": "FULL"}
    (found,) = registry.list_versions(request=full)
    assert [tag.name.rpartition("/")[2] for tag in found.related_tags] == ["v1", "v2"]
    assert (found.metadata["mediaType"], found.metadata["imageSizeBytes"]) == (OCI_MANIFEST, "2")
    tagged = {"parent": zoo, "filter": f'version="{found.name}" AND name="*2"'}
    assert [tag.name for tag in registry.list_tags(request=tagged)] == [f"{zoo}/tags/v2"]
    images = registry.list_docker_images(request={"parent": IMAGES, "order_by": "upload_time desc"})
    assert [image.uri.rpartition("/")[2].partition("@")[0] for image in images] == ["app", "zoo"]
    with pytest.raises(exceptions.BadRequest, match="Invalid orderBy 'size'"):
        registry.list_packages(request={"parent": IMAGES, "order_by": "size"})


def test_artifact_registry_makes_lists_and_shares_repositories(
    gcr_emulator: GcrEmulator, registry: ArtifactRegistryClient, push: Push
) -> None:
    wanted = artifactregistry_v1.Repository(
        format_=artifactregistry_v1.Repository.Format.DOCKER, description="Ours", labels={"team": "x"}
    )

    made = registry.create_repository(parent=LOCATION, repository_id="images", repository=wanted).result(30)

    assert (made.name, made.format_.name, made.description) == (IMAGES, "DOCKER", "Ours")
    assert made.registry_uri == "us-docker.pkg.dev/my-project/images"
    assert list(registry.list_repositories(parent=LOCATION)) == [made]
    pushed = push("us-docker.pkg.dev/my-project/images/dir/app", "v1", "v2")
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
    assert not version.related_tags
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
