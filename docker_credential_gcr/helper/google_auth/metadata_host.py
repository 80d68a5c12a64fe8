"""The host of a metadata server, and the registries that its tokens may go to.

It stands apart from what asks the server: `status` checks the host, and TLS would cost it 9 ms.
"""

from docker_credential_gcr.errors import OTHER_SOURCE, TokenError
from docker_credential_gcr.helper import registries
from docker_credential_gcr.helper.token_sources import TokenRequest
from docker_credential_gcr.helper.token_sources.metadata import ADDRESS, NAME, Metadata

from . import endpoint

CHECK = "metadata server"
GOOGLES = (NAME, "metadata", ADDRESS, "[fd20:ce::254]")


def check_use(source: Metadata, request: TokenRequest) -> None:
    """Raises TokenError when a token of that server may not reach the registry, or it is no server."""
    _check_host("GCE_METADATA_HOST", source.host)
    _check_host("GCE_METADATA_IP", source.address)
    host = source.host.lower().removesuffix(":80")
    name = host if host.endswith("]") else host.partition(":")[0]
    parts = name.split(".")
    is_link_local = parts[:2] == ["169", "254"] and len(parts) == 4 and all(part.isdigit() for part in parts)
    is_google = name in GOOGLES or is_link_local
    if request.world == registries.GOOGLE and not is_google:
        raise TokenError(
            f"metadata server {source.host} is not Google's: no token of it goes to Google's {request.host}",
            hint="unset GCE_METADATA_HOST",
            check=CHECK,
            command="unset GCE_METADATA_HOST",
        )
    if request.world == registries.LOOPBACK and not registries.is_loopback(host):
        raise TokenError(
            f"metadata server {source.host} is Google's: no token of it goes to {request.host}",
            hint="set GCE_METADATA_HOST to the emulator's host",
            check=CHECK,
            command=OTHER_SOURCE,
        )


def _check_host(variable: str, host: str) -> None:
    try:
        is_host = endpoint.parse_endpoint(f"http://{host}/").host == host.lower()
    except ValueError:
        is_host = False
    if not is_host:
        raise TokenError(
            f"{variable} names {host!r}, which is not a host",
            hint=f"correct or unset {variable}",
            check="variable",
            command=f"unset {variable}",
        )
