"""Blob redirects (serve --redirect-blobs) to signed links that need no credential, as Google's registries do.

    302 Location: /artifacts-downloads/my-project/app/blobs/sha256:…?expires=1800000300&signature=…

Container Registry redirects to Cloud Storage, Artifact Registry to a path on its own host, for which a client
needs no other host name and certificate; here both do: dialects/links.py. Expiry and signature are in the
query, which logs and journal do not show.

A blob that is one object of an object store has a link to that object. HEAD is never redirected: the store's
signature is for GET.
"""

from urllib.parse import unquote

from docker_credential_gcr.emulator.database.images.blobs import Blob
from docker_credential_gcr.emulator.identity.signed_urls import UrlSigner
from docker_credential_gcr.emulator.registry.dialects.dialect import find_dialect
from docker_credential_gcr.emulator.sites.hosts import Target
from docker_credential_gcr.emulator.storage.pieces import parse_pieces

from .dependencies import RegistryServices
from .errors import LinkInvalid, Unsupported
from .http import Request, Response

# The lifetime of a registry token; a client that needs longer requests the blob again. obstore renews
# temporary credentials five minutes before their end, so no link of an object store outlives them.
_LIFETIME_S = 300
# The most digits of an instant.
_MOST_DIGITS = 12
# Container Registry's empty body.
_EMPTY = b'{"errors":[]}'


async def redirect(services: RegistryServices, links: UrlSigner, target: Target, blob: Blob) -> Response:
    """Returns a redirect to the bytes of a blob of the repository."""
    pieces = parse_pieces(blob.pieces)
    link = await services.store.link(pieces[0][0], _LIFETIME_S) if len(pieces) == 1 else None
    headers = {
        "Location": link or _sign(links, target, blob.digest, now=services.clock.now()),
        "Content-Type": "application/json",
        "Cache-Control": "private",
        "Accept-Ranges": "none",
    }
    return Response(302, headers, _EMPTY)


def _sign(links: UrlSigner, target: Target, digest: str, *, now: float) -> str:
    expires_at = int(now) + _LIFETIME_S
    signature = links.sign(*_describe(target, digest), expires_at=expires_at)
    path = find_dialect(target).format_link(target, digest)
    return f"{path}?expires={expires_at}&signature={signature}"


def check_link(services: RegistryServices, request: Request, target: Target, digest: str) -> None:
    """Raises LinkInvalid unless the request has a valid link to the blob; ignores its credential."""
    if services.links is None:
        raise Unsupported("this registry does not redirect: request the blob under /v2/")
    if unquote(request.path) != find_dialect(target).format_link(target, digest):
        raise LinkInvalid
    expires_at = request.parameter("expires") or ""
    signature = request.parameter("signature") or ""
    if not (expires_at.isascii() and expires_at.isdigit() and len(expires_at) <= _MOST_DIGITS):
        raise LinkInvalid
    if not services.links.is_valid(
        signature, *_describe(target, digest), expires_at=int(expires_at), now=services.clock.now()
    ):
        raise LinkInvalid


def _describe(target: Target, digest: str) -> tuple[str, str, str]:
    """Returns the signed fields of a link; the bucket stands for the site."""
    return target.bucket, target.path, digest
