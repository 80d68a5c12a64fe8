"""Registry client for images: /v2/ as any client uses it, with a token for each scope.

The credential is an access token of the operator, which the emulator's own API issues; if the command has an
access token of another account, it is that token.
"""

import base64
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit

from docker_credential_gcr.emulator.next_steps import add_next_step
from docker_credential_gcr.emulator.oci.media_types import INDEXES, MANIFESTS
from docker_credential_gcr.emulator.oci.reference import is_digest
from docker_credential_gcr.emulator.sites.hosts import DEFAULT_SITE, find_site

from .response import Response
from .rest import EmulatorError, Refused, Server, format_bearer
from .server_url import format_registry

_ACCEPT = {"Accept": ", ".join(sorted(MANIFESTS | INDEXES))}
_PULL, _PUSH, _DELETE = "pull", "pull,push", "pull,delete"


class InvalidImage(ValueError):
    """The text does not name an image at this registry."""


@dataclass(frozen=True)
class Image:
    """A repository as in a path of /v2/, and a tag or digest in it; None if none is named."""

    name: str
    reference: str | None = None


class Registry:
    """The registry of a running emulator."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._credential: str | None = None
        self._tokens: dict[str, str] = {}

    def list_images(self, name: str) -> Iterator[tuple[str, str, dict[str, Any]]]:
        """Yields the repository, digest and entry of each manifest in a repository and in those below it."""
        try:
            listed = self.call("GET", f"{name}/tags/list", f"repository:{name}:{_PULL}").parse()
        except ImageUnknown:
            return
        for digest, entry in listed.get("manifest", {}).items():
            yield name, digest, entry
        for child in listed.get("child", []):
            yield from self.list_images(f"{name}/{child}")

    def get_manifest(self, image: Image) -> tuple[bytes, str, str]:
        """Returns the manifest's bytes, media type and digest."""
        path = f"{image.name}/manifests/{image.reference}"
        response = self.call("GET", path, _scope(image, _PULL), headers=_ACCEPT)
        headers = response.headers
        return response.body, headers.get("Content-Type", ""), headers.get("Docker-Content-Digest", "")

    def put_manifest(self, image: Image, data: bytes, media_type: str) -> None:
        """Points the tag at the manifest."""
        path, headers = f"{image.name}/manifests/{image.reference}", {"Content-Type": media_type}
        self.call("PUT", path, _scope(image, _PUSH), body=data, headers=headers)

    def delete_manifest(self, image: Image) -> None:
        """Deletes a tag, or the manifest of a digest."""
        self.call("DELETE", f"{image.name}/manifests/{image.reference}", _scope(image, _DELETE))

    def call(
        self,
        method: str,
        path: str,
        scope: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
    ) -> Response:
        """Returns the response. Raises ImageUnknown, and EmulatorError with the registry's message."""
        if scope not in self._tokens:
            self._tokens[scope] = self._fetch_token(scope)
        sent = {**(headers or {}), "Authorization": format_bearer(self._tokens[scope])}
        return _check(self._server.request(method, f"/v2/{path}", headers=sent, body=body))

    def _fetch_token(self, scope: str) -> str:
        if self._credential is None:
            self._credential = self._fetch_credential()
        basic = base64.b64encode(f"oauth2accesstoken:{self._credential}".encode()).decode()
        path = f"/v2/token?{urlencode({'scope': scope})}"
        response = self._server.request("GET", path, headers={"Authorization": f"Basic {basic}"})
        try:
            token: str = _check(response).parse()["token"]
        except ImageUnknown as error:
            # The project is deleted: a list must report that, and not print no images.
            raise EmulatorError(str(error)) from error
        return token

    def _fetch_credential(self) -> str:
        try:
            token: str = self._server.call("POST", "/_emulator/accessTokens", {})["access_token"]
        except Refused as refusal:
            # Only the operator gets one; the token of another account is a credential for the registry.
            if refusal.status != "PERMISSION_DENIED" or self._server.token is None:
                raise
            return self._server.token
        return token


class ImageUnknown(EmulatorError):
    """The registry has no such repository, tag or digest."""


def parse_image(text: str, url: str) -> Image:
    """Parses the name of an image at the registry of that server. Raises InvalidImage.

    localhost:5000/my-project/app:v1, my-project/app:v1, us-docker.pkg.dev/my-project/images/app@sha256:…
    """
    rest, at, digest = text.partition("@")
    first, slash, path = rest.partition("/")
    if slash and (":" in first or first == "localhost"):
        if first not in (format_registry(url), urlsplit(url).netloc):
            own = format_registry(url)
            raise InvalidImage(f"{first} is not this emulator's registry, {own}: name another with --server")
        rest = path
    name, colon, tag = rest.partition(":")
    if not name or name.endswith("/") or (colon and not tag) or (at and not is_digest(digest)):
        example = f"{format_registry(url)}/my-project/app:v1"
        raise InvalidImage(f"{text!r} does not name an image, such as {example}")
    return Image(name, digest or tag or None)


def format_image(name: str, url: str, environ: Mapping[str, str] = os.environ) -> str:
    """Returns the name that clients use: with the registry's host, or Google's in `gcr-emulator run`."""
    if environ.get("GCR_EMULATOR_REGISTRY") == DEFAULT_SITE.host:
        return name if find_site(name.partition("/")[0]) else f"{DEFAULT_SITE.host}/{name}"
    return f"{format_registry(url)}/{name}"


def _scope(image: Image, actions: str) -> str:
    return f"repository:{image.name}:{actions}"


def _check(response: Response) -> Response:
    if response.status < 400:
        return response
    try:
        error = response.parse()["errors"][0]
        code, message = str(error["code"]), str(error["message"])
    except (ValueError, KeyError, IndexError, TypeError):
        raise EmulatorError(f"the registry answered {response.status}") from None
    if code in ("NAME_UNKNOWN", "MANIFEST_UNKNOWN"):
        raise ImageUnknown(add_next_step(message))
    raise EmulatorError(message)
