"""Roles have Google's permissions, and only those that the emulator checks."""

import pytest

from docker_credential_gcr.emulator.identity.roles import BUCKET_ROLES, ROLES


def test_an_owner_may_do_all_but_make_projects_and_act_as_accounts() -> None:
    every = frozenset().union(*ROLES.values())

    assert every - ROLES["roles/owner"] == {
        "iam.serviceAccounts.getAccessToken",
        "iam.serviceAccounts.getOpenIdToken",
        "iam.serviceAccounts.implicitDelegation",
        "iam.serviceAccounts.signBlob",
        "iam.serviceAccounts.signJwt",
        "resourcemanager.projects.create",
    }


def test_an_editor_may_do_all_but_grant_roles_and_federate_identities() -> None:
    kinds = ("workloadIdentityPools", "workloadIdentityPoolProviders")
    verbs = ("create", "delete", "undelete", "update")
    assert ROLES["roles/owner"] - ROLES["roles/editor"] == {
        *(f"iam.{kind}.{verb}" for kind in kinds for verb in verbs),
        "artifactregistry.repositories.setIamPolicy",
        "iam.serviceAccounts.setIamPolicy",
        "pubsub.subscriptions.setIamPolicy",
        "pubsub.topics.setIamPolicy",
        "resourcemanager.projects.delete",
        "resourcemanager.projects.setIamPolicy",
        "resourcemanager.projects.undelete",
        "secretmanager.secrets.setIamPolicy",
        "secretmanager.versions.access",
        "storage.buckets.setIamPolicy",
        "storage.objects.getIamPolicy",
        "storage.objects.setIamPolicy",
    }


def test_the_legacy_roles_exist_on_buckets_alone() -> None:
    assert sorted(BUCKET_ROLES) == [
        "roles/storage.legacyBucketOwner",
        "roles/storage.legacyBucketReader",
        "roles/storage.legacyBucketWriter",
        "roles/storage.legacyObjectOwner",
        "roles/storage.legacyObjectReader",
    ]


@pytest.mark.parametrize(
    ("narrow", "wide"),
    [
        ("artifactregistry.reader", "artifactregistry.writer"),
        ("artifactregistry.writer", "artifactregistry.repoAdmin"),
        ("artifactregistry.repoAdmin", "artifactregistry.createOnPushRepoAdmin"),
        ("artifactregistry.createOnPushRepoAdmin", "artifactregistry.admin"),
        ("storage.objectViewer", "storage.objectUser"),
        ("storage.objectUser", "storage.objectAdmin"),
        ("storage.objectAdmin", "storage.admin"),
        ("storage.legacyBucketReader", "storage.legacyBucketWriter"),
        ("storage.legacyBucketWriter", "storage.legacyBucketOwner"),
        ("storage.legacyObjectReader", "storage.legacyObjectOwner"),
        ("iam.workloadIdentityUser", "iam.serviceAccountTokenCreator"),
        ("iam.serviceAccountOpenIdTokenCreator", "iam.workloadIdentityUser"),
        ("iam.workloadIdentityPoolViewer", "iam.workloadIdentityPoolAdmin"),
        ("viewer", "editor"),
        ("editor", "owner"),
    ],
)
def test_a_wider_role_has_all_that_the_narrower_has_and_more(narrow: str, wide: str) -> None:
    assert ROLES[f"roles/{narrow}"] < ROLES[f"roles/{wide}"]
