"""storage.googleapis.com: the buckets of registries, and any others.

https://cloud.google.com/storage/docs/json_api/v1/buckets
"""

from collections.abc import Callable
from typing import Any

from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from docker_credential_gcr.emulator.records import bucket_policies, storage_buckets
from docker_credential_gcr.emulator.records.errors import AlreadyExists
from docker_credential_gcr.emulator.records.storage_buckets import StorageBucket

from .access import find_caller, find_caller_or_anonymous
from .bodies import read_json
from .errors import Conflict, InvalidArgument
from .paging import parse_page
from .services import Services
from .storage_access import check_metageneration, get_bucket, get_project, refuse_parameters
from .storage_bodies import (
    check_fixed,
    format_bucket,
    merge,
    parse_bucket_name,
    parse_location,
    parse_settings,
)

OWNED = "Your previous request to create the named bucket succeeded and you already own it."
NOT_EMPTY = "The bucket you tried to delete is not empty."

_ACCESS_LISTS = ("predefinedAcl", "predefinedDefaultObjectAcl")

Settings = dict[str, Any]


async def list_buckets(request: Request, services: Services) -> JSONResponse:
    """The buckets of ?project=, by name."""
    caller = find_caller(request, services)
    page = parse_page(request, default=1000, size_name="maxResults")
    prefix = request.query_params.get("prefix", "")
    refuse_parameters(request.query_params, "softDeleted")
    with services.database.reading() as connection:
        project = get_project(connection, _get_project_name(request), caller, "storage.buckets.list")
        found = storage_buckets.list_page(
            connection, project, prefix=prefix, last=page.last, count=page.count
        )
        listed = page.format("items", found, format_bucket, lambda bucket: bucket.name)
    return JSONResponse({"kind": "storage#buckets", **listed})


async def create_bucket(request: Request, services: Services) -> JSONResponse:
    """Make a bucket in ?project=; the bucket of a registry is otherwise made by the first push."""
    caller = find_caller(request, services)
    refuse_parameters(request.query_params, *_ACCESS_LISTS)
    body = await read_json(request)
    now = services.clock.now()
    location, settings = parse_location(body.get("location", "US")), parse_settings(body, now=now)

    def work(connection: Connection) -> StorageBucket:
        project = get_project(connection, _get_project_name(request), caller, "storage.buckets.create")
        name = parse_bucket_name(body.get("name"), project.project_id)
        try:
            return storage_buckets.create(
                connection, project, name, location=location, settings=settings, now=now
            )
        except AlreadyExists as error:
            raise Conflict(OWNED) from error

    return JSONResponse(format_bucket(await services.database.write(work)))


async def show_bucket(request: Request, services: Services) -> JSONResponse:
    """One bucket."""
    caller = find_caller_or_anonymous(request, services)
    with services.database.reading() as connection:
        bucket = get_bucket(connection, request.path_params["bucket"], caller, "storage.buckets.get")
    check_metageneration(request.query_params, bucket)
    return JSONResponse(format_bucket(bucket))


async def show_layout(request: Request, services: Services) -> JSONResponse:
    """How a bucket is laid out: without folders of its own, which gcloud asks before it removes one."""
    caller = find_caller_or_anonymous(request, services)
    with services.database.reading() as connection:
        bucket = get_bucket(connection, request.path_params["bucket"], caller, "storage.objects.list", "")
    described = format_bucket(bucket)
    return JSONResponse(
        {
            "kind": "storage#storageLayout",
            "bucket": bucket.name,
            "location": described["location"],
            "locationType": described["locationType"],
            "hierarchicalNamespace": {"enabled": False},
        }
    )


async def list_folders(request: Request, services: Services) -> JSONResponse:
    """The managed folders of a bucket: none, which gcloud asks for before it removes one."""
    caller = find_caller_or_anonymous(request, services)
    with services.database.reading() as connection:
        get_bucket(connection, request.path_params["bucket"], caller, "storage.managedFolders.list")
    return JSONResponse({"kind": "storage#managedFolders"})


async def patch_bucket(request: Request, services: Services) -> JSONResponse:
    """Change those of a bucket's settings that are given."""
    return await _change(request, services, merge)


async def update_bucket(request: Request, services: Services) -> JSONResponse:
    """Replace a bucket's settings."""
    return await _change(request, services, lambda _settings, body: body)


async def delete_bucket(request: Request, services: Services) -> Response:
    """Delete a bucket in which nothing is any more, and with it the tags and manifests of its images."""
    caller = find_caller(request, services)

    def work(connection: Connection) -> None:
        bucket = get_bucket(connection, request.path_params["bucket"], caller, "storage.buckets.delete")
        check_metageneration(request.query_params, bucket)
        if not storage_buckets.is_empty(connection, bucket):
            raise Conflict(NOT_EMPTY)
        storage_buckets.remove(connection, bucket.id)
        # A bucket that is made later under the same name begins without rights.
        bucket_policies.remove(connection, bucket.name)

    await services.database.write(work)
    return Response(status_code=204)


async def _change(
    request: Request, services: Services, combine: Callable[[Settings, Settings], Settings]
) -> JSONResponse:
    caller = find_caller(request, services)
    refuse_parameters(request.query_params, *_ACCESS_LISTS)
    body = await read_json(request)
    now = services.clock.now()

    def work(connection: Connection) -> StorageBucket:
        bucket = get_bucket(connection, request.path_params["bucket"], caller, "storage.buckets.update")
        check_metageneration(request.query_params, bucket)
        check_fixed(bucket, body)
        settings = parse_settings(combine(dict(bucket.settings), body), now=now)
        return storage_buckets.change(connection, bucket, settings, now=now)

    return JSONResponse(format_bucket(await services.database.write(work)))


def _get_project_name(request: Request) -> str:
    name = request.query_params.get("project", "")
    if not name:
        raise InvalidArgument("Required parameter: project")
    return name
