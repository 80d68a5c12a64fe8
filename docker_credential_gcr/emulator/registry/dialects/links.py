"""Links to blobs, without the signature in their query: Container Registry's, and Artifact Registry's.

    /artifacts-downloads/my-project/app/blobs/sha256:…
    /artifacts-downloads/namespaces/my-project/repositories/images/downloads/ID

ID is the image and the digest, in base64: no log loses what was downloaded.
"""

import base64

from docker_credential_gcr.emulator.registry.errors import LinkInvalid
from docker_credential_gcr.emulator.sites.hosts import Target, locate, redirect


def format_link(target: Target, digest: str) -> str:
    """Returns the path of a link to a blob of Container Registry."""
    return f"/artifacts-downloads/{target.name}/blobs/{digest}"


def format_artifact_link(target: Target, digest: str) -> str:
    """Returns the path of a link to a blob of Artifact Registry."""
    place = f"namespaces/{target.project_id}/repositories/{target.repository_id}"
    download = base64.urlsafe_b64encode(f"{target.name}@{digest}".encode()).decode().rstrip("=")
    return f"/artifacts-downloads/{place}/downloads/{download}"


def locate_download(host: str, download: str) -> tuple[Target, str]:
    """Returns the target in Artifact Registry and the digest of a link's ID. Raises LinkInvalid."""
    try:
        text = base64.urlsafe_b64decode(download + "=" * (-len(download) % 4)).decode("ascii")
        name, _, digest = text.partition("@")
        target = locate(host, name)
    except ValueError as error:
        raise LinkInvalid from error
    return (redirect(target) if target.repository_id is None else target), digest
