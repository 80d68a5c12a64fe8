"""Media types, digests and descriptors of what tests push."""

import hashlib
from typing import Any

OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_CONFIG = "application/vnd.oci.image.config.v1+json"
OCI_LAYER = "application/vnd.oci.image.layer.v1.tar"
OCI_LAYER_GZIP = f"{OCI_LAYER}+gzip"
OCI_EMPTY = "application/vnd.oci.empty.v1+json"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
DOCKER_CONFIG = "application/vnd.docker.container.image.v1+json"


def digest_of(data: bytes, algorithm: str = "sha256") -> str:
    """Returns the digest of the bytes."""
    return f"{algorithm}:{hashlib.new(algorithm, data).hexdigest()}"


def describe(data: bytes, media_type: str = "application/octet-stream") -> dict[str, Any]:
    """Returns the descriptor of the bytes."""
    return {"mediaType": media_type, "digest": digest_of(data), "size": len(data)}
