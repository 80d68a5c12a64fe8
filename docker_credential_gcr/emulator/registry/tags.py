"""Tag lists, with Container Registry's extension.

    {"child": [], "manifest": {"sha256:…": {"imageSizeBytes": "7", "layerId": "", "mediaType": "…",
     "tag": ["v1"], "timeCreatedMs": "0", "timeUploadedMs": "0"}}, "name": "my-project/app", "tags": ["v1"]}

All numbers are decimal strings: Google's own Go client reads nothing else.
"""

import json
from urllib.parse import urlencode

from sqlalchemy import Connection

from docker_credential_gcr.emulator.hosts import Target
from docker_credential_gcr.emulator.oci.scope import PULL
from docker_credential_gcr.emulator.records import manifests, repositories, tags
from docker_credential_gcr.emulator.records.repositories import Repository

from .access import authorize
from .errors import NameUnknown, PageSizeInvalid
from .http import Request, Response
from .services import Services


async def list_(services: Services, request: Request, target: Target) -> Response:
    """The tags of a repository, its manifests, and the folders and images below its name."""
    authorize(services, request, target, PULL)
    count, last = _parse_page(services, request)
    with services.database.read() as connection:
        repository = repositories.find(connection, target.bucket, target.path)
        below = repositories.list_below(connection, target.bucket, target.path)
        if repository is None and not below:
            raise NameUnknown(f"repository name not known to registry: {target.name}")
        page = [] if repository is None else tags.list_page(connection, repository, last=last, count=count)
        # A page is for a client that wants tags; the rest comes with the whole list.
        listed = {} if repository is None or count is not None else _manifests(connection, repository)
    if repository is not None and not below and not page and not listed and count is None and not last:
        raise NameUnknown(f"repository name not known to registry: {target.name}")
    document = {
        "child": sorted({name[len(target.path) + 1 :].partition("/")[0] for name in below}),
        "manifest": listed,
        "name": target.name,
        "tags": [tag for tag, _ in page],
    }
    headers = {"Content-Type": "application/json"}
    if count and len(page) == count:
        following = urlencode({"n": count, "last": page[-1][0]})
        headers["Link"] = f'</v2/{target.name}/tags/list?{following}>; rel="next"'
    return Response(200, headers, json.dumps(document).encode())


def _parse_page(services: Services, request: Request) -> tuple[int | None, str]:
    """(how many tags, after which); everything without `n`, and where it is so large that it means that."""
    text, last = request.parameter("n"), request.parameter("last") or ""
    if text is None:
        return None, last
    if not text.isascii() or not text.isdigit():
        raise PageSizeInvalid(f"n is not a number of tags: {text[:50]!r}")
    count = int(text[:10])
    return (None if count >= services.limits.page_size else count), last


def _manifests(connection: Connection, repository: Repository) -> dict[str, dict[str, object]]:
    names: dict[int, list[str]] = {}
    for tag, manifest_id in tags.list_page(connection, repository):
        names.setdefault(manifest_id, []).append(tag)
    return {
        summary.digest: {
            "imageSizeBytes": str(summary.image_size),
            "layerId": "",
            "mediaType": summary.media_type,
            "tag": names.get(summary.id, []),
            "timeCreatedMs": str(summary.created_ms),
            "timeUploadedMs": str(summary.uploaded_ms),
        }
        for summary in manifests.list_summaries(connection, repository)
    }
