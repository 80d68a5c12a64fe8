"""A small registry client: HTTP and the standard library only.

It logs in as the distribution specification says: a 401 names a realm, the client sends its credential
there as Basic, and the token from there to the registry as Bearer. It follows no redirect, and sends no
credential to another host than the registry's own.
"""

import base64
import http.client
import json
import re
from dataclasses import dataclass
from urllib.parse import urlencode, urljoin, urlsplit

from _image import digest_of

MANIFESTS = (
    "application/vnd.oci.image.manifest.v1+json,application/vnd.oci.image.index.v1+json,"
    "application/vnd.docker.distribution.manifest.v2+json,application/vnd.docker.distribution.manifest.list.v2+json"
)


class Refused(Exception):
    """The registry's answer has an unexpected status, host or digest."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True)
class Answer:
    """One response: its headers in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes


class Registry:
    """A registry at `host:port` over plain HTTP, and the credential for it, if any."""

    def __init__(self, host: str, credential: tuple[str, str] | None = None) -> None:
        self.host = host
        self._credential = credential
        self.tokens: dict[str, str] = {}  # by scope

    def ping(self) -> None:
        """Checks that the registry accepts the credential."""
        self.ask("GET", "/v2/", "", 200)

    def push_blob(self, repository: str, data: bytes, *, chunk_size: int | None = None) -> str:
        """Uploads the bytes unless the repository has them; returns their digest."""
        digest = digest_of(data)
        scope = f"repository:{repository}:pull,push"
        if self.find_blob_size(repository, digest, scope=scope) is not None:
            return digest
        answer = self.ask("POST", f"/v2/{repository}/blobs/uploads/", scope, 202)
        size = chunk_size or max(len(data), 1)
        for offset in range(0, len(data), size):
            chunk = data[offset : offset + size]
            headers = {
                "Content-Type": "application/octet-stream",
                "Content-Range": f"{offset}-{offset + len(chunk) - 1}",
            }
            answer = self.ask("PATCH", self._location(answer), scope, 202, 204, body=chunk, headers=headers)
        location = self._location(answer)
        location += ("&" if "?" in location else "?") + urlencode({"digest": digest})
        self.ask("PUT", location, scope, 201)
        return digest

    def push_manifest(self, repository: str, reference: str, data: bytes, media_type: str) -> str:
        """Pushes the manifest under a tag or its digest; returns its digest."""
        scope = f"repository:{repository}:pull,push"
        path = f"/v2/{repository}/manifests/{reference}"
        self.ask("PUT", path, scope, 201, body=data, headers={"Content-Type": media_type})
        return digest_of(data)

    def find_blob_size(self, repository: str, digest: str, *, scope: str = "") -> int | None:
        """Returns the blob's size by HEAD, or None if the repository does not have it."""
        path = f"/v2/{repository}/blobs/{digest}"
        answer = self.ask("HEAD", path, scope or f"repository:{repository}:pull", 200, 404)
        return int(answer.headers["content-length"]) if answer.status == 200 else None

    def pull_blob(self, repository: str, digest: str) -> bytes:
        """Returns the bytes of the blob, checked against their digest."""
        answer = self.ask("GET", f"/v2/{repository}/blobs/{digest}", f"repository:{repository}:pull", 200)
        return _checked(answer.body, digest)

    def pull_manifest(self, repository: str, reference: str) -> tuple[bytes, str]:
        """Returns the bytes of the manifest and its media type."""
        path = f"/v2/{repository}/manifests/{reference}"
        answer = self.ask("GET", path, f"repository:{repository}:pull", 200, headers={"Accept": MANIFESTS})
        digest = reference if ":" in reference else answer.headers["docker-content-digest"]
        return _checked(answer.body, digest), answer.headers["content-type"]

    def ask(
        self,
        method: str,
        path: str,
        scope: str,
        *expected: int,
        body: bytes = b"",
        headers: dict[str, str] | None = None,
    ) -> Answer:
        """Sends a request, with a token for the scope once the registry demands one. Raises Refused."""
        answer = self._send(method, path, {**(headers or {}), **self._authorization(scope)}, body)
        if answer.status == 401 and "www-authenticate" in answer.headers:
            self.tokens[scope] = self._fetch_token(answer.headers["www-authenticate"], scope)
            answer = self._send(method, path, {**(headers or {}), **self._authorization(scope)}, body)
        if answer.status not in expected:
            raise Refused(answer.status, _describe(answer))
        return answer

    def _authorization(self, scope: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.tokens[scope]}"} if scope in self.tokens else {}

    def _fetch_token(self, challenge: str, scope: str) -> str:
        parameters = dict(re.findall(r'(\w+)="([^"]*)"', challenge))
        realm = urlsplit(parameters.get("realm", ""))
        if (realm.scheme, realm.netloc) != ("http", self.host):
            raise Refused(401, f"{self.host} sends the credential to another host, {realm.netloc!r}")
        query = {
            name: value for name, value in (("service", parameters.get("service")), ("scope", scope)) if value
        }
        headers = {}
        if self._credential is not None:
            pair = ":".join(self._credential).encode()
            headers["Authorization"] = f"Basic {base64.b64encode(pair).decode()}"
        answer = self._send("GET", f"{realm.path}?{urlencode(query)}", headers)
        if answer.status != 200:
            raise Refused(answer.status, _describe(answer))
        return str(json.loads(answer.body)["token"])

    def _send(self, method: str, path: str, headers: dict[str, str], body: bytes = b"") -> Answer:
        connection = http.client.HTTPConnection(self.host, timeout=60)
        try:
            connection.request(method, path, body or None, headers)
            response = connection.getresponse()
            named = {name.lower(): value for name, value in response.getheaders()}
            return Answer(response.status, named, response.read())
        finally:
            connection.close()

    def _location(self, answer: Answer) -> str:
        url = urlsplit(urljoin(f"http://{self.host}/", answer.headers["location"]))
        if (url.scheme, url.netloc) != ("http", self.host):
            raise Refused(answer.status, f"{self.host} sends the upload to another host, {url.netloc!r}")
        return url._replace(scheme="", netloc="").geturl()


def _describe(answer: Answer) -> str:
    try:
        error = json.loads(answer.body)["errors"][0]
        return f"{error['code'].lower()}: {error['message']}"
    except (ValueError, LookupError, TypeError, AttributeError):
        return f"unexpected HTTP status {answer.status}"


def _checked(data: bytes, digest: str) -> bytes:
    if digest_of(data) != digest:
        raise Refused(200, f"{len(data)} bytes of digest {digest_of(data)} came for {digest}")
    return data
