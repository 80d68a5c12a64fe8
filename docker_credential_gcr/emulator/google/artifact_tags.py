"""artifactregistry.googleapis.com: the tags of a package.

https://cloud.google.com/artifact-registry/docs/reference/rest/v1/projects.locations.repositories.packages.tags
"""

from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import JSONResponse

from docker_credential_gcr.emulator.oci.errors import InvalidReference
from docker_credential_gcr.emulator.oci.reference import parse_tag
from docker_credential_gcr.emulator.records import artifact_images, tags
from docker_credential_gcr.emulator.records.artifact_images import Package
from docker_credential_gcr.emulator.records.artifact_repositories import ArtifactRepository

from .access import find_caller
from .artifact_access import get_package
from .artifact_packages import as_registry_sees, format_package_name, get_version
from .bodies import read_json
from .errors import Conflict, FailedPrecondition, InvalidArgument, NotFound
from .list_filters import parse_filter, search
from .paging import parse_page
from .services import Services

IMMUTABLE = "The repository has immutable tags: a tag can neither be moved nor deleted."


async def list_tags(request: Request, services: Services) -> JSONResponse:
    """The tags of a package, by name."""
    caller = find_caller(request, services)
    page, test = parse_page(request), parse_filter(request, ("name", "version"))

    def key(item: tuple[str, str]) -> str:
        return item[0]

    with services.database.reading() as connection:
        repository, package = get_package(connection, request, caller, "artifactregistry.tags.list")

        def fetch(last: str) -> list[tuple[str, str]]:
            return artifact_images.list_tags(connection, package, last=last, count=page.count)

        def describe(item: tuple[str, str]) -> dict[str, str]:
            return _format(repository, package, *item)

        found = search(fetch, page, test, describe, key)
        return JSONResponse(page.format("tags", found, describe, key))


async def get_tag(request: Request, services: Services) -> JSONResponse:
    """One tag, and the version that it names."""
    caller = find_caller(request, services)
    tag = request.path_params["tag"]
    with services.database.reading() as connection:
        repository, package = get_package(connection, request, caller, "artifactregistry.tags.get")
        digest = _get_digest(connection, package, tag)
    return JSONResponse(_format(repository, package, tag, digest))


async def create_tag(request: Request, services: Services) -> JSONResponse:
    """Make the tag ?tagId= for a version."""
    caller = find_caller(request, services)
    digest = _parse_version((await read_json(request)).get("version"))
    tag = _parse(request.query_params.get("tagId", ""))

    def work(connection: Connection) -> dict[str, str]:
        repository, package = get_package(connection, request, caller, "artifactregistry.tags.create")
        image = get_version(connection, package, digest)
        if artifact_images.find_tag(connection, package, tag) is not None:
            raise Conflict("Requested entity already exists")
        tags.put(connection, as_registry_sees(repository, package), tag, image.id)
        return _format(repository, package, tag, digest)

    return JSONResponse(await services.database.write(work))


async def patch_tag(request: Request, services: Services) -> JSONResponse:
    """Let a tag name another version."""
    caller = find_caller(request, services)
    digest = _parse_version((await read_json(request)).get("version"))
    tag = _parse(request.path_params["tag"])

    def work(connection: Connection) -> dict[str, str]:
        repository, package = get_package(connection, request, caller, "artifactregistry.tags.update")
        image = get_version(connection, package, digest)
        if repository.immutable_tags and _get_digest(connection, package, tag) != digest:
            raise FailedPrecondition(IMMUTABLE)
        tags.put(connection, as_registry_sees(repository, package), tag, image.id)
        return _format(repository, package, tag, digest)

    return JSONResponse(await services.database.write(work))


async def delete_tag(request: Request, services: Services) -> JSONResponse:
    """Delete a tag, not what it names."""
    caller = find_caller(request, services)
    tag = request.path_params["tag"]

    def work(connection: Connection) -> None:
        repository, package = get_package(connection, request, caller, "artifactregistry.tags.delete")
        _get_digest(connection, package, tag)
        if repository.immutable_tags:
            raise FailedPrecondition(IMMUTABLE)
        tags.remove(connection, as_registry_sees(repository, package), tag)

    await services.database.write(work)
    return JSONResponse({})


def _get_digest(connection: Connection, package: Package, tag: str) -> str:
    digest = artifact_images.find_tag(connection, package, tag)
    if digest is None:
        raise NotFound("Requested entity was not found.")
    return digest


def _parse(tag: str) -> str:
    try:
        return parse_tag(tag)
    except InvalidReference as error:
        raise InvalidArgument(f"invalid tag id {tag[:128]!r}") from error


def _parse_version(name: object) -> str:
    """The digest in projects/…/versions/DIGEST."""
    if not isinstance(name, str) or "/versions/" not in name:
        raise InvalidArgument("version must be projects/…/packages/PACKAGE/versions/DIGEST")
    return name.rpartition("/versions/")[2]


def _format(repository: ArtifactRepository, package: Package, tag: str, digest: str) -> dict[str, str]:
    name = format_package_name(repository, package.name)
    return {"name": f"{name}/tags/{tag}", "version": f"{name}/versions/{digest}"}
