"""IAM policies of buckets: Cloud Storage creates one with each bucket.

    {"bindings": [{"role": "roles/storage.legacyBucketOwner",
                   "members": ["projectEditor:my-project", "projectOwner:my-project"]},
                  {"role": "roles/storage.legacyBucketReader", "members": ["projectViewer:my-project"]}]}

A bucket has this policy until another is set, also a bucket of an older data directory. Assumed: Google gives
a registry's bucket the same one. https://cloud.google.com/storage/docs/access-control/iam-roles
"""

from functools import lru_cache

from sqlalchemy import Connection

from docker_credential_gcr.emulator.identity.policy import Binding, Policy

from . import policies


def find(connection: Connection, bucket: str, project_id: str) -> Policy:
    """Returns the policy of the project's bucket."""
    return policies.find(connection, f"buckets/{bucket}", default=_make_default(project_id))


def remove(connection: Connection, bucket: str) -> None:
    """Deletes the policy of a deleted bucket: a new bucket of that name has the default again."""
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
