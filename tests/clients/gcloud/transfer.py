"""Pushes and pulls all images of a project, in the sandbox of a run: faster and more exact than a client.

python -m clients.gcloud.transfer push KEY gcr.io/my-project 20             {"app-01:v1": "sha256:…"}
python -m clients.gcloud.transfer pull KEY gcr.io/my-project app-01:v1      {"app-01:v1": ["sha256:…", true]}
python -m clients.gcloud.transfer read KEY gcr.io/my-project 100 app-01:v1  [["sha256:…", true], …]

It prints JSON; `true` tells that Artifact Registry gave the answer. `-` as KEY is no credential.
"""

import gzip
import json
import os
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

import _image
from support.images import (
    DOCKER_CONFIG,
    DOCKER_MANIFEST,
    OCI_CONFIG,
    OCI_INDEX,
    OCI_LAYER_GZIP,
    OCI_MANIFEST,
    digest_of,
)
from support.registry_client import RegistryClient

DOCKER_LAYER = "application/vnd.docker.image.rootfs.diff.tar.gzip"
FORMS = ((OCI_MANIFEST, OCI_CONFIG, OCI_LAYER_GZIP), (DOCKER_MANIFEST, DOCKER_CONFIG, DOCKER_LAYER))
ACCEPTED = {"Accept": ", ".join([OCI_INDEX, OCI_MANIFEST, DOCKER_MANIFEST])}
# On each answer that Artifact Registry gives at a name of gcr.io.
REDIRECTED = "X-Gcr-Using-Artifact-Registry"


class Transfer:
    """The images below one name, such as gcr.io/my-project."""

    def __init__(self, key: str, base: str) -> None:
        host, _, self._folder = base.partition("/")
        auth = None if key == "-" else ("_json_key", Path(key).read_text())
        self._client = RegistryClient(f"https://{host}", auth)
        self._client.session.verify = os.environ["SSL_CERT_FILE"]
        self._tokens: dict[str, str] = {}

    def push(self, count: int) -> dict[str, str]:
        """Pushes images, each fourth an index of two; returns the digest of each reference."""
        pushed: dict[str, str] = {}
        for number in range(count):
            image = f"team/app-{number:02}" if number % 5 == 0 else f"app-{number:02}"
            media_type, data = self._push_image(image, f"{number}", "amd64", FORMS[number % 2])
            other_type, other = self._push_image(image, f"{number}", "arm64", FORMS[number % 2])
            pushed[f"{image}@{digest_of(other)}"] = digest_of(other)
            if number % 4 == 0:
                children = [
                    {"mediaType": kind, "digest": digest_of(child), "size": len(child), "platform": platform}
                    for kind, child, platform in (
                        (media_type, data, {"os": "linux", "architecture": "amd64"}),
                        (other_type, other, {"os": "linux", "architecture": "arm64"}),
                    )
                ]
                media_type = OCI_INDEX
                data = _image.format_json({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": children})
            for tag in ("v1", "latest"):
                self._put(image, tag, media_type, data)
                pushed[f"{image}:{tag}"] = digest_of(data)
        return pushed

    def pull(self, references: Iterable[str]) -> dict[str, tuple[str, bool]]:
        """Pulls images with all that they consist of, and checks every digest."""
        pulled = {}
        for reference in references:
            image, _, name = reference.partition("@") if "@" in reference else reference.partition(":")
            pulled[reference] = self._pull(image, name)
        return pulled

    def read(self, count: int, reference: str) -> list[tuple[str, bool]]:
        """Pulls one manifest `count` times."""
        image, _, name = reference.partition(":")
        return [self._read(image, name)[1:] for _ in range(count)]

    def _push_image(
        self, image: str, content: str, architecture: str, form: tuple[str, str, str]
    ) -> tuple[str, bytes]:
        media_type, config_type, layer_type = form
        repository = f"{self._folder}/{image}"
        layer = _image.make_layer(f"{content} {architecture}".encode())
        config = _image.format_json(
            {
                "architecture": architecture,
                "os": "linux",
                "config": {},
                "rootfs": {"type": "layers", "diff_ids": [digest_of(layer)]},
            }
        )
        data = _image.format_json(
            {
                "schemaVersion": 2,
                "mediaType": media_type,
                "config": self._client.push_blob(repository, config, config_type),
                "layers": [self._client.push_blob(repository, gzip.compress(layer, mtime=0), layer_type)],
            }
        )
        self._put(image, digest_of(data), media_type, data)
        return media_type, data

    def _put(self, image: str, reference: str, media_type: str, data: bytes) -> None:
        answer = self._client.put_manifest(f"{self._folder}/{image}", reference, data, media_type)
        assert answer.status_code == 201, answer.text

    def _pull(self, image: str, reference: str) -> tuple[str, bool]:
        data, digest, is_redirected = self._read(image, reference)
        manifest = json.loads(data)
        for child in manifest.get("manifests", []):
            self._pull(image, child["digest"])
        parts = [manifest["config"], *manifest["layers"]] if "config" in manifest else []
        for part in parts:
            found, _ = self._get(image, f"blobs/{part['digest']}")
            assert (digest_of(found), len(found)) == (part["digest"], part["size"])
        return digest, is_redirected

    def _read(self, image: str, reference: str) -> tuple[bytes, str, bool]:
        data, is_redirected = self._get(image, f"manifests/{reference}")
        digest = digest_of(data)
        assert ":" not in reference or reference == digest
        return data, digest, is_redirected

    def _get(self, image: str, path: str) -> tuple[bytes, bool]:
        repository = f"{self._folder}/{image}"
        if repository not in self._tokens:
            self._tokens[repository] = self._client.token(f"repository:{repository}:pull")
        token = self._tokens[repository]
        answer = self._client.call(
            "GET", f"/v2/{repository}/{path}", token=token, headers=ACCEPTED, allow_redirects=True
        )
        assert answer.status_code == 200, (path, answer.status_code, answer.text)
        return answer.content, answer.headers.get(REDIRECTED) == "true"


def main(verb: str, key: str, base: str, *arguments: str) -> None:
    """Runs the verb, and prints its result as JSON."""
    transfer = Transfer(key, base)
    verbs: dict[str, Callable[[], object]] = {
        "push": lambda: transfer.push(int(arguments[0])),
        "pull": lambda: transfer.pull(arguments),
        "read": lambda: transfer.read(int(arguments[0]), arguments[1]),
    }
    sys.stdout.write(json.dumps(verbs[verb]()))


if __name__ == "__main__":
    main(*sys.argv[1:])
