"""Tag lists, with Container Registry's extension.

    {"child": [], "manifest": {"sha256:…": {"imageSizeBytes": "7", "layerId": "", "mediaType": "…",
     "tag": ["v1"], "timeCreatedMs": "0", "timeUploadedMs": "0"}}, "name": "my-project/app", "tags": ["v1"]}

All numbers are decimal strings: Google's Go client parses nothing else.
"""

import json
from collections.abc import Sequence
from typing import NamedTuple, cast

from sqlalchemy import Connection

from docker_credential_gcr.emulator.database.images import manifests, repositories, tags
from docker_credential_gcr.emulator.database.images.manifests import Summary
from docker_credential_gcr.emulator.database.images.repositories import Repository
from docker_credential_gcr.emulator.oci.media_types import INDEXES
from docker_credential_gcr.emulator.oci.token_auth import PULL
from docker_credential_gcr.emulator.registry.authorization import authorize
from docker_credential_gcr.emulator.registry.copying.folders import copy_folder
from docker_credential_gcr.emulator.registry.dependencies import RegistryServices
from docker_credential_gcr.emulator.registry.dialects.dialect import find_dialect
from docker_credential_gcr.emulator.registry.errors import NameUnknown
from docker_credential_gcr.emulator.registry.http import Request, Response
from docker_credential_gcr.emulator.registry.repositories import find_sources
from docker_credential_gcr.emulator.registry.transition import find_redirection
from docker_credential_gcr.emulator.sites.hosts import Target

from .pagination import Page, parse_page

Listed = dict[str, dict[str, object]]


class _Found(NamedTuple):
    """What a place has: whether it has the image, what is below its name, its tags and its manifests."""

    exists: bool
    children: set[str]
    tags: list[str]
    manifests: Listed


_JSON = {"Content-Type": "application/json"}


async def list_(services: RegistryServices, request: Request, target: Target) -> Response:
    """Lists a repository, or with CopyFromGCR copies images to it, which gcloud asks for here."""
    origin = request.parameter("CopyFromGCR")
    if origin is not None:
        return await copy_folder(services, request, target, origin)
    return await _list(services, request, target)


async def _find_usage(services: RegistryServices, target: Target) -> str:
    """Returns what `gcloud container images list-gcr-usage` shows, which sends ?check_usage_only=true."""
    if not target.is_redirected:
        return "ACTIVE"
    found = await find_redirection(services, target.project_id)
    return "REDIRECTION_INCOMPLETE" if found.copies else "REDIRECTED"


async def _list(services: RegistryServices, request: Request, target: Target) -> Response:
    """Lists the tags of a repository, its manifests, and the folders and images below its name."""
    await authorize(services, request, target, PULL)
    dialect = find_dialect(target)
    page = parse_page(request, dialect.whole_from or services.limits.page_size, dialect.most_listed)
    has_manifests = page.count is None or (dialect.has_manifests_in_pages and not page.last)

    def work(connection: Connection) -> _Found:
        own = _read(connection, target, page, has_manifests=has_manifests)
        if own.exists:
            return own
        sources = [each for each in find_sources(connection, target) if each is not target]
        places = [_read(connection, each, page, has_manifests=has_manifests) for each in sources]
        return _merge(places, page) if places else own

    exists, children, names, listed = await services.database.read(work)
    is_unknown = not exists or (page.is_whole and not (names or listed))
    if is_unknown and dialect.unknown_image is not None and not (children or target.is_place):
        raise NameUnknown(dialect.unknown_image.format(name=target.name))
    if request.parameter("check_usage_only") == "true":
        return Response(200, _JSON, json.dumps({"usage": await _find_usage(services, target)}).encode())
    if not dialect.has_layer_ids:
        for entry in listed.values():
            del entry["layerId"]
    document = {
        "child": sorted(children),
        "manifest": listed,
        "name": target.name,
        "tags": names[: page.size],
    }
    headers = {**_JSON, **page.link(f"/v2/{target.name}/tags/list", names)}
    return Response(200, headers, json.dumps(document).encode())


def _read(connection: Connection, source: Target, page: Page, *, has_manifests: bool) -> _Found:
    repository = repositories.find(connection, source.bucket, source.path)
    below = repositories.list_below(connection, source.bucket, source.path, count=page.size)
    children = {name[len(source.path) + 1 :].partition("/")[0] for name in below}
    if repository is None:
        return _Found(False, children, [], {})
    found = tags.list_page(connection, repository, last=page.last, count=page.limit)
    listed = _list_manifests(connection, repository, page) if has_manifests else {}
    return _Found(True, children, [tag for tag, _ in found], listed)


def _merge(places: Sequence[_Found], page: Page) -> _Found:
    """Returns the list of a virtual repository: a tag is that of the first place that has it."""
    listed: Listed = {}
    claimed: set[str] = set()
    for place in places:
        for digest, entry in place.manifests.items():
            own = [tag for tag in _tags_of(entry) if tag not in claimed]
            known = listed.setdefault(digest, {**entry, "tag": []})
            known["tag"] = sorted({*_tags_of(known), *own})
        claimed.update(tag for entry in place.manifests.values() for tag in _tags_of(entry))
    names = sorted({tag for place in places for tag in place.tags})
    children = {child for place in places for child in place.children}
    return _Found(any(place.exists for place in places), children, names[: page.limit], listed)


def _tags_of(entry: dict[str, object]) -> list[str]:
    return cast("list[str]", entry["tag"])


def _list_manifests(connection: Connection, repository: Repository, page: Page) -> Listed:
    """Returns as many manifests as the page has tags, each with all its tags."""
    names: dict[int, list[str]] = {}
    for tag, manifest_id in tags.list_page(connection, repository, count=page.most):
        names.setdefault(manifest_id, []).append(tag)
    return {
        summary.digest: {
            "imageSizeBytes": str(summary.image_size),
            "layerId": "",
            "mediaType": summary.media_type,
            "tag": names.get(summary.id, []),
            "timeCreatedMs": str(_find_created_ms(summary)),
            "timeUploadedMs": str(summary.uploaded_ms),
        }
        for summary in manifests.list_summaries(connection, repository, count=page.size)
    }


def _find_created_ms(summary: Summary) -> int:
    # An index has no config. Observed for Docker's manifest lists, assumed for OCI indexes.
    return 0 if summary.media_type in INDEXES else summary.created_ms
