"""The IAM policies of buckets, which Cloud Storage makes with each bucket.

    {"bindings": [{"role": "roles/storage.legacyBucketOwner",
                   "members": ["projectEditor:my-project", "projectOwner:my-project"]},
                  {"role": "roles/storage.legacyBucketReader", "members": ["projectViewer:my-project"]}]}

A bucket has this one until another is set, so that those of older data directories have it too; that it is
the one of a registry's bucket is believed. https://cloud.google.com/storage/docs/access-control/iam-roles
"""

from functools import lru_cache

from sqlalchemy import Connection

from docker_credential_gcr.emulator.identity.policy import Binding, Policy

from . import policies


def find(connection: Connection, bucket: str, project_id: str) -> Policy:
    """Returns the policy of the project's bucket."""
    return policies.find(connection, f"buckets/{bucket}", default=_make_default(project_id))


def remove(connection: Connection, bucket: str) -> None:
    """Forgets the policy of a bucket that is deleted: one made later under its name has the first again."""
    policies.remove(connection, f"buckets/{bucket}")


@lru_cache(1024)
def _make_default(project_id: str) -> Policy:
    owners, readers = "roles/storage.legacyBucketOwner", "roles/storage.legacyBucketReader"
    return Policy(
        (
            Binding(owners, (f"projectEditor:{project_id}", f"projectOwner:{project_id}")),
            Binding(readers, (f"projectViewer:{project_id}",)),
        )
    )
