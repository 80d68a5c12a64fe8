"""Token endpoints: the URLs that exchange credentials, and to which registries their tokens may be sent."""

from urllib.parse import urlsplit

from docker_credential_gcr.errors import KeyNotForHost, TokenError
from docker_credential_gcr.helper import registries
from docker_credential_gcr.helper.tokens import TokenRequest

NAME_SIZE = 253
UNIVERSE = "googleapis.com"
INSECURE_HOSTS = "DOCKER_CREDENTIAL_GCR_INSECURE_TOKEN_HOSTS"


class Endpoint:
    """URL of http or https, with its host."""

    __slots__ = ("host", "is_google", "scheme", "url")

    def __init__(self, url: str, scheme: str, host: str) -> None:
        self.url = url
        self.scheme = scheme
        self.host = host
        name = host.removesuffix(":443")
        self.is_google = scheme == "https" and name.endswith("." + UNIVERSE)

    @property
    def trust_domain(self) -> str:
        """Returns the trust domain whose tokens may be sent to the endpoint."""
        if self.is_google:
            return registries.GOOGLE
        return registries.LOOPBACK if registries.is_loopback(self.host) else registries.OTHER


def parse_endpoint(url: str) -> Endpoint:
    """Returns the endpoint at a URL, its host with the port. Raises ValueError."""
    parts = urlsplit(url)
    _ = parts.port
    if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc:
        raise ValueError("not an http or https URL")
    if "\\" in url or not url.isascii() or not url.isprintable():
        raise ValueError("not an http or https URL")
    if ":" not in parts.hostname and not is_name(parts.hostname.removesuffix(".")):
        raise ValueError("not an http or https URL")
    return Endpoint(url, parts.scheme, parts.netloc.lower())


def get_endpoint(url: str, named_by: str) -> Endpoint:
    """Returns the endpoint at a URL. Raises TokenError, with `named_by` for the origin of the URL."""
    try:
        return parse_endpoint(url)
    except ValueError as error:
        raise TokenError(f"{named_by} is not an http or https URL") from error


def is_name(text: str) -> bool:
    """Returns whether a resolver and idna accept a name. https://www.rfc-editor.org/rfc/rfc1035#section-2.3.4"""
    if len(text) > NAME_SIZE or text.strip(registries.LABEL + "_."):
        return False
    return all(0 < len(label) < 64 for label in text.split("."))


def check_use(what: str, noun: str, endpoint: Endpoint, request: TokenRequest) -> None:
    """Raises KeyNotForHost when no token of the endpoint may be sent to the registry, or it needs TLS."""
    if request.trust_domain == registries.GOOGLE and not endpoint.is_google:
        raise KeyNotForHost(
            f"{what} is for {endpoint.host}: its tokens are not sent to Google's {request.host}",
            hint=f"use a {noun} from Google",
        )
    if request.trust_domain == registries.LOOPBACK and endpoint.is_google:
        raise KeyNotForHost(
            f"{what} is Google's: its tokens are not sent to {request.host}",
            hint=f"use a {noun} from the emulator",
        )
    if endpoint.scheme == "http" and not (
        registries.is_loopback(endpoint.host)
        or endpoint.host in request.insecure_hosts
        or endpoint.host.rpartition(":")[0] in request.insecure_hosts
    ):
        import shlex  # 1 ms, needed only for an endpoint without TLS

        raise KeyNotForHost(
            f"{what}: token endpoint http://{endpoint.host} is not encrypted",
            hint=f"use https, or name the host in {INSECURE_HOSTS}",
            check="token endpoint",
            command=f"export {INSECURE_HOSTS}={shlex.quote(endpoint.host)}",
        )
