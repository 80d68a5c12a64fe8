"""Manifests and indexes: parsed and checked before they are stored.

https://github.com/opencontainers/image-spec/blob/v1.1.1/manifest.md
https://github.com/opencontainers/image-spec/blob/v1.1.1/image-index.md
"""

import json
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from docker_credential_gcr.emulator.runtime import strict_json

from . import media_types
from .digest import parse_digest
from .errors import InvalidDigest, InvalidManifest

_MEDIA_TYPES = media_types.MANIFESTS | media_types.INDEXES
SIZE_LIMIT = 2**63


class Descriptor(NamedTuple):
    """Media type, digest and size in bytes of a manifest or blob.

    https://github.com/opencontainers/image-spec/blob/v1.1.1/descriptor.md
    """

    media_type: str
    digest: str
    size: int


def parse_descriptor(value: object, where: str) -> Descriptor:
    """Returns the descriptor in a decoded JSON value; `where` names it in InvalidManifest's message."""
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


class References(NamedTuple):
    """Every digest that a manifest refers to, of any kind and in any field.

    `blobs` are the config, every layer (foreign layers too, if the client pushed them), and the entries of an
    index, which can be layers of a build cache: garbage collection keeps them. `children` are the entries of
    an index. `required` are the blobs that must exist before a push, as all `children` must. `subject` has
    one digest or none.
    """

    blobs: frozenset[str]
    children: frozenset[str]
    required: frozenset[str]
    subject: frozenset[str]


class Manifest(NamedTuple):
    """A manifest or an index.

    `config` is None in an index; `children` are the entries of an index; `subject` is the manifest that this
    one refers to.
    """

    media_type: str
    config: Descriptor | None
    layers: tuple[Descriptor, ...]
    children: tuple[Descriptor, ...]
    subject: Descriptor | None = None
    artifact_type: str = ""
    annotations: Mapping[str, str] = MappingProxyType({})

    @property
    def image_size(self) -> int:
        """Returns how many bytes a pull transfers: config and layers, without the manifest itself."""
        return sum(blob.size for blob in self._required)

    @property
    def _required(self) -> list[Descriptor]:
        """Returns the config and the layers that a registry must have."""
        layers = [
            layer for layer in self.layers if layer.media_type.lower() not in media_types.FOREIGN_LAYERS
        ]
        return layers if self.config is None else [self.config, *layers]

    def list_references(self) -> References:
        """Returns what the manifest refers to: pushes, gc, fsck and rebuild all use this rule."""
        children = _list_digests(self.children)
        required = _list_digests(self._required)
        subject = frozenset() if self.subject is None else _list_digests([self.subject])
        return References(required | _list_digests(self.layers) | children, children, required, subject)


def parse_manifest(data: bytes, content_type: str) -> Manifest:
    """Parses the document `data`, pushed as `content_type`. Raises InvalidManifest.

    Refuses a document that could be read both as a manifest and as an index (CVE-2021-41190).
    """
    # decode_unique refuses a byte order mark, as other parsers do.
    return _parse(_decode(strict_json.decode_unique, data), content_type)


def parse_stored_manifest(data: bytes, media_type: str) -> Manifest:
    """Parses a stored document; an older version may have accepted what `parse_manifest` refuses."""
    return _parse(_decode(strict_json.decode_stored, data), media_type)


def _parse(document: Mapping[str, Any], content_type: str) -> Manifest:
    media_type = _get_media_type(document, content_type)
    if document.get("schemaVersion") != 2:
        raise InvalidManifest("schemaVersion is not 2")
    if "manifests" in document and ("layers" in document or "config" in document):
        raise InvalidManifest("the document is both a manifest and an index")
    subject = None if document.get("subject") is None else parse_descriptor(document["subject"], "subject")
    artifact_type = _get_text(document, "artifactType")
    annotations = _get_annotations(document)
    if media_type in media_types.INDEXES:
        children = _parse_descriptors(document.get("manifests"), "manifests")
        return Manifest(media_type, None, (), children, subject, artifact_type, annotations)
    if "manifests" in document:
        raise InvalidManifest(f"an index was pushed as {media_type!r}")
    config = parse_descriptor(document.get("config"), "config")
    layers = _parse_descriptors(document.get("layers"), "layers")
    if sum(blob.size for blob in (config, *layers)) >= SIZE_LIMIT:
        raise InvalidManifest("the sizes of the config and the layers exceed 64 bits")
    # https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#listing-referrers
    artifact_type = artifact_type or config.media_type
    return Manifest(media_type, config, layers, (), subject, artifact_type, annotations)


def _list_digests(descriptors: Iterable[Descriptor]) -> frozenset[str]:
    return frozenset(descriptor.digest for descriptor in descriptors)


def find_child(data: bytes, os: str, architecture: str) -> str | None:
    """Returns the digest of the first entry for the platform; `data` is a stored index."""
    for entry in json.loads(data)["manifests"]:
        platform = entry.get("platform")
        named = platform if isinstance(platform, Mapping) else {}
        if (named.get("os"), named.get("architecture")) == (os, architecture):
            return str(entry["digest"])
    return None


def format_referrer(manifest: Manifest, digest: str, size: int) -> str:
    """Returns the manifest's entry in its subject's list of referrers, as JSON.

    https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#listing-referrers
    """
    entry: dict[str, object] = {"mediaType": manifest.media_type, "digest": digest, "size": size}
    if manifest.artifact_type:
        entry["artifactType"] = manifest.artifact_type
    if manifest.annotations:
        entry["annotations"] = dict(manifest.annotations)
    # Compact and not escaped, so that no entry is larger than its manifest: annotations can be most of it.
    return json.dumps(entry, ensure_ascii=False, separators=(",", ":"))


def _get_text(document: Mapping[str, Any], name: str) -> str:
    value = document.get(name, "")
    if not isinstance(value, str):
        raise InvalidManifest(f"{name} is not a string")
    return value


def _get_annotations(document: Mapping[str, Any]) -> Mapping[str, str]:
    value = document.get("annotations") or {}
    if not isinstance(value, dict) or not all(isinstance(text, str) for text in value.values()):
        raise InvalidManifest("annotations is not an object of strings")
    return value


def _get_media_type(document: Mapping[str, Any], content_type: str) -> str:
    # https://www.rfc-editor.org/rfc/rfc9110#section-8.3.1
    media_type = content_type.partition(";")[0].strip().lower()
    written = document.get("mediaType", media_type)
    if isinstance(written, str):
        written = written.lower()
        media_type = media_type or written
    if media_type not in _MEDIA_TYPES:
        raise InvalidManifest(f"unsupported manifest media type {media_type[:150]!r}")
    if written != media_type:
        raise InvalidManifest(f"the document's mediaType is not its Content-Type {media_type!r}")
    return media_type


def _parse_descriptors(value: object, where: str) -> tuple[Descriptor, ...]:
    if not isinstance(value, list):
        raise InvalidManifest(f"{where} is not a list")
    return tuple(parse_descriptor(item, f"{where}[{index}]") for index, item in enumerate(value))


def _decode(decode: Callable[[str], Any], data: bytes) -> Mapping[str, Any]:
    try:
        document = decode(data.decode())
    except (ValueError, RecursionError) as error:
        raise InvalidManifest(f"the document is not JSON: {error}"[:200]) from error
    if not isinstance(document, dict):
        raise InvalidManifest("the document is not a JSON object")
    return document
