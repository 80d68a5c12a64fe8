"""The role table says what Google's says, and nothing that nobody checks."""

from docker_credential_gcr.emulator.identity.roles import BUCKET_ROLES, ROLES


def test_an_owner_may_do_whatever_another_role_may_save_making_projects() -> None:
    every = frozenset().union(*ROLES.values())

    assert every - ROLES["roles/owner"] == {"resourcemanager.projects.create"}


def test_an_editor_may_do_all_but_give_rights_away() -> None:
    assert ROLES["roles/owner"] - ROLES["roles/editor"] == {"resourcemanager.projects.setIamPolicy"}


def test_the_legacy_roles_exist_on_buckets_alone() -> None:
    assert sorted(BUCKET_ROLES) == [
        "roles/storage.legacyBucketOwner",
        "roles/storage.legacyBucketReader",
        "roles/storage.legacyBucketWriter",
    ]
