"""artifactregistry.googleapis.com: packages, an image's names, and their versions, its manifests.

https://cloud.google.com/artifact-registry/docs/reference/rest/v1/projects.locations.repositories.packages
"""

from typing import Any
from urllib.parse import quote

from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import JSONResponse

from docker_credential_gcr.emulator.identity.principal import Principal
from docker_credential_gcr.emulator.records import artifact_images, manifests, referrers, tags
from docker_credential_gcr.emulator.records.artifact_images import Image, Package
from docker_credential_gcr.emulator.records.artifact_repositories import ArtifactRepository
from docker_credential_gcr.emulator.records.repositories import Repository

from .access import find_caller
from .artifact_access import get_package, get_repository, prefix_packages
from .artifact_images import describe_contents
from .bodies import read_json
from .errors import FailedPrecondition, InvalidArgument, NotFound
from .list_filters import parse_filter, search
from .operations import EMPTY_TYPE, finish, new_id
from .paging import parse_page
from .services import Services
from .times import format_milliseconds

_IMMUTABLE = "The repository has immutable tags: what a tag names cannot be deleted."
_METADATA = {"@type": "type.googleapis.com/google.devtools.artifactregistry.v1.OperationMetadata"}


# A client that names no view gets the tags too, as before views were known here.
_VIEW_NAMES = ("VERSION_VIEW_UNSPECIFIED", "BASIC", "FULL")
_VIEWS = {**{name: name for name in _VIEW_NAMES}, **dict(zip("012", _VIEW_NAMES, strict=True))}


async def list_packages(request: Request, services: Services) -> JSONResponse:
    """The packages of a repository, by name."""
    caller = find_caller(request, services)
    page, test = parse_page(request), parse_filter(request, ("name",))
    with services.database.reading() as connection:
        repository = get_repository(connection, request, caller, "artifactregistry.packages.list")
        prefix = prefix_packages(repository)

        def fetch(last: str) -> list[Package]:
            after = last and prefix + last
            return artifact_images.list_packages(
                connection, repository.bucket.id, last=after, count=page.count
            )

        def describe(package: Package) -> dict[str, Any]:
            return _format_package(repository, package)

        def key(package: Package) -> str:
            return package.name.removeprefix(prefix)

        found = search(fetch, page, test, describe, key)
        return JSONResponse(page.format("packages", found, describe, key))


async def show_package(request: Request, services: Services) -> JSONResponse:
    """One package."""
    caller = find_caller(request, services)
    with services.database.reading() as connection:
        repository, package = get_package(connection, request, caller, "artifactregistry.packages.get")
    return JSONResponse(_format_package(repository, package))


async def delete_package(request: Request, services: Services) -> JSONResponse:
    """Delete a package with its versions and tags."""
    caller = find_caller(request, services)

    def work(connection: Connection) -> dict[str, Any]:
        repository, package = get_package(connection, request, caller, "artifactregistry.packages.delete")
        if repository.immutable_tags and artifact_images.list_tags(connection, package, last="", count=1):
            raise FailedPrecondition(_IMMUTABLE)
        artifact_images.remove_package(connection, package)
        return _finish(connection, services, caller, repository)

    return JSONResponse(await services.database.write(work))


async def list_versions(request: Request, services: Services) -> JSONResponse:
    """The versions of a package, by digest."""
    caller = find_caller(request, services)
    page, test, view = parse_page(request), parse_filter(request, ("name",)), _parse_view(request)

    def key(image: Image) -> str:
        return image.digest

    with services.database.reading() as connection:
        repository, package = get_package(connection, request, caller, "artifactregistry.versions.list")

        def fetch(last: str) -> list[Image]:
            return artifact_images.list_versions(connection, package, last=last, count=page.count)

        def describe(image: Image) -> dict[str, Any]:
            return _format_version(connection, repository, image, view)

        found = search(fetch, page, test, describe, key)
        return JSONResponse(page.format("versions", found, describe, key))


async def show_version(request: Request, services: Services) -> JSONResponse:
    """One version."""
    caller = find_caller(request, services)
    view = _parse_view(request)
    with services.database.reading() as connection:
        repository, package = get_package(connection, request, caller, "artifactregistry.versions.get")
        image = get_version(connection, package, request.path_params["version"])
        return JSONResponse(_format_version(connection, repository, image, view))


async def delete_version(request: Request, services: Services) -> JSONResponse:
    """Delete a version that no tag names; with ?force=true, its tags too."""
    caller = find_caller(request, services)
    force = request.query_params.get("force", "false") == "true"

    def work(connection: Connection) -> dict[str, Any]:
        repository, package = get_package(connection, request, caller, "artifactregistry.versions.delete")
        _delete(connection, repository, package, request.path_params["version"], force=force)
        return _finish(connection, services, caller, repository)

    return JSONResponse(await services.database.write(work))


async def delete_versions(request: Request, services: Services) -> JSONResponse:
    """Delete several versions and their tags; all of them, or none."""
    caller = find_caller(request, services)
    body = await read_json(request)
    names, checks_only = body.get("names"), body.get("validateOnly", False)
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise InvalidArgument("names must be a list of versions' names")

    def work(connection: Connection) -> dict[str, Any]:
        repository, package = get_package(connection, request, caller, "artifactregistry.versions.delete")
        for name in names:
            digest = name.rpartition("/")[2]
            if checks_only:
                get_version(connection, package, digest)
            else:
                _delete(connection, repository, package, digest, force=True)
        return _finish(connection, services, caller, repository)

    return JSONResponse(await services.database.write(work))


def get_version(connection: Connection, package: Package, digest: str) -> Image:
    """The version of the package. Raises NotFound."""
    image = artifact_images.find_version(connection, package, digest)
    if image is None:
        raise NotFound("Requested entity was not found.")
    return image


def format_package_name(repository: ArtifactRepository, name: str) -> str:
    """projects/…/packages/NAME, in which a slash of the image's name is %2F."""
    return f"{repository.name}/packages/{quote(name.removeprefix(prefix_packages(repository)), safe='')}"


def as_registry_sees(repository: ArtifactRepository, package: Package) -> Repository:
    """The package as the registry's own records know it."""
    return Repository(package.id, package.name, repository.bucket)


def _delete(
    connection: Connection, repository: ArtifactRepository, package: Package, digest: str, *, force: bool
) -> None:
    image = get_version(connection, package, digest)
    seen = as_registry_sees(repository, package)
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


def _finish(
    connection: Connection, services: Services, caller: Principal, repository: ArtifactRepository
) -> dict[str, Any]:
    place = f"projects/{repository.project_id}/locations/{repository.location}"
    name = f"{place}/operations/{new_id()}"
    return finish(connection, services, caller, name, {"@type": EMPTY_TYPE}, _METADATA)


def _format_package(repository: ArtifactRepository, package: Package) -> dict[str, Any]:
    return {
        "name": format_package_name(repository, package.name),
        "createTime": format_milliseconds(package.created_ms),
        "updateTime": format_milliseconds(package.updated_ms),
    }


def _parse_view(request: Request) -> str:
    """Returns which members are asked for. Raises InvalidArgument."""
    view = request.query_params.get("view", "0")
    if view not in _VIEWS:
        raise InvalidArgument(f"Invalid value for view: it must be one of {', '.join(_VIEW_NAMES)}.")
    return _VIEWS[view]


def _format_version(
    connection: Connection, repository: ArtifactRepository, image: Image, view: str
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
