"""Packages: names of images, and their annotations (artifactregistry.googleapis.com).

https://cloud.google.com/artifact-registry/docs/reference/rest/v1/projects.locations.repositories.packages
"""

from collections.abc import Mapping
from functools import partial
from typing import Any
from urllib.parse import quote

from sqlalchemy import Connection

from docker_credential_gcr.emulator.database.engine.ordered_pages import Slice
from docker_credential_gcr.emulator.database.events import deletions
from docker_credential_gcr.emulator.database.events.outbox import Event
from docker_credential_gcr.emulator.database.images import artifact_images
from docker_credential_gcr.emulator.database.images.artifact_images import Package
from docker_credential_gcr.emulator.database.images.repositories import Repository
from docker_credential_gcr.emulator.database.projects.artifact_repositories import ArtifactRepository
from docker_credential_gcr.emulator.google.rest.calls import Call
from docker_credential_gcr.emulator.google.rest.errors import FailedPrecondition, InvalidArgument
from docker_credential_gcr.emulator.google.rest.field_masks import list_paths, merge_fields
from docker_credential_gcr.emulator.google.rest.listings import parse_listing
from docker_credential_gcr.emulator.google.rest.long_running import EMPTY_TYPE
from docker_credential_gcr.emulator.google.rest.message_schema import Message
from docker_credential_gcr.emulator.google.rest.methods import PAGE, Result, method, reads, scans, writes
from docker_credential_gcr.emulator.google.rest.request_messages import PACKAGE
from docker_credential_gcr.emulator.identity.google_services import ARTIFACT_REGISTRY
from docker_credential_gcr.emulator.runtime.timestamps import format_milliseconds

from .authorization import format_package_prefix, get_package, get_repository
from .repositories import build_deletion, finish_repository_operation

FILTERS = ("name", "annotations")
_ORDERS = {"createTime": "created_ms", "updateTime": "updated_ms"}
# https://google.aip.dev/148#annotations
_MAX_ANNOTATIONS_SIZE = 256 * 1024


@scans("filter", "orderBy", *PAGE)
def list_packages(connection: Connection, call: Call) -> Result:
    """Returns the packages of a repository."""
    listing = parse_listing(call.query, filters=FILTERS, orders=_ORDERS)
    repository = get_repository(connection, call, "artifactregistry.packages.list")
    prefix = format_package_prefix(repository)

    def fetch(page: Slice) -> list[Package]:
        return artifact_images.list_packages(connection, repository.bucket.id, page)

    def key(package: Package) -> str:
        return package.name.removeprefix(prefix)

    describe = partial(_format, connection, repository)
    return listing.format("packages", fetch, describe, key, lambda key: (prefix + key,))


@reads()
def show_package(connection: Connection, call: Call) -> Result:
    """Returns one package."""
    return _format(connection, *get_package(connection, call, "artifactregistry.packages.get"))


@method("updateMask", body=PACKAGE)
async def patch_package(call: Call) -> Result:
    """Changes the annotations of a package."""
    check_annotations(call, PACKAGE)

    def work(connection: Connection) -> dict[str, Any]:
        _, package = get_package(connection, call, "artifactregistry.packages.update")
        current = artifact_images.find_package_annotations(connection, package)
        changed = change_annotations(call, current, PACKAGE)
        if changed is not None:
            artifact_images.annotate_package(connection, package, changed, now_ms=call.now_ms)
        return _format(connection, *get_package(connection, call, "artifactregistry.packages.update"))

    return await call.services.database.write(work)


@writes()
def delete_package(connection: Connection, call: Call) -> Result:
    """Deletes a package with its versions and tags."""
    repository, package = get_package(connection, call, "artifactregistry.packages.delete")
    if repository.immutable_tags and artifact_images.list_tags(connection, package, last="", count=1):
        raise FailedPrecondition(
            "cannot delete a package with tags. The repository has enabled tag immutability"
        )
    deletions.add_of_package(connection, build_deletion(call), package.id)
    artifact_images.remove_package(connection, package)
    return finish_repository_operation(connection, call, repository, {"@type": EMPTY_TYPE})


def format_package_name(repository: ArtifactRepository, name: str) -> str:
    """Returns projects/…/packages/NAME; a slash in the image's name is %2F."""
    return (
        f"{repository.name}/packages/{quote(name.removeprefix(format_package_prefix(repository)), safe='')}"
    )


def build_registry_repository(repository: ArtifactRepository, package: Package) -> Repository:
    """Returns the package as the registry's own repository."""
    return Repository(package.id, package.name, repository.bucket)


def build_event(call: Call, repository: ArtifactRepository, package: Package, action: str) -> Event:
    """Returns an event of the package, without a tag and a digest."""
    name = f"{repository.location}-docker.pkg.dev/{package.name}"
    return Event(
        call.now_ms,
        action,
        repository.project_id,
        ARTIFACT_REGISTRY,
        name,
        member=call.caller.member,
    )


def check_annotations(call: Call, message: Message) -> None:
    """Raises InvalidArgument for a mask or for annotations that no package or version can have."""
    list_paths(call.query.get("updateMask", ""), call.body, message)
    annotations = call.body.get("annotations", {})
    if (
        sum(len(key.encode()) + len(value.encode()) for key, value in annotations.items())
        > _MAX_ANNOTATIONS_SIZE
    ):
        raise InvalidArgument(f"annotations may have at most {_MAX_ANNOTATIONS_SIZE} bytes")


def change_annotations(call: Call, current: Mapping[str, str], message: Message) -> dict[str, str] | None:
    """Returns the annotations after a PATCH; None if it does not change them. Raises InvalidArgument."""
    changed: dict[str, str] = merge_fields(call, {"annotations": current}, message).get("annotations", {})
    return None if changed == current else changed


def _format(connection: Connection, repository: ArtifactRepository, package: Package) -> dict[str, Any]:
    document: dict[str, Any] = {
        "name": format_package_name(repository, package.name),
        "createTime": format_milliseconds(package.created_ms),
        "updateTime": format_milliseconds(package.updated_ms),
    }
    annotations = artifact_images.find_package_annotations(connection, package)
    return {**document, "annotations": annotations} if annotations else document
