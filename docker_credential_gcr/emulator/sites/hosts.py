"""Which host is which site: a table."""

import ipaddress
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache

from docker_credential_gcr.emulator.identity.resource import format_bucket_project, format_repository_bucket
from docker_credential_gcr.emulator.oci.errors import InvalidName
from docker_credential_gcr.emulator.oci.reference import parse_name
from docker_credential_gcr.locations import REGIONS


@dataclass(frozen=True)
class Site:
    """A registry host of Google's: where its images are, and how the names of its buckets begin.

    Artifact Registry's hosts have repositories in place of buckets.
    """

    host: str
    location: str
    bucket_prefix: str = ""
    has_repositories: bool = False


REGISTRIES = {
    site.host: site
    for site in (
        Site("gcr.io", "US", ""),
        Site("us.gcr.io", "US", "us."),
        Site("eu.gcr.io", "EU", "eu."),
        Site("asia.gcr.io", "ASIA", "asia."),
    )
}

# Google's registries that everybody reads and only Google pushes to.
# https://cloud.google.com/artifact-registry/docs/pull-cached-dockerhub-images
PUBLIC_REGISTRIES = frozenset(
    {
        "mirror.gcr.io",
        "us-mirror.gcr.io",
        "eu-mirror.gcr.io",
        "asia-mirror.gcr.io",
        "marketplace.gcr.io",
        "launcher.gcr.io",
        "l.gcr.io",
        "k8s.gcr.io",
        "staging-k8s.gcr.io",
    }
)

# A name of 253 letters and a port of five digits: no Host header is longer than this many bytes.
HOST_SIZE = 259

# What the paths of a registry begin with: its API, and where it leads for the bytes of a blob.
REGISTRY_PATHS = (b"/v2/", b"/artifacts-downloads/")

# Hosts of Google's APIs: they never serve a registry, so that no token leads to the wrong door.
GOOGLE_APIS = frozenset(
    {
        "oauth2.googleapis.com",
        "openidconnect.googleapis.com",
        "www.googleapis.com",
        "accounts.google.com",
        "iam.googleapis.com",
        "iamcredentials.googleapis.com",
        "sts.googleapis.com",
        "cloudresourcemanager.googleapis.com",
        "serviceusage.googleapis.com",
        "storage.googleapis.com",
        "artifactregistry.googleapis.com",
    }
)

# Where a machine at Google asks who it is, by this name and at this address.
# https://cloud.google.com/compute/docs/metadata/overview
METADATA_HOST = "metadata.google.internal"
METADATA_ADDRESS = "169.254.169.254"
# As clients call it; kubelet's plugin with a dot behind.
# https://cloud.google.com/compute/docs/metadata/querying-metadata
METADATA_HOSTS = frozenset(
    {METADATA_HOST, f"{METADATA_HOST}.", "metadata", METADATA_ADDRESS, "[fd20:ce::254]"}
)

# us-central1-docker.pkg.dev, and the same under its regional name, docker.us-central1.rep.pkg.dev.
_ARTIFACT_HOST = re.compile(
    r"([a-z][a-z0-9-]{0,40})-docker\.pkg\.dev|docker\.([a-z][a-z0-9-]{0,40})\.rep\.pkg\.dev"
)

# Any other host, loopback above all, serves everything by path, and this registry at /v2/.
DEFAULT_SITE = REGISTRIES["gcr.io"]


# The domains that a client may be led here for: the certificate authority vouches for nothing else.
CERTIFIED_DOMAINS = (
    "gcr.io",
    "pkg.dev",
    "googleapis.com",
    "accounts.google.com",
    "console.cloud.google.com",
    METADATA_HOST,
    "localhost",
)


# Hosts that people and programs of the machine go to; what they serve is found by path.
_OTHER_HOSTS = (METADATA_HOST, "console.cloud.google.com")


def list_served_names(locations: Iterable[str]) -> list[str]:
    """Google's hosts that the emulator stands in for; Artifact Registry's in those locations alone."""
    artifact = [f"{location}-docker.pkg.dev" for location in locations]
    regional = [f"docker.{location}.rep.pkg.dev" for location in locations if location in REGIONS]
    others = sorted({*GOOGLE_APIS, *_OTHER_HOSTS})
    return list(dict.fromkeys([*REGISTRIES, *sorted(PUBLIC_REGISTRIES), *artifact, *regional, *others]))


def format_hosts(addresses: Mapping[str, str]) -> str:
    """The text of a hosts file, a line for each name after its address. hosts(5)."""
    return "".join(f"{address} {name}\n" for name, address in addresses.items())


def list_certified_names() -> list[str]:
    """The names in the server's certificate, as clients match them.

    A wildcard is one whole label, and none that stands right before the last one: LOCATION-docker.pkg.dev
    is a *.pkg.dev, a *.localhost is nothing. https://www.rfc-editor.org/rfc/rfc9525#section-6.3
    """
    own = [name for name in CERTIFIED_DOMAINS if name != "localhost"]
    below = [f"*.{domain}" for domain in ("gcr.io", "pkg.dev", "googleapis.com")]
    regional = [f"docker.{region}.rep.pkg.dev" for region in REGIONS]
    names = [*own, *below, *regional]
    return ["localhost", *names, *(f"{name}.localhost" for name in names)]


@dataclass(frozen=True)
class Target:
    """A repository as a client names it, and where it is.

    `name` is the client's: it is what a scope and a Location speak of. `path` is what the site
    calls it: PROJECT/IMAGE, or with Artifact Registry PROJECT/REPOSITORY/IMAGE, whose `repository_id`
    is None elsewhere. A folder has no image, and may be all of the place.
    """

    site: Site
    name: str
    path: str
    project_id: str
    repository_id: str | None = None
    # The path is the place itself, in which all images lie.
    is_place: bool = False

    @cached_property
    def bucket(self) -> str:
        """The bucket of the project at this host.

        artifacts.my-project.appspot.com, eu.artifacts.my-project.appspot.com, and for a project
        in a domain artifacts.my-project.example.com.a.appspot.com; for Artifact Registry what the
        repository has in its stead.
        """
        if self.repository_id is not None:
            return format_repository_bucket(self.project_id, self.site.location, self.repository_id)
        return f"{self.site.bucket_prefix}artifacts.{format_bucket_project(self.project_id)}.appspot.com"


@lru_cache(1024)
def find_site(host: str) -> Site | None:
    """The registry that a Host header names: gcr.io, gcr.io:5000, gcr.io.localhost:5000."""
    return _find_registry(_strip_port(host).removesuffix(".localhost"))


def is_google_api(host: str) -> bool:
    """True for a host that serves Google's APIs and nothing else."""
    return host.lower().partition(":")[0].removesuffix(".localhost") in GOOGLE_APIS


def find_public_registry(host: str) -> str | None:
    """Returns the public registry that a Host header names."""
    name = _strip_port(host).removesuffix(".localhost")
    return name if name in PUBLIC_REGISTRIES else None


def find_canonical_host(host: str) -> str | None:
    """The name by which the emulator knows what a host serves; None for one that serves all of it."""
    site = find_site(host)
    if site is not None:
        return site.host
    if is_metadata_server(host):
        return METADATA_HOST
    if is_google_api(host):
        return host.lower().partition(":")[0].removesuffix(".localhost")
    return find_public_registry(host)


def is_metadata_server(host: str) -> bool:
    """True for a host that is the metadata server and nothing else."""
    return _strip_port(host).removesuffix(".localhost") in METADATA_HOSTS


def is_safe_from_rebinding(host: str) -> bool:
    """True for a host at which no web page can be: one of the metadata server's, an address, or loopback.

    Any other name can be led here by whoever owns it, and his page then has the host for its own.
    """
    name = _strip_port(host)
    if is_metadata_server(host) or name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        ipaddress.ip_address(name.strip("[]"))
    except ValueError:
        return False
    return True


# Each request names one; what is refused is not remembered.
@lru_cache(4096)
def locate(host: str, name: str) -> Target:
    """The repository that `name` means at a host; raises InvalidName.

    On a host that is no registry's the first segment may be one: eu.gcr.io/my-project/app,
    us-docker.pkg.dev/my-project/images/app.
    """
    return _locate(host, name, ("IMAGE",))


@lru_cache(1024)
def locate_folder(host: str, name: str) -> Target:
    """As `locate`, for what is listed: also that in which the images lie, my-project, my-project/images."""
    return _locate(host, name, ())


def _locate(host: str, name: str, within: tuple[str, ...]) -> Target:
    parse_name(name)
    site, path = find_site(host), name
    if site is None:
        first, _, rest = name.partition("/")
        named = _find_registry(first)
        site, path = (named, rest) if named else (DEFAULT_SITE, name)
    segments = path.split("/")
    in_domain = "." in segments[0]
    place = ("PROJECT", "REPOSITORY") if site.has_repositories else ("PROJECT",)
    expected = (*place, *within)
    if len(segments) < len(expected) + in_domain:
        raise InvalidName(f"invalid repository name {name!r}: expected {'/'.join(expected)}")
    project_id = ":".join(segments[:2]) if in_domain else segments[0]
    repository_id = segments[1 + in_domain] if site.has_repositories else None
    is_place = len(segments) == len(place) + in_domain
    return Target(site, name, path, project_id, repository_id, is_place)


def _find_registry(name: str) -> Site | None:
    match = None if name in REGISTRIES else _ARTIFACT_HOST.fullmatch(name)
    if match is None:
        return REGISTRIES.get(name)
    location = match[1] or match[2]
    return Site(f"{location}-docker.pkg.dev", location, has_repositories=True)


def _strip_port(host: str) -> str:
    return host.lower().rpartition(":")[0] if _has_port(host) else host.lower()


def _has_port(host: str) -> bool:
    return host.rpartition(":")[2].isdigit() and not host.endswith("]")
