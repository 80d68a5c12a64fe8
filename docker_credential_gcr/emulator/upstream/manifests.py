"""Manifests of an upstream: the headers that ask for one, and the checks of the answer (M12).

Content-Type              the type; the document's own mediaType must be the same
Docker-Content-Digest     must be the digest of the bytes, which is what counts
Content-Length            must be the number of bytes
"""

import re
from typing import NamedTuple

from docker_credential_gcr.emulator.oci import media_types
from docker_credential_gcr.emulator.oci.digest import digest_bytes, parse_digest, split_digest
from docker_credential_gcr.emulator.oci.errors import InvalidDigest, InvalidManifest
from docker_credential_gcr.emulator.oci.manifest import Manifest, parse_manifest
from docker_credential_gcr.emulator.oci.reference import is_digest

from .connections import UpstreamResponse
from .errors import UpstreamMismatch

# All four, whatever the client accepts: an upstream converts for clients that accept less.
ACCEPT = {
    "Accept": ", ".join(
        (
            media_types.OCI_INDEX,
            media_types.OCI_MANIFEST,
            media_types.DOCKER_MANIFEST_LIST,
            media_types.DOCKER_MANIFEST,
        )
    )
}
_LENGTH = re.compile(r"[0-9]{1,18}")


class ManifestHead(NamedTuple):
    """What a HEAD said of a manifest; an upstream may leave out its digest: then only a GET tells it."""

    media_type: str
    digest: str | None
    size: int | None


class UpstreamManifest(NamedTuple):
    """A manifest with the digest of its bytes."""

    media_type: str
    data: bytes
    digest: str
    parsed: Manifest


def read_head(response: UpstreamResponse, reference: str) -> ManifestHead:
    """Returns what the headers say. Raises UpstreamMismatch."""
    media_type = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type not in media_types.MANIFESTS | media_types.INDEXES:
        raise UpstreamMismatch(response.url, f"unsupported manifest media type {media_type[:150]!r}")
    digest = _read_digest(response)
    if is_digest(reference) and digest not in (None, reference):
        raise UpstreamMismatch(response.url, f"the upstream announces {digest}")
    return ManifestHead(media_type, digest, find_length(response))


def check_manifest(response: UpstreamResponse, reference: str, data: bytes) -> UpstreamManifest:
    """Returns the manifest that the bytes are. Raises UpstreamMismatch."""
    announced = _read_digest(response)
    wanted = reference if is_digest(reference) else announced
    digest = digest_bytes(data, split_digest(wanted)[0] if wanted else "sha256")
    if wanted is not None and digest != wanted:
        raise UpstreamMismatch(response.url, f"the digest of the bytes is {digest} instead of {wanted}")
    if announced is not None and announced != digest_bytes(data, split_digest(announced)[0]):
        raise UpstreamMismatch(response.url, f"the upstream announces {announced} for {digest}")
    try:
        parsed = parse_manifest(data, response.headers.get("content-type", ""))
    except InvalidManifest as error:
        raise UpstreamMismatch(response.url, str(error)) from error
    return UpstreamManifest(parsed.media_type, data, digest, parsed)


def find_length(response: UpstreamResponse) -> int | None:
    """Returns Content-Length. Raises UpstreamMismatch if it is not a number."""
    text = response.headers.get("content-length")
    if text is None:
        return None
    if not _LENGTH.fullmatch(text):
        raise UpstreamMismatch(response.url, "the upstream's Content-Length is not a number")
    return int(text)


def _read_digest(response: UpstreamResponse) -> str | None:
    text = response.headers.get("docker-content-digest")
    if text is None:
        return None
    try:
        return parse_digest(text)
    except InvalidDigest as error:
        raise UpstreamMismatch(response.url, f"the upstream's {error}") from error
