"""Upstream registries: the URL of one, and the token host that its documentation names.

https://registry-1.docker.io        ->  /v2/library/alpine/…          token host auth.docker.io
https://us-docker.pkg.dev/P/images  ->  /v2/P/images/library/alpine/…  token host its own
"""

from dataclasses import dataclass

from docker_credential_gcr.emulator.oci.errors import InvalidName
from docker_credential_gcr.emulator.oci.reference import parse_name
from docker_credential_gcr.emulator.outgoing.errors import OutgoingRefused
from docker_credential_gcr.emulator.outgoing.rule import AllowedHost
from docker_credential_gcr.emulator.outgoing.target import Target, parse_target

# Registries whose challenge names another host. https://docs.docker.com/reference/api/registry/auth/
# https://docs.gitlab.com/administration/packages/container_registry/
_TOKEN_HOSTS: dict[str, tuple[AllowedHost, ...]] = {
    "registry-1.docker.io": (("auth.docker.io", 443),),
    "index.docker.io": (("auth.docker.io", 443),),
    "registry.gitlab.com": (("gitlab.com", 443),),
}


@dataclass(frozen=True)
class Upstream:
    """An upstream registry: its root, what its repositories' names begin with, and foreign token hosts."""

    root: Target
    prefix: str = ""
    token_hosts: tuple[AllowedHost, ...] = ()

    @property
    def host(self) -> AllowedHost:
        """Returns its host and port."""
        return self.root.host, self.root.port

    @property
    def hosts(self) -> tuple[AllowedHost, ...]:
        """Returns the hosts that its configuration allows: its own and its token hosts."""
        return (self.host, *self.token_hosts)

    def find_repository(self, name: str) -> str:
        """Returns the path below which a repository's manifests and blobs are."""
        return f"/v2/{self.prefix}{name}"

    def may_have_credentials(self, target: Target) -> bool:
        """Returns whether credentials may be sent to a realm: never elsewhere, never less protected (T16)."""
        if (target.host, target.port) == self.host:
            return target.scheme == self.root.scheme
        return target.scheme == "https" and (target.host, target.port) in self.token_hosts


def parse_upstream(url: str) -> Upstream:
    """Parses the URL of an upstream; its path is a prefix of repositories. Raises OutgoingRefused."""
    root = parse_target(url)
    prefix = root.path.strip("/")
    if prefix:
        try:
            parse_name(prefix)
        except InvalidName as error:
            raise OutgoingRefused("the URL's path is not the beginning of a repository's name") from error
    hosts = _TOKEN_HOSTS.get(root.host, ()) if (root.scheme, root.port) == ("https", 443) else ()
    return Upstream(Target(root.scheme, root.host, root.port, "/"), f"{prefix}/" if prefix else "", hosts)
