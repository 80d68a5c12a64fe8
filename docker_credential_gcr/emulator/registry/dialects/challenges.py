"""Challenges of the whole registry, at /v2/ and the catalog; and of a repository."""

from docker_credential_gcr.emulator.oci.token_auth import format_challenge, format_scope
from docker_credential_gcr.emulator.registry.http import Request
from docker_credential_gcr.emulator.sites.hosts import DEFAULT_SITE, Target, find_site


def format_repository_challenge(
    request: Request, target: Target, actions: tuple[str, ...], *, unnamed_image: str | None
) -> str:
    """Returns the challenge for the actions on a repository.

    A repository of Artifact Registry as a whole gets the name of an image: my-project/images/pkg.
    """
    name = f"{target.name}/{unnamed_image}" if target.is_place and unnamed_image else target.name
    return format_challenge(_format_realm(request), request.host, format_scope(name, *actions))


def format_site_challenge(request: Request, scope: str | None) -> str:
    """Returns Container Registry's challenge, with a scope for the catalog."""
    return format_challenge(_format_realm(request), request.host, scope)


def format_artifact_site_challenge(request: Request, scope: str | None) -> str:
    """Returns Artifact Registry's challenge: the realm alone, and for /v2/ of gcr.io also the service."""
    site = find_site(request.site_host) or DEFAULT_SITE
    if site.has_repositories or scope is not None:
        return format_challenge(_format_realm(request))
    # Without quotes, as gcr.io does; a port needs them.
    return format_challenge(_format_realm(request), request.host, quotes_service=":" in request.host)


def _format_realm(request: Request) -> str:
    return f"{request.scheme}://{request.host}/v2/token"
