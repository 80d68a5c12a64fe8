"""Buckets of Cloud Storage (storage.googleapis.com), those of registries among them.

https://cloud.google.com/storage/docs/json_api/v1/buckets
"""

from collections.abc import Callable
from operator import attrgetter
from typing import Any

from sqlalchemy import Connection

from docker_credential_gcr.emulator.database.errors import AlreadyExists
from docker_credential_gcr.emulator.database.events import deletions
from docker_credential_gcr.emulator.database.events.deletions import Deletion
from docker_credential_gcr.emulator.database.projects import bucket_policies, storage_buckets
from docker_credential_gcr.emulator.database.projects.storage_buckets import StorageBucket
from docker_credential_gcr.emulator.google.rest.calls import Call, get_caller_or_anonymous
from docker_credential_gcr.emulator.google.rest.errors import Conflict
from docker_credential_gcr.emulator.google.rest.methods import Result, method, reads, writes
from docker_credential_gcr.emulator.google.rest.pagination import parse_page

from .authorization import check_metageneration, get_bucket, get_project, refuse_parameters
from .bucket_resource import (
    check_fixed,
    format_bucket,
    merge_patch,
    parse_bucket_name,
    parse_location,
    parse_settings,
)

OWNED = "Your previous request to create the named bucket succeeded and you already own it."
NOT_EMPTY = "The bucket you tried to delete is not empty."

_ACCESS_LISTS = ("predefinedAcl", "predefinedDefaultObjectAcl")

Settings = dict[str, Any]


@reads(body=None)
def list_buckets(connection: Connection, call: Call) -> Result:
    """Returns the buckets of ?project=, in the order of their names."""
    page = parse_page(call.query, default=1000, size_name="maxResults")
    prefix = call.query.get("prefix", "")
    refuse_parameters(call.query, "softDeleted")
    project = get_project(connection, call, "storage.buckets.list")
    found = storage_buckets.list_page(connection, project, prefix=prefix, last=page.last, count=page.count)
    return {"kind": "storage#buckets", **page.format("items", found, format_bucket, attrgetter("name"))}


@method(body=None)
async def create_bucket(call: Call) -> Result:
    """Creates a bucket in ?project=; a first push creates the bucket of its registry too."""
    refuse_parameters(call.query, *_ACCESS_LISTS)
    now, body = call.now, call.body
    location, settings = parse_location(body.get("location", "US")), parse_settings(body, now=now)

    def work(connection: Connection) -> StorageBucket:
        project = get_project(connection, call, "storage.buckets.create")
        name = parse_bucket_name(body.get("name"), project.project_id)
        try:
            return storage_buckets.create(
                connection, project, name, location=location, settings=settings, now=now
            )
        except AlreadyExists as error:
            raise Conflict(OWNED) from error

    return format_bucket(await call.services.database.write(work))


@reads(body=None, identify=get_caller_or_anonymous)
def show_bucket(connection: Connection, call: Call) -> Result:
    """Returns one bucket."""
    bucket = get_bucket(connection, call, "storage.buckets.get")
    check_metageneration(call.query, bucket)
    return format_bucket(bucket)


@reads(body=None, identify=get_caller_or_anonymous)
def show_layout(connection: Connection, call: Call) -> Result:
    """Returns a bucket's layout, without hierarchical folders: gcloud asks before it deletes a bucket."""
    described = format_bucket(get_bucket(connection, call, "storage.objects.list", ""))
    return {
        "kind": "storage#storageLayout",
        "bucket": described["name"],
        "location": described["location"],
        "locationType": described["locationType"],
        "hierarchicalNamespace": {"enabled": False},
    }


@reads(body=None, identify=get_caller_or_anonymous)
def list_folders(connection: Connection, call: Call) -> Result:
    """Returns no managed folders: gcloud asks before it deletes a bucket."""
    get_bucket(connection, call, "storage.managedFolders.list")
    return {"kind": "storage#managedFolders"}


@method(body=None)
async def patch_bucket(call: Call) -> Result:
    """Changes the settings of a bucket that the body names."""
    return await _change(call, merge_patch)


@method(body=None)
async def update_bucket(call: Call) -> Result:
    """Replaces a bucket's settings."""
    return await _change(call, lambda _settings, body: body)


@writes(body=None)
def delete_bucket(connection: Connection, call: Call) -> Result:
    """Deletes a bucket without objects, and the tags and manifests of its images."""
    bucket = get_bucket(connection, call, "storage.buckets.delete")
    check_metageneration(call.query, bucket)
    if not storage_buckets.is_empty(connection, bucket):
        raise Conflict(NOT_EMPTY)
    deletion = Deletion(call.now_ms, call.caller.member)
    deletions.add_of_bucket(connection, deletion, bucket.id)
    storage_buckets.remove(connection, bucket.id)
    # A later bucket with the same name must not inherit the policy.
    bucket_policies.remove(connection, bucket.name)
    return None


async def _change(call: Call, combine: Callable[[Settings, Settings], Settings]) -> Result:
    refuse_parameters(call.query, *_ACCESS_LISTS)

    def work(connection: Connection) -> StorageBucket:
        bucket = get_bucket(connection, call, "storage.buckets.update")
        check_metageneration(call.query, bucket)
        check_fixed(bucket, call.body)
        settings = parse_settings(combine(dict(bucket.settings), call.body), now=call.now)
        return storage_buckets.change(connection, bucket, settings, now=call.now)

    return format_bucket(await call.services.database.write(work))
