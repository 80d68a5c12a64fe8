"""Content negotiation: the Accept header as Container Registry reads it, and substitutes for manifest lists.

A manifest of another type is not found: gcloud then tries its next type. Only Docker's manifest lists have a
substitute, their image for linux/amd64, and only by tag, because a digest stands for its bytes. OCI manifests
and indexes have none. https://github.com/opencontainers/distribution-spec/issues/212
"""

import json
from functools import lru_cache

from docker_credential_gcr.emulator.database.images.manifests import StoredManifest
from docker_credential_gcr.emulator.oci.manifest import find_child
from docker_credential_gcr.emulator.oci.media_types import DOCKER_MANIFEST, DOCKER_MANIFEST_LIST
from docker_credential_gcr.emulator.oci.reference import is_digest
from docker_credential_gcr.emulator.registry.errors import ManifestUnknown

from .dialect import Dialect

# Cached, because a client sends the same header each time; not if it is longer than any client's.
_CACHED_LENGTH = 1024
# Container Registry's "default" image of a list.
_OS, _ARCHITECTURE = "linux", "amd64"


def is_accepted(accept: str | None, media_type: str) -> bool:
    """Returns whether an Accept header, or None without one, accepts the type.

    The header is split at commas only, so a type with `;q=` never matches.
    """
    if accept is None or accept == "*/*":
        return True
    find = _is_named if len(accept) <= _CACHED_LENGTH else _is_named.__wrapped__
    return find(accept, media_type)


def find_substitute(accept: str | None, reference: str, stored: StoredManifest) -> str | None:
    """Returns the digest of the image to serve instead of a list that is not accepted, or None.

    The image may be missing, or have another type than the list says.
    """
    if stored.media_type != DOCKER_MANIFEST_LIST or is_digest(reference):
        return None
    return find_child(stored.data, _OS, _ARCHITECTURE) if is_accepted(accept, DOCKER_MANIFEST) else None


def describe_unaccepted(
    dialect: Dialect, accept: str | None, reference: str, media_type: str
) -> ManifestUnknown:
    """Returns the error for an Accept header with other types."""
    shown = (accept or "*/*")[:_CACHED_LENGTH]
    text = dialect.unaccepted_type.format(
        kind="digest" if is_digest(reference) else "tag",
        reference=reference,
        media_type=media_type,
        accept=shown,
        accepted=json.dumps([part.strip() for part in shown.split(",")]),
    )
    return ManifestUnknown(text)


@lru_cache(256)
def _is_named(accept: str, media_type: str) -> bool:
    accepted = {part.strip().lower() for part in (accept or "*/*").split(",")}
    return bool(accepted & {media_type, "*/*"})
