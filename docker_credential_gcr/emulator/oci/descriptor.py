"""Descriptors: what one document says of another.

https://github.com/opencontainers/image-spec/blob/v1.1.1/descriptor.md
"""

from typing import NamedTuple

from .digest import parse_digest
from .errors import InvalidDigest, InvalidManifest

SIZE_LIMIT = 2**63


class Descriptor(NamedTuple):
    """A document or blob by media type, digest and size in bytes."""

    media_type: str
    digest: str
    size: int


def parse_descriptor(value: object, where: str) -> Descriptor:
    """The descriptor in a decoded JSON value; `where` names it in InvalidManifest's text."""
    if not isinstance(value, dict):
        raise InvalidManifest(f"{where} is not a descriptor")
    media_type, digest, size = value.get("mediaType"), value.get("digest"), value.get("size")
    if not isinstance(media_type, str) or not media_type:
        raise InvalidManifest(f"{where} has no mediaType")
    if not isinstance(digest, str):
        raise InvalidManifest(f"{where} has no digest")
    if not isinstance(size, int) or isinstance(size, bool) or not 0 <= size < SIZE_LIMIT:
        raise InvalidManifest(f"{where} has no size")
    try:
        return Descriptor(media_type, parse_digest(digest), size)
    except InvalidDigest as error:
        raise InvalidManifest(f"{where}: {error}") from error
