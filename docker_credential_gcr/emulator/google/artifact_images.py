"""artifactregistry.googleapis.com: the images of a repository.

https://cloud.google.com/artifact-registry/docs/reference/rest/v1/projects.locations.repositories.dockerImages
"""

import re
from typing import Any
from urllib.parse import quote

from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import JSONResponse

from docker_credential_gcr.emulator.oci.image_config import is_known
from docker_credential_gcr.emulator.records import artifact_images, tags
from docker_credential_gcr.emulator.records.artifact_images import Image
from docker_credential_gcr.emulator.records.artifact_repositories import ArtifactRepository

from .access import find_caller
from .artifact_access import get_repository, parse_package_name, prefix_packages
from .errors import NotFound
from .list_filters import parse_filter
from .paging import parse_page
from .services import Services
from .times import format_milliseconds

# A package's name and a digest: app@sha256:…
_NAME = re.compile(r"([^@]+)@([a-z0-9]+:[0-9a-f]+)", re.ASCII)


async def list_images(request: Request, services: Services) -> JSONResponse:
    """The images of all packages, by name and digest."""
    caller = find_caller(request, services)
    page = parse_page(request)
    parse_filter(request, ("name",))
    name, _, digest = page.last.partition("@")
    with services.database.reading() as connection:
        repository = get_repository(connection, request, caller, "artifactregistry.dockerimages.list")
        last = (name and prefix_packages(repository) + name, digest)
        found = artifact_images.list_images(connection, repository.bucket.id, last=last, count=page.count)
        prefix = prefix_packages(repository)
        listed = page.format(
            "dockerImages",
            found,
            lambda image: _format(connection, repository, image),
            lambda image: f"{image.package.removeprefix(prefix)}@{image.digest}",
        )
    return JSONResponse(listed)


async def get_image(request: Request, services: Services) -> JSONResponse:
    """One image, NAME@DIGEST."""
    caller = find_caller(request, services)
    with services.database.reading() as connection:
        repository = get_repository(connection, request, caller, "artifactregistry.dockerimages.get")
        image = _find(connection, repository, request.path_params["image"])
        return JSONResponse(_format(connection, repository, image))


def describe_contents(image: Image) -> dict[str, Any]:
    """What is known of an image's contents: buildTime, imageSizeBytes, mediaType."""
    document: dict[str, Any] = {"imageSizeBytes": str(image.image_size), "mediaType": image.media_type}
    if is_known(image.created_ms):
        document["buildTime"] = format_milliseconds(image.created_ms)
    return document


def _find(connection: Connection, repository: ArtifactRepository, name: str) -> Image:
    match = _NAME.fullmatch(name)
    image = None
    if match is not None:
        prefixed = prefix_packages(repository) + parse_package_name(match[1])
        package = artifact_images.find_package(connection, repository.bucket.id, prefixed)
        if package is not None:
            image = artifact_images.find_version(connection, package, match[2])
    if image is None:
        raise NotFound("Requested entity was not found.")
    return image


def _format(connection: Connection, repository: ArtifactRepository, image: Image) -> dict[str, Any]:
    prefix, host = prefix_packages(repository), f"{repository.location}-docker.pkg.dev"
    package = quote(image.package.removeprefix(prefix), safe="")
    uploaded = format_milliseconds(image.uploaded_ms)
    return {
        "name": f"{repository.name}/dockerImages/{package}@{image.digest}",
        "uri": f"{host}/{image.package}@{image.digest}",
        "tags": tags.list_of(connection, image.id),
        "uploadTime": uploaded,
        "updateTime": uploaded,
        **describe_contents(image),
    }
