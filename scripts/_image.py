"""OCI image layout on the disk: writes a small image, reads one.

directory/
  oci-layout
  index.json                 names the manifest
  blobs/sha256/<hex>         manifest, configuration and layers
"""

import gzip
import hashlib
import io
import json
import tarfile
from pathlib import Path
from typing import Any

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"


def digest_of(data: bytes | memoryview) -> str:
    """Returns the sha256 digest of the bytes."""
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def make_layer(content: bytes) -> bytes:
    """Returns an uncompressed layer with one file."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        entry = tarfile.TarInfo("hello.txt")
        entry.size = len(content)
        archive.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


def make_layout(directory: Path, content: bytes) -> str:
    """Writes the layout of an image with one file; returns the manifest's digest."""
    layer = make_layer(content)
    config = {
        "architecture": "amd64",
        "os": "linux",
        "config": {},
        "rootfs": {"type": "layers", "diff_ids": [digest_of(layer)]},
    }
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": save_blob(directory, format_json(config), CONFIG),
        "layers": [save_blob(directory, gzip.compress(layer, mtime=0), LAYER)],
    }
    return save_index(directory, format_json(manifest), MANIFEST)


def save_blob(directory: Path, data: bytes, media_type: str) -> dict[str, Any]:
    """Writes the bytes under their digest; returns their descriptor."""
    digest = digest_of(data)
    path = blob_path(directory, digest)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return {"mediaType": media_type, "digest": digest, "size": len(data)}


def save_index(directory: Path, manifest: bytes, media_type: str) -> str:
    """Writes the manifest and an index with it alone; returns its digest."""
    descriptor = save_blob(directory, manifest, media_type)
    (directory / "oci-layout").write_bytes(format_json({"imageLayoutVersion": "1.0.0"}))
    (directory / "index.json").write_bytes(format_json({"schemaVersion": 2, "manifests": [descriptor]}))
    return str(descriptor["digest"])


def load_image(directory: Path) -> tuple[dict[str, Any], bytes]:
    """Returns the descriptor and the bytes of the layout's first manifest."""
    index = json.loads((directory / "index.json").read_bytes())
    descriptor = index["manifests"][0]
    return descriptor, blob_path(directory, descriptor["digest"]).read_bytes()


def blob_path(directory: Path, digest: str) -> Path:
    """Returns the path of the blob in the layout."""
    algorithm, _, encoded = digest.partition(":")
    return directory / "blobs" / algorithm / encoded


def format_json(value: object) -> bytes:
    """Returns compact JSON."""
    return json.dumps(value, separators=(",", ":")).encode()
