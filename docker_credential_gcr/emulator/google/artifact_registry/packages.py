"""Packages and versions (artifactregistry.googleapis.com): names of images, and their manifests.

https://cloud.google.com/artifact-registry/docs/reference/rest/v1/projects.locations.repositories.packages
"""

from functools import partial
from operator import attrgetter
from typing import Any
from urllib.parse import quote

from sqlalchemy import Connection

from docker_credential_gcr.emulator.database.images import artifact_images, manifests, referrers, tags
from docker_credential_gcr.emulator.database.images.artifact_images import Image, Package
from docker_credential_gcr.emulator.database.images.repositories import Repository
from docker_credential_gcr.emulator.database.projects.artifact_repositories import ArtifactRepository
from docker_credential_gcr.emulator.google.rest.calls import Call
from docker_credential_gcr.emulator.google.rest.errors import FailedPrecondition, InvalidArgument, NotFound
from docker_credential_gcr.emulator.google.rest.list_filters import format_matches, parse_filter
from docker_credential_gcr.emulator.google.rest.long_running import EMPTY_TYPE
from docker_credential_gcr.emulator.google.rest.message_schema import VALUE, List
from docker_credential_gcr.emulator.google.rest.methods import PAGE, Result, method, reads, writes
from docker_credential_gcr.emulator.google.rest.pagination import parse_page
from docker_credential_gcr.emulator.google.rest.timestamps import format_milliseconds

from .authorization import format_package_prefix, get_package, get_repository
from .docker_images import describe_contents
from .repositories import finish_repository_operation

_IMMUTABLE = "The repository has immutable tags: what a tag names cannot be deleted."
# Without ?view= the answer has the tags too: earlier versions of gcr-emulator did so for all views.
_VIEW_NAMES = ("VERSION_VIEW_UNSPECIFIED", "BASIC", "FULL")
_VIEWS = {**{name: name for name in _VIEW_NAMES}, **dict(zip("012", _VIEW_NAMES, strict=True))}


@reads("filter", "orderBy", *PAGE)
def list_packages(connection: Connection, call: Call) -> Result:
    """Returns the packages of a repository, in the order of their names."""
    page, test = parse_page(call.query), parse_filter(call.query, ("name",))
    repository = get_repository(connection, call, "artifactregistry.packages.list")
    prefix = format_package_prefix(repository)

    def fetch(last: str, count: int) -> list[Package]:
        after = last and prefix + last
        return artifact_images.list_packages(connection, repository.bucket.id, last=after, count=count)

    def key(package: Package) -> str:
        return package.name.removeprefix(prefix)

    return format_matches("packages", page, test, fetch, partial(_format_package, repository), key)


@reads()
def show_package(connection: Connection, call: Call) -> Result:
    """Returns one package."""
    return _format_package(*get_package(connection, call, "artifactregistry.packages.get"))


@writes()
def delete_package(connection: Connection, call: Call) -> Result:
    """Deletes a package with its versions and tags."""
    repository, package = get_package(connection, call, "artifactregistry.packages.delete")
    if repository.immutable_tags and artifact_images.list_tags(connection, package, last="", count=1):
        raise FailedPrecondition(_IMMUTABLE)
    artifact_images.remove_package(connection, package)
    return finish_repository_operation(connection, call, repository, {"@type": EMPTY_TYPE})


@reads("filter", "orderBy", "view", *PAGE)
def list_versions(connection: Connection, call: Call) -> Result:
    """Returns the versions of a package, in the order of their digests."""
    page, test, view = parse_page(call.query), parse_filter(call.query, ("name",)), _parse_view(call)
    repository, package = get_package(connection, call, "artifactregistry.versions.list")
    fetch = partial(artifact_images.list_versions, connection, package)
    describe = partial(_format_version, connection, repository, view)
    return format_matches("versions", page, test, fetch, describe, attrgetter("digest"))


@reads("view")
def show_version(connection: Connection, call: Call) -> Result:
    """Returns one version."""
    view = _parse_view(call)
    repository, package = get_package(connection, call, "artifactregistry.versions.get")
    image = get_version(connection, package, call.path["version"])
    return _format_version(connection, repository, view, image)


@writes("force")
def delete_version(connection: Connection, call: Call) -> Result:
    """Deletes a version without tags; with ?force=true a version and its tags."""
    force = call.query.get("force", "false") == "true"
    repository, package = get_package(connection, call, "artifactregistry.versions.delete")
    _delete(connection, repository, package, call.path["version"], force=force)
    return finish_repository_operation(connection, call, repository, {"@type": EMPTY_TYPE})


@method(body={"names": List(VALUE), "validateOnly": VALUE})
async def delete_versions(call: Call) -> Result:
    """Deletes several versions and their tags: all of them, or none."""
    names, checks_only = call.body.get("names"), call.body.get("validateOnly", False)
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise InvalidArgument("names must be a list of versions' names")

    def work(connection: Connection) -> dict[str, Any]:
        repository, package = get_package(connection, call, "artifactregistry.versions.delete")
        for name in names:
            digest = name.rpartition("/")[2]
            if checks_only:
                get_version(connection, package, digest)
            else:
                _delete(connection, repository, package, digest, force=True)
        return finish_repository_operation(connection, call, repository, {"@type": EMPTY_TYPE})

    return await call.services.database.write(work)


def get_version(connection: Connection, package: Package, digest: str) -> Image:
    """Returns a version of the package. Raises NotFound."""
    image = artifact_images.find_version(connection, package, digest)
    if image is None:
        raise NotFound("Requested entity was not found.")
    return image


def format_package_name(repository: ArtifactRepository, name: str) -> str:
    """Returns projects/…/packages/NAME; a slash in the image's name is %2F."""
    return (
        f"{repository.name}/packages/{quote(name.removeprefix(format_package_prefix(repository)), safe='')}"
    )


def build_registry_repository(repository: ArtifactRepository, package: Package) -> Repository:
    """Returns the package as the registry's own repository."""
    return Repository(package.id, package.name, repository.bucket)


def _delete(
    connection: Connection, repository: ArtifactRepository, package: Package, digest: str, *, force: bool
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
        raise FailedPrecondition(_IMMUTABLE)
    manifests.remove(connection, image.id)


def _format_package(repository: ArtifactRepository, package: Package) -> dict[str, Any]:
    return {
        "name": format_package_name(repository, package.name),
        "createTime": format_milliseconds(package.created_ms),
        "updateTime": format_milliseconds(package.updated_ms),
    }


def _parse_view(call: Call) -> str:
    """Returns the view, which selects the members of a version. Raises InvalidArgument."""
    view = call.query.get("view", "0")
    if view not in _VIEWS:
        raise InvalidArgument(f"Invalid value for view: it must be one of {', '.join(_VIEW_NAMES)}.")
    return _VIEWS[view]


def _format_version(
    connection: Connection, repository: ArtifactRepository, view: str, image: Image
) -> dict[str, Any]:
    package = format_package_name(repository, image.package)
    name, uploaded = f"{package}/versions/{image.digest}", format_milliseconds(image.uploaded_ms)
    related = [
        {"name": f"{package}/tags/{tag}", "version": name} for tag in tags.list_of(connection, image.id)
    ]
    document: dict[str, Any] = {"name": name, "createTime": uploaded, "updateTime": uploaded}
    if related and view != "BASIC":
        document["relatedTags"] = related
    image_name = f"{repository.name}/dockerImages/{package.rpartition('/')[2]}@{image.digest}"
    return {**document, "metadata": {"name": image_name, **describe_contents(image)}}
