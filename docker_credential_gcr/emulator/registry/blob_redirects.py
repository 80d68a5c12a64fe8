"""Redirects of blobs, serve --redirect-blobs: to links that need no credential, as Google's registries do.

    302 Location: /artifacts-downloads/my-project/app/blobs/sha256:…?expires=1800000300&signature=…

Container Registry leads to Cloud Storage, Artifact Registry to such a path of its own, which needs no
name and no certificate that a client does not know already. What opens the bytes is in the query, of which
logs and the journal show nothing.
"""

from docker_credential_gcr.emulator.identity.signed_urls import UrlSigner
from docker_credential_gcr.emulator.sites.hosts import Target

from .dependencies import Services
from .errors import LinkInvalid, Unsupported
from .http import Request, Response

# As long as a registry token is good for; a client that comes back later asks for the blob anew.
_LIFETIME_S = 300
# Digits of an instant, enough for any clock.
_LONGEST = 12
# Container Registry's form of a body that has nothing to say.
_NOTHING = b'{"errors":[]}'


def redirect(links: UrlSigner, target: Target, digest: str, *, now: float) -> Response:
    """Lead to the bytes of a blob of the repository."""
    expires_at = int(now) + _LIFETIME_S
    signature = links.sign(*_describe(target, digest), expires_at=expires_at)
    path = f"/artifacts-downloads/{target.name}/blobs/{digest}"
    headers = {
        "Location": f"{path}?expires={expires_at}&signature={signature}",
        "Content-Type": "application/json",
        "Cache-Control": "private",
        "Accept-Ranges": "none",
    }
    return Response(302, headers, _NOTHING)


def check_link(services: Services, request: Request, target: Target, digest: str) -> None:
    """Raise LinkInvalid unless the request came by a link to just this, whatever credential it brings."""
    if services.links is None:
        raise Unsupported("this registry redirects nobody")
    expires_at = request.parameter("expires") or ""
    signature = request.parameter("signature") or ""
    if not (expires_at.isascii() and expires_at.isdigit() and len(expires_at) <= _LONGEST):
        raise LinkInvalid
    if not services.links.is_valid(
        signature, *_describe(target, digest), expires_at=int(expires_at), now=services.clock.now()
    ):
        raise LinkInvalid


def _describe(target: Target, digest: str) -> tuple[str, str, str]:
    """What a link opens; the bucket says at which site."""
    return target.bucket, target.path, digest
