"""Which types a client accepts, as Container Registry reads it, and what it gets in place of a list.

A manifest of another type is not found: gcloud goes on to its next guess then. Docker's lists alone are
rewritten, to their image for linux/amd64, and by tag alone: a digest names the bytes that it is of. OCI's
manifests and indexes never are. https://github.com/opencontainers/distribution-spec/issues/212
"""

import json
from functools import lru_cache

from docker_credential_gcr.emulator.database.images.manifests import StoredManifest
from docker_credential_gcr.emulator.oci.manifest import find_child
from docker_credential_gcr.emulator.oci.media_types import DOCKER_MANIFEST, DOCKER_MANIFEST_LIST
from docker_credential_gcr.emulator.oci.reference import is_digest
from docker_credential_gcr.emulator.registry.errors import ManifestUnknown

from .dialect import Dialect

# A client sends the same header each time; one longer than any client's is not remembered.
_REMEMBERED_LENGTH = 1024
# Container Registry's "default" image of a list.
_OS, _ARCHITECTURE = "linux", "amd64"


def is_accepted(accept: str | None, media_type: str) -> bool:
    """Whether an Accept header, None for a request without one, names the type.

    It is split at commas and nothing else, so a type with a `;q=` never matches.
    """
    if accept is None or accept == "*/*":
        return True
    find = _is_named if len(accept) <= _REMEMBERED_LENGTH else _is_named.__wrapped__
    return find(accept, media_type)


def find_substitute(accept: str | None, reference: str, stored: StoredManifest) -> str | None:
    """The digest of the image that stands for a list its client does not know; None where none may.

    It may be missing, or of another type than the list says.
    """
    if stored.media_type != DOCKER_MANIFEST_LIST or is_digest(reference):
        return None
    return find_child(stored.data, _OS, _ARCHITECTURE) if is_accepted(accept, DOCKER_MANIFEST) else None


def describe_unaccepted(
    dialect: Dialect, accept: str | None, reference: str, media_type: str
) -> ManifestUnknown:
    """Returns the error for a client whose Accept header names other types."""
    shown = (accept or "*/*")[:_REMEMBERED_LENGTH]
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
