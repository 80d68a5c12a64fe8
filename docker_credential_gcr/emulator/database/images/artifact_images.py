"""Images of Artifact Registry's repositories, in pages: packages, versions, tags and docker images.

A package is a repository of the registry, an image's name; a version is a manifest.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from sqlalchemy import Connection, bindparam, case, delete, func, select, update

from docker_credential_gcr.emulator.database.engine.ordered_pages import Slice, build_pages, read_page
from docker_credential_gcr.emulator.database.schema import manifests, repositories, tags

_OF_BUCKET = repositories.c.bucket == bindparam("of_bucket")
_PUSHED = func.max(manifests.c.uploaded_ms)
_ANNOTATED = func.coalesce(repositories.c.updated_ms, 0)
_PACKAGE_FIELDS = {
    "created_ms": func.min(manifests.c.uploaded_ms),
    "updated_ms": case((_PUSHED < _ANNOTATED, _ANNOTATED), else_=_PUSHED),
}
_PACKAGES = (
    select(*repositories.c["id", "name"], *_PACKAGE_FIELDS.values())
    .join(manifests, manifests.c.repository == repositories.c.id)
    .where(_OF_BUCKET)
    .group_by(*repositories.c["id", "name", "updated_ms"])
)
_PACKAGE_PAGES = build_pages(_PACKAGES, [repositories.c.name], _PACKAGE_FIELDS, is_grouped=True)
_PACKAGE = _PACKAGES.where(repositories.c.name == bindparam("wanted"))
_DELETE_PACKAGE = delete(repositories).where(repositories.c.id == bindparam("package"))
_PACKAGE_ANNOTATIONS = select(repositories.c.annotations).where(repositories.c.id == bindparam("package"))
_ANNOTATE_PACKAGE = (
    update(repositories)
    .where(repositories.c.id == bindparam("package"))
    .values(annotations=bindparam("new_annotations"), updated_ms=bindparam("now_ms"))
)

_IMAGE_FIELDS = {
    "uploaded_ms": manifests.c.uploaded_ms,
    "updated_ms": func.coalesce(manifests.c.updated_ms, manifests.c.uploaded_ms),
}
_IMAGES = select(
    manifests.c.id,
    repositories.c.name,
    *manifests.c["digest", "media_type", "image_size", "created_ms"],
    *_IMAGE_FIELDS.values(),
).join(repositories, repositories.c.id == manifests.c.repository)
_OF_PACKAGE = manifests.c.repository == bindparam("package")
_IMAGE_PAGES = build_pages(
    _IMAGES.where(_OF_BUCKET), [repositories.c.name, manifests.c.digest], _IMAGE_FIELDS
)
_VERSION_PAGES = build_pages(_IMAGES.where(_OF_PACKAGE), [manifests.c.digest], _IMAGE_FIELDS)
_VERSION = _IMAGES.where(_OF_PACKAGE, manifests.c.digest == bindparam("wanted"))
_DETAILS = select(*manifests.c["data", "annotations"]).where(manifests.c.id == bindparam("image"))
_ANNOTATE_VERSION = (
    update(manifests)
    .where(manifests.c.id == bindparam("image"))
    .values(annotations=bindparam("new_annotations"), updated_ms=bindparam("now_ms"))
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
    updated_ms: int


class Details(NamedTuple):
    """What only a description of an image needs: its document, and the annotations that a client has set."""

    data: bytes
    annotations: Mapping[str, str]


def list_packages(connection: Connection, bucket_id: int, page: Slice) -> list[Package]:
    """Returns a page of the packages; the key is the name."""
    rows = read_page(connection, _PACKAGE_PAGES, page, {"of_bucket": bucket_id})
    return [Package(*row) for row in rows]


def find_package(connection: Connection, bucket_id: int, name: str) -> Package | None:
    """Returns the package of that name, if it has an image."""
    row = connection.execute(_PACKAGE, {"of_bucket": bucket_id, "wanted": name}).one_or_none()
    return None if row is None else Package(*row)


def remove_package(connection: Connection, package: Package) -> None:
    """Deletes the package with its versions and tags."""
    connection.execute(_DELETE_PACKAGE, {"package": package.id})


def find_package_annotations(connection: Connection, package: Package) -> Mapping[str, str]:
    """Returns the annotations that a client has set."""
    found: Mapping[str, str] = connection.execute(_PACKAGE_ANNOTATIONS, {"package": package.id}).scalar_one()
    return found


def annotate_package(
    connection: Connection, package: Package, annotations: Mapping[str, str], *, now_ms: int
) -> None:
    """Replaces the annotations of the package."""
    values = {"package": package.id, "new_annotations": annotations, "now_ms": now_ms}
    connection.execute(_ANNOTATE_PACKAGE, values)


def list_images(connection: Connection, bucket_id: int, page: Slice) -> list[Image]:
    """Returns a page of the images of all packages; the keys are package and digest."""
    return [Image(*row) for row in read_page(connection, _IMAGE_PAGES, page, {"of_bucket": bucket_id})]


def list_versions(connection: Connection, package: Package, page: Slice) -> list[Image]:
    """Returns a page of the images of the package; the key is the digest."""
    return [Image(*row) for row in read_page(connection, _VERSION_PAGES, page, {"package": package.id})]


def find_details(connection: Connection, image: Image) -> Details:
    """Returns the document and the annotations of an image, which may have megabytes."""
    return Details(*connection.execute(_DETAILS, {"image": image.id}).one())


def annotate_version(
    connection: Connection, image: Image, annotations: Mapping[str, str], *, now_ms: int
) -> None:
    """Replaces the annotations of the image."""
    values = {"image": image.id, "new_annotations": annotations, "now_ms": now_ms}
    connection.execute(_ANNOTATE_VERSION, values)


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
