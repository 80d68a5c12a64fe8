"""dockerImages of a repository (artifactregistry.googleapis.com).

https://cloud.google.com/artifact-registry/docs/reference/rest/v1/projects.locations.repositories.dockerImages
"""

import re
from functools import partial
from typing import Any
from urllib.parse import quote

from sqlalchemy import Connection

from docker_credential_gcr.emulator.database.images import artifact_images, tags
from docker_credential_gcr.emulator.database.images.artifact_images import Details, Image
from docker_credential_gcr.emulator.database.projects.artifact_repositories import ArtifactRepository
from docker_credential_gcr.emulator.google.rest.calls import Call
from docker_credential_gcr.emulator.google.rest.errors import NotFound
from docker_credential_gcr.emulator.google.rest.listings import parse_listing
from docker_credential_gcr.emulator.google.rest.methods import PAGE, Result, reads, scans
from docker_credential_gcr.emulator.oci.image_config import is_created_known
from docker_credential_gcr.emulator.oci.media_types import INDEXES
from docker_credential_gcr.emulator.runtime import strict_json
from docker_credential_gcr.emulator.runtime.timestamps import format_milliseconds

from .authorization import format_package_prefix, get_repository, parse_package_name

# Package name and digest: app@sha256:…
_NAME = re.compile(r"([^@]+)@([a-z0-9]+:[0-9a-f]+)", re.ASCII)
_ORDERS = {"uploadTime": "uploaded_ms", "updateTime": "updated_ms"}


@scans("filter", "orderBy", *PAGE)
def list_images(connection: Connection, call: Call) -> Result:
    """Returns the images of all packages."""
    listing = parse_listing(call.query, orders=_ORDERS)
    repository = get_repository(connection, call, "artifactregistry.dockerimages.list")
    prefix = format_package_prefix(repository)

    def key(image: Image) -> str:
        return f"{image.package.removeprefix(prefix)}@{image.digest}"

    def split(key: str) -> tuple[str, str]:
        name, _, digest = key.partition("@")
        return prefix + name, digest

    fetch = partial(artifact_images.list_images, connection, repository.bucket.id)
    return listing.format("dockerImages", fetch, partial(_format, connection, repository), key, split)


@reads()
def show_image(connection: Connection, call: Call) -> Result:
    """Returns one image, NAME@DIGEST."""
    repository = get_repository(connection, call, "artifactregistry.dockerimages.get")
    return _format(connection, repository, _get(connection, repository, call.path["image"]))


def describe_contents(image: Image, details: Details) -> dict[str, Any]:
    """Returns imageSizeBytes and mediaType, and if it has them buildTime, artifactType and subjectDigest."""
    described: dict[str, Any] = {"imageSizeBytes": str(image.image_size), "mediaType": image.media_type}
    if is_created_known(image.created_ms):
        described["buildTime"] = format_milliseconds(image.created_ms)
    document = _read_document(details.data)
    subject = document.get("subject")
    digest = subject.get("digest") if isinstance(subject, dict) else None
    # https://cloud.google.com/artifact-registry/docs/reference/rest/v1/projects.locations.repositories.dockerImages
    artifact_type = document.get("artifactType") or (image.media_type if digest else None)
    return {**described, **_keep_texts(artifactType=artifact_type, subjectDigest=digest)}


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
    details = artifact_images.find_details(connection, image)
    document: dict[str, Any] = {
        "name": f"{repository.name}/dockerImages/{package}@{image.digest}",
        "uri": f"{host}/{image.package}@{image.digest}",
        "tags": tags.list_of(connection, image.id),
        "uploadTime": format_milliseconds(image.uploaded_ms),
        "updateTime": format_milliseconds(image.updated_ms),
        **describe_contents(image, details),
    }
    entries = _read_document(details.data).get("manifests") if image.media_type in INDEXES else None
    if isinstance(entries, list) and entries:
        document["imageManifests"] = [_format_entry(entry) for entry in entries if isinstance(entry, dict)]
    return document


def _format_entry(entry: dict[str, Any]) -> dict[str, Any]:
    """Returns an entry of an index; a registry does not check what a client writes about platforms."""
    found = entry.get("platform")
    platform = found if isinstance(found, dict) else {}
    features = platform.get("os.features")
    named = [name for name in features if isinstance(name, str)] if isinstance(features, list) else []
    described: dict[str, Any] = _keep_texts(
        architecture=platform.get("architecture"),
        os=platform.get("os"),
        digest=entry.get("digest"),
        mediaType=entry.get("mediaType"),
        osVersion=platform.get("os.version"),
        variant=platform.get("variant"),
    )
    return {**described, "osFeatures": named} if named else described


def _keep_texts(**values: object) -> dict[str, str]:
    return {name: value for name, value in values.items() if isinstance(value, str) and value}


def _read_document(data: bytes) -> dict[str, Any]:
    """Returns a stored manifest or index; an earlier version may have stored another document."""
    try:
        document = strict_json.decode_stored(data.decode())
    except (ValueError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}
