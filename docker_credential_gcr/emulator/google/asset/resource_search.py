"""Resource search (cloudasset.googleapis.com): buckets of a project, for gcloud's list of registry usage.

https://cloud.google.com/asset-inventory/docs/reference/rest/v1/TopLevel/searchAllResources
"""

import re
from operator import attrgetter
from typing import Any

from sqlalchemy import Connection

from docker_credential_gcr.emulator.database.projects import storage_buckets
from docker_credential_gcr.emulator.database.projects.storage_buckets import StorageBucket
from docker_credential_gcr.emulator.google.authorization import get_project
from docker_credential_gcr.emulator.google.rest.calls import Call
from docker_credential_gcr.emulator.google.rest.errors import InvalidArgument
from docker_credential_gcr.emulator.google.rest.methods import PAGE, Result, reads
from docker_credential_gcr.emulator.google.rest.pagination import parse_page
from docker_credential_gcr.emulator.runtime.timestamps import format_instant

from .authorization import check_service

_BUCKET = "storage.googleapis.com/Bucket"
_WORD = re.compile(r"[\w-]{1,222}", re.ASCII)
_MAX_QUERY = 2048
_ALL = 2**31 - 1


@reads("assetTypes", "query", "readMask", "orderBy", *PAGE)
def search_resources(connection: Connection, call: Call) -> Result:
    """Returns the project's buckets whose names hold all words of the query, in the order of their names."""
    query, types = call.query.get("query", ""), call.query.getlist("assetTypes")
    if types != [_BUCKET] or "orderBy" in call.query:
        raise InvalidArgument(
            f"gcr-emulator searches assetTypes={_BUCKET} alone, in the order of their names."
        )
    words = _parse_query(query)
    mask = {name for name in call.query.get("readMask", "*").split(",") if name != "*"}
    page = parse_page(call.query, maximum=500)
    project = get_project(connection, call, "cloudasset.assets.searchAllResources")
    check_service(connection, project)

    def describe(bucket: StorageBucket) -> dict[str, Any]:
        described = _format(bucket)
        return {name: described[name] for name in described if not mask or name in mask}

    found = storage_buckets.list_page(connection, project, prefix="", last=page.last, count=_ALL)
    named = (bucket for bucket in found if all(word in bucket.name for word in words))
    return page.format("results", named, describe, attrgetter("name"))


def _parse_query(text: str) -> list[str]:
    """Returns the words of `name:artifacts appspot com`. Raises InvalidArgument."""
    words = text.removeprefix("name:").split()
    if len(text) > _MAX_QUERY or not all(map(_WORD.fullmatch, words)):
        raise InvalidArgument(f"Invalid query {text[:200]!r}: gcr-emulator knows name: and words of a name.")
    return [word.lower() for word in words]


def _format(bucket: StorageBucket) -> dict[str, Any]:
    return {
        "name": f"//storage.googleapis.com/{bucket.name}",
        "assetType": _BUCKET,
        "project": f"projects/{bucket.project_number}",
        "displayName": bucket.name,
        "location": bucket.location.lower(),
        "createTime": format_instant(bucket.created_at),
        "parentFullResourceName": f"//cloudresourcemanager.googleapis.com/projects/{bucket.project_id}",
        "parentAssetType": "cloudresourcemanager.googleapis.com/Project",
    }
