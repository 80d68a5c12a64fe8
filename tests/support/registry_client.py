"""A registry client for tests, with at most one credential."""

import json
from typing import Any

import requests
from support.images import OCI_CONFIG, OCI_LAYER, OCI_MANIFEST, describe


class RegistryClient:
    """A client that gets a token for each operation, as docker does.

    `auth` is (user, password), or None; `host` is sent as the Host header.
    """

    def __init__(self, url: str, auth: tuple[str, str] | None = None, *, host: str | None = None) -> None:
        self.url = url
        self.auth = auth
        self.host = host
        self.session = requests.Session()
        self.session.trust_env = False

    def at(self, host: str) -> "RegistryClient":
        """Returns the same client at another host."""
        return RegistryClient(self.url, self.auth, host=host)

    def call(
        self, method: str, path: str, *, token: str | None = None, host: str | None = None, **options: Any
    ) -> Any:
        """Sends one request, with `token` as bearer token; returns the response, redirects included."""
        headers = {"Host": host or self.host} if host or self.host else {}
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        headers |= options.pop("headers", {})
        options = {"timeout": 30, "allow_redirects": False, **options, "headers": headers}
        return self.session.request(method, f"{self.url}{path}", **options)

    def ask_token(self, *scopes: str, query: str = "", **options: Any) -> Any:
        """Returns the token endpoint's response; `auth` replaces the client's credential."""
        wanted = [("scope", scope) for scope in scopes]
        return self.call("GET", f"/v2/token?{query}", **{"auth": self.auth, "params": wanted, **options})

    def token(self, *scopes: str, **options: Any) -> str:
        """Returns a registry token."""
        answer = self.ask_token(*scopes, **options)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["token"])

    def push_blob(
        self, repository: str, data: bytes, media_type: str = "application/octet-stream"
    ) -> dict[str, Any]:
        """Pushes as docker does: POST, PATCH, PUT; returns the blob's descriptor."""
        descriptor = describe(data, media_type)
        token = self.token(f"repository:{repository}:pull,push")
        started = self.call("POST", f"/v2/{repository}/blobs/uploads/", token=token)
        assert started.status_code == 202, started.text
        sent = self.call("PATCH", started.headers["Location"], token=token, data=data)
        assert sent.status_code == 202, sent.text
        ended = self.call("PUT", f"{sent.headers['Location']}?digest={descriptor['digest']}", token=token)
        assert ended.status_code == 201, ended.text
        return descriptor

    def put_manifest(
        self, repository: str, reference: str, document: object, media_type: str = OCI_MANIFEST
    ) -> Any:
        """Pushes a manifest, as bytes or as a value for JSON; returns the response."""
        return self.call(
            "PUT",
            f"/v2/{repository}/manifests/{reference}",
            token=self.token(f"repository:{repository}:pull,push"),
            data=document if isinstance(document, bytes) else json.dumps(document).encode(),
            headers={"Content-Type": media_type},
        )

    def push_image(
        self, repository: str, tag: str, *layers: bytes, created: str = "2026-01-02T03:04:05.678901234Z"
    ) -> str:
        """Pushes a small image; returns its digest."""
        config = self.push_blob(repository, json.dumps({"created": created}).encode(), OCI_CONFIG)
        document = {
            "schemaVersion": 2,
            "mediaType": OCI_MANIFEST,
            "config": config,
            "layers": [self.push_blob(repository, layer, OCI_LAYER) for layer in layers],
        }
        answer = self.put_manifest(repository, tag, document)
        assert answer.status_code == 201, answer.text
        return str(answer.headers["Docker-Content-Digest"])

    def get(self, path: str, *, repository: str = "my-project/app", **options: Any) -> Any:
        """Returns the response to GET, with a token that may pull."""
        return self.call("GET", path, token=self.token(f"repository:{repository}:pull"), **options)

    def delete(self, path: str, *, repository: str = "my-project/app") -> Any:
        """Returns the response to DELETE, with a token that may delete."""
        return self.call("DELETE", path, token=self.token(f"repository:{repository}:pull,delete"))
