"""Versions of a package: manifests by digest (artifactregistry.googleapis.com).

https://cloud.google.com/artifact-registry/docs/reference/rest/v1/projects.locations.repositories.packages.versions
"""

from functools import partial
from operator import attrgetter
from typing import Any

from sqlalchemy import Connection

from docker_credential_gcr.emulator.database.events import deletions
from docker_credential_gcr.emulator.database.images import artifact_images, manifests, referrers, tags
from docker_credential_gcr.emulator.database.images.artifact_images import Image, Package
from docker_credential_gcr.emulator.database.projects.artifact_repositories import ArtifactRepository
from docker_credential_gcr.emulator.google.rest.calls import Call
from docker_credential_gcr.emulator.google.rest.errors import FailedPrecondition, InvalidArgument, NotFound
from docker_credential_gcr.emulator.google.rest.listings import parse_listing
from docker_credential_gcr.emulator.google.rest.long_running import EMPTY_TYPE
from docker_credential_gcr.emulator.google.rest.message_schema import FLAG, TEXT, List
from docker_credential_gcr.emulator.google.rest.methods import PAGE, Result, method, reads, scans, writes
from docker_credential_gcr.emulator.google.rest.query_parameters import parse_flag
from docker_credential_gcr.emulator.google.rest.request_messages import VERSION
from docker_credential_gcr.emulator.runtime.timestamps import format_milliseconds

from .authorization import get_package
from .docker_images import describe_contents
from .packages import (
    FILTERS,
    build_registry_repository,
    change_annotations,
    check_annotations,
    format_package_name,
)
from .repositories import build_deletion, finish_repository_operation

_ORDERS = {"createTime": "uploaded_ms", "updateTime": "updated_ms"}
_BASIC, _FULL = "BASIC", "FULL"
_VIEW_NAMES = ("VERSION_VIEW_UNSPECIFIED", _BASIC, _FULL)
_VIEWS = {**{name: name for name in _VIEW_NAMES}, **dict(zip("012", _VIEW_NAMES, strict=True))}
_MAX_RELATED_TAGS = 100


@scans("filter", "orderBy", "view", *PAGE)
def list_versions(connection: Connection, call: Call) -> Result:
    """Returns the versions of a package."""
    listing, view = parse_listing(call.query, filters=FILTERS, orders=_ORDERS), _parse_view(call)
    repository, package = get_package(connection, call, "artifactregistry.versions.list")
    fetch = partial(artifact_images.list_versions, connection, package)
    describe = partial(_format, connection, repository, view)
    return listing.format("versions", fetch, describe, attrgetter("digest"))


@reads("view")
def show_version(connection: Connection, call: Call) -> Result:
    """Returns one version."""
    view = _parse_view(call)
    repository, package = get_package(connection, call, "artifactregistry.versions.get")
    return _format(connection, repository, view, get_version(connection, package, call.path["version"]))


@method("updateMask", body=VERSION)
async def patch_version(call: Call) -> Result:
    """Changes the annotations of a version."""
    check_annotations(call, VERSION)

    def work(connection: Connection) -> dict[str, Any]:
        repository, package = get_package(connection, call, "artifactregistry.versions.update")
        image = get_version(connection, package, call.path["version"])
        current = artifact_images.find_details(connection, image).annotations
        changed = change_annotations(call, current, VERSION)
        if changed is not None:
            artifact_images.annotate_version(connection, image, changed, now_ms=call.now_ms)
        return _format(connection, repository, _BASIC, get_version(connection, package, image.digest))

    return await call.services.database.write(work)


@writes("force")
def delete_version(connection: Connection, call: Call) -> Result:
    """Deletes a version without tags; with ?force=true a version and its tags."""
    force = parse_flag(call.query, "force")
    repository, package = get_package(connection, call, "artifactregistry.versions.delete")
    _delete(connection, call, repository, package, call.path["version"], force=force)
    return finish_repository_operation(connection, call, repository, {"@type": EMPTY_TYPE})


@writes(body={"names": List(TEXT), "validateOnly": FLAG})
def delete_versions(connection: Connection, call: Call) -> Result:
    """Deletes several versions and their tags: all of them, or none."""
    repository, package = get_package(connection, call, "artifactregistry.versions.delete")
    for name in call.body.get("names", []):
        digest = name.rpartition("/")[2]
        if call.body.get("validateOnly"):
            get_version(connection, package, digest)
        else:
            _delete(connection, call, repository, package, digest, force=True)
    return finish_repository_operation(connection, call, repository, {"@type": EMPTY_TYPE})


def get_version(connection: Connection, package: Package, digest: str) -> Image:
    """Returns a version of the package. Raises NotFound."""
    image = artifact_images.find_version(connection, package, digest)
    if image is None:
        raise NotFound("Requested entity was not found.")
    return image


def _delete(
    connection: Connection,
    call: Call,
    repository: ArtifactRepository,
    package: Package,
    digest: str,
    *,
    force: bool,
) -> None:
    image = get_version(connection, package, digest)
    seen = build_registry_repository(repository, package)
    parent = manifests.find_parent(connection, seen, digest)
    if parent is not None:
        raise FailedPrecondition(f"Manifest {digest} is referenced by image {parent}")
    referrer = referrers.find_any(connection, seen, digest)
    if referrer is not None:
        raise FailedPrecondition(
            f"Manifest is still referenced by one or more referring manifests: {referrer}"
        )
    named = tags.list_of(connection, image.id)
    if named and not force:
        raise FailedPrecondition(f"Manifest is still referenced by one or more tags: {', '.join(named)}")
    if named and repository.immutable_tags:
        raise FailedPrecondition(
            "cannot delete a version with tags. The repository has enabled tag immutability"
        )
    deletions.add_of_manifests(connection, build_deletion(call), [image.id])
    manifests.remove(connection, image.id)


def _parse_view(call: Call) -> str:
    """Returns the view, which selects the members of a version. Raises InvalidArgument."""
    view = call.query.get("view", "0").upper()
    if view not in _VIEWS:
        raise InvalidArgument(f"Invalid value for view: it must be one of {', '.join(_VIEW_NAMES)}.")
    return _VIEWS[view]


def _format(
    connection: Connection, repository: ArtifactRepository, view: str, image: Image
) -> dict[str, Any]:
    package = format_package_name(repository, image.package)
    name = f"{package}/versions/{image.digest}"
    details = artifact_images.find_details(connection, image)
    image_name = f"{repository.name}/dockerImages/{package.rpartition('/')[2]}@{image.digest}"
    document: dict[str, Any] = {
        "name": name,
        "createTime": format_milliseconds(image.uploaded_ms),
        "updateTime": format_milliseconds(image.updated_ms),
        "metadata": {"name": image_name, **describe_contents(image, details)},
    }
    if details.annotations:
        document["annotations"] = details.annotations
    if view == _FULL and (related := tags.list_of(connection, image.id)):
        document["relatedTags"] = [
            {"name": f"{package}/tags/{tag}", "version": name} for tag in related[:_MAX_RELATED_TAGS]
        ]
    return document
