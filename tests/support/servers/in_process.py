"""Emulator in this process, called without a socket, with one resource of each kind."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric import rsa
from support.backing_services import find_services
from support.images import OCI_CONFIG, OCI_MANIFEST, digest_of
from support.keys import make_certificate

from docker_credential_gcr.emulator.app import Emulator
from docker_credential_gcr.emulator.data_directory import DataDirectory
from docker_credential_gcr.emulator.gce_instance import build_instance
from docker_credential_gcr.emulator.settings import Settings

ACCOUNT = "ci@my-project.iam.gserviceaccount.com"
POOLS = "/v1/projects/my-project/locations/global/workloadIdentityPools"
REPOSITORIES = "/v1/projects/my-project/locations/us/repositories"


class InProcess:
    """An emulator with these settings; `places` are the names of its resources, for the paths of routes."""

    def __init__(self, data: Path, call_app: Callable[..., Any], **settings: Any) -> None:
        self.data = data
        self._call_app = call_app
        self._loop = asyncio.new_event_loop()
        self._directory = DataDirectory(data)
        instance = build_instance(ACCOUNT, ())
        given = Settings(projects=("my-project",), instance=instance, **settings)
        self.settings = find_services(data).add_to(given)
        self.emulator = Emulator(self.settings, self._directory, is_stopping=lambda: False)
        self.emulator.prepare()
        # Path parameter -> the name of its resource.
        self.places = {
            "project": "my-project",
            "account": ACCOUNT,
            "bucket": "bucket-aa",
            "object": "x",
            "pool": "outside",
            "provider": "issuer",
            "location": "us",
            "repository": "repo",
            "package": "app",
            "tag": "v1",
            "topic": "news",
            "subscription": "builds",
            "secret": "password",
            "number": "1",
            "service": "storage.googleapis.com",
            "operation": "acf.x",
        }

    def send(
        self, method: str, url: str, body: bytes = b"", headers: dict[str, str] | None = None, **options: str
    ) -> Any:
        """Sends one request; returns the response."""
        run = self._loop.run_until_complete
        return self._call_app(self.emulator.app, method, url, body, headers, run=run, **options)

    def call(self, method: str, url: str, document: object = None) -> Any:
        """Sends a request that must succeed; returns the response's JSON."""
        reply = self.send(method, url, b"" if document is None else json.dumps(document).encode())
        assert reply.status < 300, (method, url, reply)
        return reply.body

    def fill(self, path: str) -> str:
        """Returns a route's path, filled with the resources' names."""
        for name, value in self.places.items():
            path = path.replace(f"{{{name}}}", value)
        return path

    def add_one_of_everything(self, rsa_key: rsa.RSAPrivateKey) -> None:
        """Creates a bucket, a repository with an image, a key, a pool and its provider."""
        certificate = make_certificate(rsa_key)
        key = self.call(
            "POST", f"/v1/projects/-/serviceAccounts/{ACCOUNT}/keys:upload", {"publicKeyData": certificate}
        )
        self.places["key"] = key["name"].rpartition("/")[2]
        self.call("POST", "/storage/v1/b?project=my-project", {"name": "bucket-aa"})
        self.call("POST", f"{POOLS}?workloadIdentityPoolId=outside", {})
        provider = {
            "oidc": {"issuerUri": "https://issuer.example"},
            "attributeMapping": {"google.subject": "assertion.sub"},
        }
        self.call("POST", f"{POOLS}/outside/providers?workloadIdentityPoolProviderId=issuer", provider)
        self.call("POST", f"{REPOSITORIES}?repositoryId=repo", {"format": "DOCKER"})
        self.call("PUT", "/v1/projects/my-project/topics/news", {})
        topic = {"topic": "projects/my-project/topics/news"}
        self.call("PUT", "/v1/projects/my-project/subscriptions/builds", topic)
        self.call(
            "POST", "/v1/projects/my-project/secrets?secretId=password", {"replication": {"automatic": {}}}
        )
        payload = {"payload": {"data": "YQ=="}}
        self.call("POST", "/v1/projects/my-project/secrets/password:addVersion", payload)
        webhook = self.call("POST", "/_emulator/webhooks", {"url": "https://127.0.0.1:1/"})
        self.places["webhook"] = webhook["id"]
        self.places["version"] = self._push("us-docker.pkg.dev/my-project/repo/app")
        self.places["image"] = f"app@{self.places['version']}"
        self._push("my-project/app")

    def _push(self, name: str) -> str:
        config = b"{}"
        self.push_blob(name, config)
        document = json.dumps(make_manifest(config)).encode()
        url = f"/v2/{name}/manifests/v1"
        pushed = self.send("PUT", url, document, {"content-type": OCI_MANIFEST})
        assert pushed.status == 201, pushed
        digest: str = pushed.headers["docker-content-digest"]
        return digest

    def push_blob(self, name: str, data: bytes) -> None:
        digest = digest_of(data)
        pushed = self.send("POST", f"/v2/{name}/blobs/uploads/?digest={digest}", data)
        assert pushed.status == 201, pushed

    def close(self) -> None:
        self.emulator.close()
        self._directory.close()
        self._loop.close()


def make_manifest(config: bytes) -> dict[str, Any]:
    """Returns a manifest whose layer and subject are its config."""
    descriptor = {
        "mediaType": OCI_CONFIG,
        "digest": digest_of(config),
        "size": len(config),
    }
    return {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "artifactType": "application/x",
        "config": descriptor,
        "layers": [descriptor],
        "subject": descriptor,
        "annotations": {"a": "b"},
    }
