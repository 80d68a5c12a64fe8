"""dockerImages of a repository (artifactregistry.googleapis.com).

https://cloud.google.com/artifact-registry/docs/reference/rest/v1/projects.locations.repositories.dockerImages
"""

import re
from typing import Any
from urllib.parse import quote

from sqlalchemy import Connection

from docker_credential_gcr.emulator.database.images import artifact_images, tags
from docker_credential_gcr.emulator.database.images.artifact_images import Image
from docker_credential_gcr.emulator.database.projects.artifact_repositories import ArtifactRepository
from docker_credential_gcr.emulator.google.rest.calls import Call
from docker_credential_gcr.emulator.google.rest.errors import NotFound
from docker_credential_gcr.emulator.google.rest.list_filters import parse_filter
from docker_credential_gcr.emulator.google.rest.methods import PAGE, Result, reads
from docker_credential_gcr.emulator.google.rest.pagination import parse_page
from docker_credential_gcr.emulator.google.rest.timestamps import format_milliseconds
from docker_credential_gcr.emulator.oci.image_config import is_created_known

from .authorization import format_package_prefix, get_repository, parse_package_name

# Package name and digest: app@sha256:…
_NAME = re.compile(r"([^@]+)@([a-z0-9]+:[0-9a-f]+)", re.ASCII)


@reads("orderBy", *PAGE)
def list_images(connection: Connection, call: Call) -> Result:
    """Returns the images of all packages, in the order of name and digest."""
    page = parse_page(call.query)
    parse_filter(call.query, ("name",))
    name, _, digest = page.last.partition("@")
    repository = get_repository(connection, call, "artifactregistry.dockerimages.list")
    prefix = format_package_prefix(repository)
    last = (name and prefix + name, digest)
    return page.format(
        "dockerImages",
        artifact_images.list_images(connection, repository.bucket.id, last=last, count=page.count),
        lambda image: _format(connection, repository, image),
        lambda image: f"{image.package.removeprefix(prefix)}@{image.digest}",
    )


@reads()
def show_image(connection: Connection, call: Call) -> Result:
    """Returns one image, NAME@DIGEST."""
    repository = get_repository(connection, call, "artifactregistry.dockerimages.get")
    return _format(connection, repository, _get(connection, repository, call.path["image"]))


def describe_contents(image: Image) -> dict[str, Any]:
    """Returns an image's buildTime, imageSizeBytes and mediaType."""
    document: dict[str, Any] = {"imageSizeBytes": str(image.image_size), "mediaType": image.media_type}
    if is_created_known(image.created_ms):
        document["buildTime"] = format_milliseconds(image.created_ms)
    return document


def _get(connection: Connection, repository: ArtifactRepository, name: str) -> Image:
    match = _NAME.fullmatch(name)
    image = None
    if match is not None:
        prefixed = format_package_prefix(repository) + parse_package_name(match[1])
        package = artifact_images.find_package(connection, repository.bucket.id, prefixed)
        if package is not None:
            image = artifact_images.find_version(connection, package, match[2])
    if image is None:
        raise NotFound("Requested entity was not found.")
    return image


def _format(connection: Connection, repository: ArtifactRepository, image: Image) -> dict[str, Any]:
    prefix, host = format_package_prefix(repository), f"{repository.location}-docker.pkg.dev"
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
