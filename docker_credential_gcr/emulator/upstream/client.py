"""Client of one upstream registry: manifests, blobs and referrers, read alone.

client = UpstreamClient(parse_upstream("https://registry-1.docker.io"), rule, now=clock.now)
head = await client.head_manifest("library/alpine", "3")       # a HEAD is no pull for Docker Hub
manifest = await client.get_manifest("library/alpine", head.digest or "3")
stream = await client.open_blob("library/alpine", manifest.parsed.layers[0].digest)
async for chunk in verify(stream, …): …
"""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from docker_credential_gcr.emulator.oci.digest import parse_digest
from docker_credential_gcr.emulator.oci.reference import parse_name, parse_reference
from docker_credential_gcr.emulator.outgoing.client import Resolve
from docker_credential_gcr.emulator.outgoing.resolver import resolve
from docker_credential_gcr.emulator.outgoing.rule import OutgoingRule, is_loopback_name
from docker_credential_gcr.emulator.outgoing.target import Target
from docker_credential_gcr.emulator.settings import Limits

from . import referrers
from .blobs import BlobStream
from .breaker import UpstreamBreaker
from .connections import SILENCE_S, Check, UpstreamConnections, UpstreamResponse
from .errors import UpstreamBadStatus, UpstreamMismatch, UpstreamNotFound
from .exchange import GetCredentials, UpstreamExchange, UpstreamRequest
from .limits import PullLimit
from .manifests import ACCEPT, ManifestHead, UpstreamManifest, check_manifest, read_head
from .registries import Upstream
from .tokens import UpstreamCredentials

# For a manifest's last byte, or a blob's first, with tokens, redirects and repetitions.
LIMIT_S = 15.0
# More than registries take as one blob.
MAX_BLOB = 1024**4


async def find_no_credentials() -> UpstreamCredentials | None:
    """Returns None: the upstream is asked anonymously."""
    return None


class UpstreamClient:
    """Reads from one upstream; belongs to the event loop of its first request.

    `find_credentials` is awaited for each request: what an administrator has changed counts from the next.
    All methods raise UpstreamError, and InvalidValue for a name, reference or digest that breaks its grammar.
    """

    def __init__(
        self,
        upstream: Upstream,
        rule: OutgoingRule,
        *,
        now: Callable[[], float],
        find_credentials: GetCredentials = find_no_credentials,
        limits: Limits | None = None,
        max_blob: int = MAX_BLOB,
        resolve: Resolve = resolve,
        environ: Mapping[str, str] = os.environ,
        silence_s: float = SILENCE_S,
    ) -> None:
        self._upstream, self._max_blob = upstream, max_blob
        self._max_manifest = (limits or Limits()).manifest_size
        check = make_check(upstream, rule)
        self._connections = UpstreamConnections(check, resolve=resolve, environ=environ, silence_s=silence_s)
        self._exchange = UpstreamExchange(upstream, self._connections, find_credentials, now=now)

    @property
    def breaker(self) -> UpstreamBreaker:
        """Returns what tells whether a copy may be re-checked now."""
        return self._exchange.breaker

    @property
    def pull_limit(self) -> PullLimit | None:
        """Returns what the upstream last said of its limit."""
        return self._exchange.pull_limit

    async def head_manifest(self, name: str, reference: str, *, limit_s: float = LIMIT_S) -> ManifestHead:
        """Returns what the upstream says of a manifest, without its bytes: for Docker Hub this is no pull."""

        async def consume(response: UpstreamResponse) -> ManifestHead:
            return read_head(response, reference)

        path = self._find_path(name, "manifests", parse_reference(reference))
        return await self._exchange.send(UpstreamRequest(name, path, ACCEPT, consume, "HEAD"), limit_s)

    async def get_manifest(self, name: str, reference: str, *, limit_s: float = LIMIT_S) -> UpstreamManifest:
        """Returns a manifest whose bytes, digest and type agree."""

        async def consume(response: UpstreamResponse) -> UpstreamManifest:
            return check_manifest(response, reference, await response.read(self._max_manifest))

        path = self._find_path(name, "manifests", parse_reference(reference))
        return await self._exchange.send(UpstreamRequest(name, path, ACCEPT, consume), limit_s)

    async def open_blob(
        self, name: str, digest: str, offset: int = 0, *, size: int | None = None, limit_s: float = LIMIT_S
    ) -> BlobStream:
        """Returns the bytes of a blob from the offset on; `size` is what a manifest says of it."""

        async def open_at(position: int) -> UpstreamResponse:
            headers = {"Range": f"bytes={position}-"} if position else {}
            accepts = frozenset({200, 206} if position else {200})
            request = UpstreamRequest(name, path, headers, _keep, accepts=accepts)
            return await self._exchange.send(request, limit_s)

        path = self._find_path(name, "blobs", parse_digest(digest))
        stream = BlobStream(
            open_at, offset, size=size, max_size=self._max_blob, note_error=self._exchange.count_error
        )
        await stream.open()
        return stream

    async def list_referrers(
        self, name: str, digest: str, *, limit_s: float = LIMIT_S
    ) -> list[dict[str, Any]]:
        """Returns the descriptors of a manifest's referrers, from the API or else from the referrers tag."""
        path: str | None = self._find_path(name, "referrers", parse_digest(digest))
        found: list[dict[str, Any]] = []
        try:
            for _ in range(referrers.MAX_PAGES):
                if path is None:
                    return found
                page, path = await self._get_page(name, path, limit_s)
                found += page
                if len(found) > referrers.MAX_REFERRERS:
                    break
        except (UpstreamNotFound, UpstreamBadStatus) as error:
            if isinstance(error, UpstreamBadStatus) and error.status not in referrers.NO_API:
                raise
            return await self._list_tagged(name, digest, limit_s)
        raise UpstreamMismatch(self._upstream.find_repository(name), "the list of referrers has no end")

    async def close(self) -> None:
        """Closes all connections."""
        await self._connections.close()

    async def _get_page(
        self, name: str, path: str, limit_s: float
    ) -> tuple[list[dict[str, Any]], str | None]:
        async def consume(response: UpstreamResponse) -> tuple[list[dict[str, Any]], str | None]:
            data = await response.read(self._max_manifest)
            return referrers.parse_referrers(response.url, data), referrers.find_next_page(response)

        return await self._exchange.send(UpstreamRequest(name, path, referrers.ACCEPT, consume), limit_s)

    async def _list_tagged(self, name: str, digest: str, limit_s: float) -> list[dict[str, Any]]:
        try:
            manifest = await self.get_manifest(name, referrers.format_tag(digest), limit_s=limit_s)
        except UpstreamNotFound:
            return []
        return referrers.parse_referrers(self._find_path(name, "referrers", digest), manifest.data)

    def _find_path(self, name: str, kind: str, reference: str) -> str:
        return f"{self._upstream.find_repository(parse_name(name))}/{kind}/{reference}"


async def _keep(response: UpstreamResponse) -> UpstreamResponse:
    return response


def make_check(upstream: Upstream, rule: OutgoingRule) -> Check:
    """Returns the rule of one upstream: its own hosts, and where it redirects to as the server's rule allows.

    An upstream elsewhere does not lead to services of this machine, which the server's rule may allow (T15).
    """
    own = replace(rule, allowed=(*rule.allowed, *upstream.hosts))
    others = rule if is_loopback_name(upstream.root.host) else replace(rule, loopback=False)

    def check(target: Target, addresses: Sequence[str]) -> None:
        chosen = own if (target.host, target.port) in upstream.hosts else others
        chosen.check(target, addresses)

    return check
