"""Images to be copied, and the names of their copies."""

from dataclasses import dataclass
from typing import Any

from support.images import OCI_EMPTY, OCI_INDEX, OCI_MANIFEST
from support.registry_client import RegistryClient

SOURCE = "my-project/app"
# At a host that is not a registry's, the path begins with the registry's name.
HOST = "us-docker.pkg.dev"
REPOSITORY = f"{HOST}/my-project/images"
COPY = f"{REPOSITORY}/app"
REPOSITORIES = "/v1/projects/my-project/locations/us/repositories"
LARGE = b"large layer " * 10_000
NOTHING = {
    "manifestsCopied": 0,
    "tagsCopied": 0,
    "manifestsFailed": 0,
    "manifestsFailedWithNotFound": 0,
    "tagsFailed": 0,
    "exampleFailures": [],
    "exampleFailuresWithNotFound": [],
}


@dataclass
class Filled:
    """The digests of an image, of an index that names it, of its signature, and of a small image."""

    image: str
    index: str
    signature: str
    small: str


def name(digest: str) -> dict[str, Any]:
    """Returns the descriptor of a manifest, as an index or a referrer has it."""
    return {"mediaType": OCI_MANIFEST, "digest": digest, "size": 1}


def fill(editor: RegistryClient, repository: str = SOURCE) -> Filled:
    """Pushes an image with a large layer, an index of it, its signature, and an image next to it."""
    image = editor.push_image(repository, "v1", LARGE, b"small layer")
    index = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [name(image)]}
    pushed = editor.put_manifest(repository, "all", index, OCI_INDEX)
    config = editor.push_blob(repository, b"{}", OCI_EMPTY)
    signature = {"schemaVersion": 2, "config": config, "layers": [], "subject": name(image)}
    signed = editor.put_manifest(repository, "signature", signature)
    small = editor.push_image(repository, "small", b"another layer")
    digest = "Docker-Content-Digest"
    return Filled(image, pushed.headers[digest], signed.headers[digest], small)


def find_listing(client: RegistryClient, repository: str) -> dict[str, Any]:
    """Returns tags and manifests of a repository, without what only Container Registry shows."""
    document = client.get(f"/v2/{repository}/tags/list", repository=repository).json()
    for entry in document["manifest"].values():
        entry.pop("layerId", None)
    return {name: document[name] for name in ("manifest", "tags")}
