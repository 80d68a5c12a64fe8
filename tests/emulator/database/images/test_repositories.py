"""Buckets and repositories of Artifact Registry share a table, and are not mistaken for each other."""

import pytest
from support.database_reads import reading

from docker_credential_gcr.emulator.database.engine.database import Database
from docker_credential_gcr.emulator.database.errors import AlreadyExists
from docker_credential_gcr.emulator.database.images import buckets, repositories
from docker_credential_gcr.emulator.database.projects import (
    artifact_repositories,
    policies,
    storage_buckets,
)
from docker_credential_gcr.emulator.database.projects.projects import Project
from docker_credential_gcr.emulator.identity.policy import EMPTY, grant

BUCKET = "artifacts.my-project.appspot.com"


def test_a_bucket_that_a_push_made_has_the_settings_of_a_new_one(
    database: Database, project: Project
) -> None:
    database.write_now(lambda c: buckets.create(c, BUCKET, project_id="my-project", location="US", now=2.5))

    with reading(database) as connection:
        bucket = storage_buckets.find(connection, BUCKET)
        assert bucket is not None
        (listed,) = storage_buckets.list_page(connection, project, prefix="", last="", count=2)

    assert (bucket.project_id, bucket.project_number, bucket.location) == ("my-project", project.number, "US")
    assert (bucket.created_at, bucket.updated_at, bucket.metageneration, bucket.settings) == (2, 2, 1, {})
    assert listed == bucket


def test_a_repositorys_place_holds_images_and_is_no_bucket(database: Database, project: Project) -> None:
    made = database.write_now(
        lambda c: artifact_repositories.create(c, project, "us", "images", labels={"a": "b"}, now=2)
    )
    stored = database.write_now(
        lambda c: repositories.create(c, "us~my-project~images", "my-project/images/app")
    )

    with reading(database) as connection:
        assert storage_buckets.find(connection, made.bucket.name) is None
        assert [*storage_buckets.list_page(connection, project, prefix="", last="", count=9)] == []
        assert artifact_repositories.find(connection, "my-project", "us", "images") == made
        assert artifact_repositories.list_at(connection, "us") == [made]
        assert artifact_repositories.list_at(connection, "europe") == []
    assert (made.name, made.labels, made.immutable_tags) == (
        "projects/my-project/locations/us/repositories/images",
        {"a": "b"},
        False,
    )
    assert stored is not None
    assert stored.bucket == made.bucket


def test_a_repository_is_made_once_at_a_location(database: Database, project: Project) -> None:
    def make(location: str) -> None:
        database.write_now(lambda c: artifact_repositories.create(c, project, location, "images", now=2))

    make("us")
    make("europe")
    with pytest.raises(AlreadyExists):
        make("us")


def test_a_repositorys_policy_goes_with_it(database: Database, project: Project) -> None:
    made = database.write_now(lambda c: artifact_repositories.create(c, project, "us", "images", now=2))
    policy = grant(EMPTY, "roles/viewer", "user:a@example.com")
    database.write_now(lambda c: policies.save(c, made.name, policy))

    database.write_now(lambda c: artifact_repositories.remove(c, made))

    with reading(database) as connection:
        assert policies.find(connection, made.name) == EMPTY
        assert artifact_repositories.find(connection, "my-project", "us", "images") is None
