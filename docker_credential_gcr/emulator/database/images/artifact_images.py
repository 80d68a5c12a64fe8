"""Images of Artifact Registry's repositories, in pages: packages, versions, tags and docker images.

A package is a repository of the registry, an image's name; a version is a manifest.
"""

from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, bindparam, delete, func, select

from docker_credential_gcr.emulator.database.schema import manifests, repositories, tags

_OF_BUCKET = repositories.c.bucket == bindparam("of_bucket")
_PACKAGES = (
    select(
        repositories.c.id,
        repositories.c.name,
        func.min(manifests.c.uploaded_ms),
        func.max(manifests.c.uploaded_ms),
    )
    .join(manifests, manifests.c.repository == repositories.c.id)
    .where(_OF_BUCKET)
    .group_by(repositories.c.id, repositories.c.name)
    .order_by(repositories.c.name)
)
_PACKAGE_PAGE = _PACKAGES.where(repositories.c.name > bindparam("last")).limit(bindparam("count"))
_PACKAGE = _PACKAGES.where(repositories.c.name == bindparam("wanted"))
_DELETE_PACKAGE = delete(repositories).where(repositories.c.id == bindparam("package"))

_IMAGES = select(
    manifests.c.id,
    repositories.c.name,
    *manifests.c["digest", "media_type", "image_size", "created_ms", "uploaded_ms"],
).join(repositories, repositories.c.id == manifests.c.repository)
_AFTER: ColumnElement[bool] = (repositories.c.name > bindparam("last_name")) | (
    (repositories.c.name == bindparam("last_name")) & (manifests.c.digest > bindparam("last_digest"))
)
_IMAGE_PAGE = (
    _IMAGES.where(_OF_BUCKET, _AFTER)
    .order_by(repositories.c.name, manifests.c.digest)
    .limit(bindparam("count"))
)
_VERSION_PAGE = (
    _IMAGES.where(manifests.c.repository == bindparam("package"), manifests.c.digest > bindparam("last"))
    .order_by(manifests.c.digest)
    .limit(bindparam("count"))
)
_VERSION = _IMAGES.where(
    manifests.c.repository == bindparam("package"), manifests.c.digest == bindparam("wanted")
)
_TAGS = select(tags.c.tag, manifests.c.digest).join(manifests, manifests.c.id == tags.c.manifest)
_TAG_PAGE = (
    _TAGS.where(tags.c.repository == bindparam("package"), tags.c.tag > bindparam("last"))
    .order_by(tags.c.tag)
    .limit(bindparam("count"))
)
_TAG = _TAGS.where(tags.c.repository == bindparam("package"), tags.c.tag == bindparam("wanted"))


@dataclass(frozen=True)
class Package:
    """A package, with the full name that the registry has; instants in milliseconds since the epoch."""

    id: int
    name: str
    created_ms: int
    updated_ms: int


@dataclass(frozen=True)
class Image:
    """A manifest of a package; sizes in bytes, instants in milliseconds since the epoch."""

    id: int
    package: str
    digest: str
    media_type: str
    image_size: int
    created_ms: int
    uploaded_ms: int


def list_packages(connection: Connection, bucket_id: int, *, last: str, count: int) -> list[Package]:
    """Returns at most `count` packages after the name `last`, by name."""
    values = {"of_bucket": bucket_id, "last": last, "count": count}
    return [Package(*row) for row in connection.execute(_PACKAGE_PAGE, values)]


def find_package(connection: Connection, bucket_id: int, name: str) -> Package | None:
    """Returns the package of that name, if it has an image."""
    row = connection.execute(_PACKAGE, {"of_bucket": bucket_id, "wanted": name}).one_or_none()
    return None if row is None else Package(*row)


def remove_package(connection: Connection, package: Package) -> None:
    """Deletes the package with its versions and tags."""
    connection.execute(_DELETE_PACKAGE, {"package": package.id})


def list_images(connection: Connection, bucket_id: int, *, last: tuple[str, str], count: int) -> list[Image]:
    """Returns at most `count` images of all packages after the (package, digest) `last`, in that order."""
    values = {"of_bucket": bucket_id, "last_name": last[0], "last_digest": last[1], "count": count}
    return [Image(*row) for row in connection.execute(_IMAGE_PAGE, values)]


def list_versions(connection: Connection, package: Package, *, last: str, count: int) -> list[Image]:
    """Returns at most `count` images of the package after the digest `last`, by digest."""
    values = {"package": package.id, "last": last, "count": count}
    return [Image(*row) for row in connection.execute(_VERSION_PAGE, values)]


def find_version(connection: Connection, package: Package, digest: str) -> Image | None:
    """Returns the image of that digest."""
    row = connection.execute(_VERSION, {"package": package.id, "wanted": digest}).one_or_none()
    return None if row is None else Image(*row)


def list_tags(connection: Connection, package: Package, *, last: str, count: int) -> list[tuple[str, str]]:
    """Returns (tag, digest) of at most `count` tags of the package after the tag `last`, by tag."""
    values = {"package": package.id, "last": last, "count": count}
    return [(row.tag, row.digest) for row in connection.execute(_TAG_PAGE, values)]


def find_tag(connection: Connection, package: Package, tag: str) -> str | None:
    """Returns the digest that the tag names."""
    row = connection.execute(_TAG, {"package": package.id, "wanted": tag}).one_or_none()
    return None if row is None else str(row.digest)
