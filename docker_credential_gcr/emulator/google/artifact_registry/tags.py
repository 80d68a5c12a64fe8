"""Tags of a package (artifactregistry.googleapis.com).

https://cloud.google.com/artifact-registry/docs/reference/rest/v1/projects.locations.repositories.packages.tags
"""

from sqlalchemy import Connection

from docker_credential_gcr.emulator.database.engine.ordered_pages import Slice
from docker_credential_gcr.emulator.database.events import outbox
from docker_credential_gcr.emulator.database.events.outbox import DELETE, INSERT
from docker_credential_gcr.emulator.database.images import artifact_images, tags
from docker_credential_gcr.emulator.database.images.artifact_images import Image, Package
from docker_credential_gcr.emulator.database.projects.artifact_repositories import ArtifactRepository
from docker_credential_gcr.emulator.google.rest.calls import Call
from docker_credential_gcr.emulator.google.rest.errors import (
    Conflict,
    FailedPrecondition,
    InvalidArgument,
    NotFound,
)
from docker_credential_gcr.emulator.google.rest.listings import parse_listing
from docker_credential_gcr.emulator.google.rest.methods import PAGE, Result, method, reads, scans, writes
from docker_credential_gcr.emulator.google.rest.request_messages import TAG
from docker_credential_gcr.emulator.oci.errors import InvalidReference
from docker_credential_gcr.emulator.oci.reference import parse_tag

from .authorization import get_package
from .packages import build_event, build_registry_repository, format_package_name
from .versions import get_version

# As the registry's own refusal.
_IMMUTABLE = "cannot {} tag {}. The repository has enabled tag immutability"


@scans("filter", *PAGE)
def list_tags(connection: Connection, call: Call) -> Result:
    """Returns the tags of a package, in the order of their names."""
    listing = parse_listing(call.query, filters=("name", "version"), orders={})
    repository, package = get_package(connection, call, "artifactregistry.tags.list")

    def fetch(page: Slice) -> list[tuple[str, str]]:
        last = str(page.after[0]) if page.after else ""
        return artifact_images.list_tags(connection, package, last=last, count=page.limit)

    def describe(item: tuple[str, str]) -> dict[str, str]:
        return _format(repository, package, *item)

    return listing.format("tags", fetch, describe, lambda item: item[0])


@reads()
def show_tag(connection: Connection, call: Call) -> Result:
    """Returns one tag, and the version that it names."""
    tag = call.path["tag"]
    repository, package = get_package(connection, call, "artifactregistry.tags.get")
    return _format(repository, package, tag, _get_digest(connection, package, tag))


@method("tagId", body=TAG)
async def create_tag(call: Call) -> Result:
    """Creates the tag ?tagId= for a version."""
    digest = _parse_version(call.body.get("version"))
    tag = _parse(call.query.get("tagId", ""))

    def work(connection: Connection) -> dict[str, str]:
        repository, package = get_package(connection, call, "artifactregistry.tags.create")
        image = get_version(connection, package, digest)
        if artifact_images.find_tag(connection, package, tag) is not None:
            raise Conflict("Requested entity already exists")
        _put(connection, call, repository, package, tag, image)
        return _format(repository, package, tag, digest)

    return await call.services.database.write(work)


@method("updateMask", body=TAG)
async def patch_tag(call: Call) -> Result:
    """Moves a tag to another version."""
    digest = _parse_version(call.body.get("version"))
    tag = _parse(call.path["tag"])

    def work(connection: Connection) -> dict[str, str]:
        repository, package = get_package(connection, call, "artifactregistry.tags.update")
        image = get_version(connection, package, digest)
        if repository.immutable_tags and _get_digest(connection, package, tag) != digest:
            raise FailedPrecondition(_IMMUTABLE.format("update", tag))
        _put(connection, call, repository, package, tag, image)
        return _format(repository, package, tag, digest)

    return await call.services.database.write(work)


@writes()
def delete_tag(connection: Connection, call: Call) -> Result:
    """Deletes a tag, not the version that it names."""
    tag = call.path["tag"]
    repository, package = get_package(connection, call, "artifactregistry.tags.delete")
    _get_digest(connection, package, tag)
    if repository.immutable_tags:
        raise FailedPrecondition(_IMMUTABLE.format("delete", tag))
    tags.remove(connection, build_registry_repository(repository, package), tag)
    outbox.add(connection, build_event(call, repository, package, DELETE)._replace(tag=tag))
    return {}


def _put(
    connection: Connection,
    call: Call,
    repository: ArtifactRepository,
    package: Package,
    tag: str,
    image: Image,
) -> None:
    tags.put(connection, build_registry_repository(repository, package), tag, image.id)
    media_type, size = outbox.measure(connection, image.id)
    event = build_event(call, repository, package, INSERT)
    named = event._replace(tag=tag, digest=image.digest, media_type=media_type, size=size)
    outbox.add(connection, named)


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
    """Returns the digest in projects/…/versions/DIGEST."""
    if not isinstance(name, str) or "/versions/" not in name:
        raise InvalidArgument("version must be projects/…/packages/PACKAGE/versions/DIGEST")
    return name.rpartition("/versions/")[2]


def _format(repository: ArtifactRepository, package: Package, tag: str, digest: str) -> dict[str, str]:
    name = format_package_name(repository, package.name)
    return {"name": f"{name}/tags/{tag}", "version": f"{name}/versions/{digest}"}
