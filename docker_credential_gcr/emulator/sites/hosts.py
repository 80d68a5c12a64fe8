"""Google's hosts as tables, and the registry or API that a Host header names."""

import ipaddress
import re
from dataclasses import dataclass
from functools import cached_property, lru_cache

from docker_credential_gcr.emulator.identity.resource import format_bucket_project, format_repository_bucket
from docker_credential_gcr.emulator.oci.errors import InvalidName
from docker_credential_gcr.emulator.oci.reference import parse_name


@dataclass(frozen=True)
class Site:
    """A registry host of Google: its location, and the prefix of its buckets' names.

    Artifact Registry's hosts have repositories instead of buckets.
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

# The same hosts as Artifact Registry serves them, each with one repository, which is named like the host.
# https://cloud.google.com/artifact-registry/docs/transition/gcr-repositories
REDIRECTED = {
    host: Site(host, location, has_repositories=True)
    for host, location in (
        ("gcr.io", "us"),
        ("us.gcr.io", "us"),
        ("eu.gcr.io", "europe"),
        ("asia.gcr.io", "asia"),
    )
}

# Google's public registries, to which only Google pushes.
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

# The maximum of a Host header: a name of 253 letters and a port of five digits.
HOST_SIZE = 259

# Path prefixes of a registry: its API, and the target of its redirects to blobs.
REGISTRY_PATHS = (b"/v2/", b"/artifacts-downloads/")

# The hosts for Google's APIs. They never serve a registry: a client must not get a registry's response there.
GOOGLE_APIS = frozenset(
    {
        "oauth2.googleapis.com",
        "openidconnect.googleapis.com",
        "www.googleapis.com",
        "accounts.google.com",
        "iam.googleapis.com",
        "iamcredentials.googleapis.com",
        "sts.googleapis.com",
        "cloudasset.googleapis.com",
        "containeranalysis.googleapis.com",
        "cloudresourcemanager.googleapis.com",
        "serviceusage.googleapis.com",
        "storage.googleapis.com",
        "artifactregistry.googleapis.com",
        "pubsub.googleapis.com",
        "secretmanager.googleapis.com",
    }
)

# The metadata server of a Compute Engine instance.
# https://cloud.google.com/compute/docs/metadata/overview
METADATA_HOST = "metadata.google.internal"
METADATA_ADDRESS = "169.254.169.254"
# The hosts that clients use; kubelet's plugin adds a dot.
# https://cloud.google.com/compute/docs/metadata/querying-metadata
METADATA_HOSTS = frozenset(
    {METADATA_HOST, f"{METADATA_HOST}.", "metadata", METADATA_ADDRESS, "[fd20:ce::254]"}
)

# us-central1-docker.pkg.dev, and its regional name, docker.us-central1.rep.pkg.dev.
_ARTIFACT_HOST = re.compile(
    r"([a-z][a-z0-9-]{0,40})-docker\.pkg\.dev|docker\.([a-z][a-z0-9-]{0,40})\.rep\.pkg\.dev"
)

# Any other host, such as localhost, serves everything by path, and this registry at /v2/.
DEFAULT_SITE = REGISTRIES["gcr.io"]


@dataclass(frozen=True)
class Target:
    """A repository as a client names it, and its place.

    `name` is the client's, as in scopes and Locations. `path` is the name at the site: PROJECT/IMAGE, or for
    Artifact Registry PROJECT/REPOSITORY/IMAGE, with a `repository_id`. A folder has no image, and may be the
    whole project or repository.
    """

    site: Site
    name: str
    path: str
    project_id: str
    repository_id: str | None = None
    # The path is the whole project, or the whole repository of Artifact Registry.
    is_place: bool = False

    @property
    def is_redirected(self) -> bool:
        """Returns whether Artifact Registry serves a name of Container Registry."""
        return self.site.has_repositories and self.site.host in REDIRECTED

    @cached_property
    def full_name(self) -> str:
        """Returns the name with Google's name of the host, as notifications have it: gcr.io/my-project/app.

        A redirected name stays the client's, without the repository that serves it.
        """
        path = self.path
        if self.is_redirected:
            owner = self.project_id.replace(":", "/")
            path = owner + path.removeprefix(f"{owner}/{self.site.host}")
        return f"{self.site.host}/{path}"

    @cached_property
    def bucket(self) -> str:
        """Returns the bucket of the project at this host, or its equivalent for Artifact Registry.

        artifacts.my-project.appspot.com, eu.artifacts.my-project.appspot.com, and for a project
        in a domain artifacts.my-project.example.com.a.appspot.com
        """
        if self.repository_id is not None:
            return format_repository_bucket(self.project_id, self.site.location, self.repository_id)
        return f"{self.site.bucket_prefix}artifacts.{format_bucket_project(self.project_id)}.appspot.com"


class IncompleteName(InvalidName):
    """A name without an image, which has fewer segments than the site's repositories; `count` is theirs."""

    def __init__(self, name: str, expected: str, *, site: Site, count: int) -> None:
        super().__init__(f"invalid repository name {name!r}: expected {expected}")
        self.site = site
        self.count = count


@lru_cache(1024)
def find_site(host: str) -> Site | None:
    """Returns the registry that a Host header names: gcr.io, gcr.io:5000, gcr.io.localhost:5000."""
    return _find_registry(_strip_port(host).removesuffix(".localhost"))


def is_google_api(host: str) -> bool:
    """Returns whether the host serves Google's APIs only."""
    return host.lower().partition(":")[0].removesuffix(".localhost") in GOOGLE_APIS


def find_public_registry(host: str) -> str | None:
    """Returns the public registry that a Host header names."""
    name = _strip_port(host).removesuffix(".localhost")
    return name if name in PUBLIC_REGISTRIES else None


def find_canonical_host(host: str) -> str | None:
    """Returns Google's name of a host; None for a host that serves everything by path."""
    site = find_site(host)
    if site is not None:
        return site.host
    if is_metadata_server(host):
        return METADATA_HOST
    if is_google_api(host):
        return host.lower().partition(":")[0].removesuffix(".localhost")
    return find_public_registry(host)


def is_metadata_server(host: str) -> bool:
    """Returns whether the host is the metadata server only."""
    return _strip_port(host).removesuffix(".localhost") in METADATA_HOSTS


def is_safe_from_rebinding(host: str) -> bool:
    """Returns whether DNS rebinding is impossible: for the metadata server's hosts, addresses and loopback.

    The owner of any other name can resolve it to this server, and a web page of that name can then read it.
    """
    name = _strip_port(host)
    if is_metadata_server(host) or name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        ipaddress.ip_address(name.strip("[]"))
    except ValueError:
        return False
    return True


# Cached, because each request locates a repository; errors are not cached.
@lru_cache(4096)
def locate(host: str, name: str) -> Target:
    """Returns the repository that `name` means at a host. Raises InvalidName.

    At a host that is not a registry's, the first segment may be a registry: eu.gcr.io/my-project/app,
    us-docker.pkg.dev/my-project/images/app.
    """
    return _locate(host, name, ("IMAGE",))


@lru_cache(1024)
def locate_folder(host: str, name: str) -> Target:
    """Returns the same as `locate`, for listings: also a whole project or repository, my-project/images."""
    return _locate(host, name, ())


@lru_cache(4096)
def redirect(target: Target) -> Target:
    """Returns a target of Container Registry as Artifact Registry serves it: my-project/gcr.io/app.

    Its name stays the client's, as in scopes and Locations.
    """
    host, owner = target.site.host, target.project_id.replace(":", "/")
    path = f"{owner}/{host}{target.path.removeprefix(owner)}"
    return Target(REDIRECTED[host], target.name, path, target.project_id, host, target.is_place)


def _locate(host: str, name: str, image_segments: tuple[str, ...]) -> Target:
    parse_name(name)
    site, path = find_site(host), name
    if site is None:
        first, _, rest = name.partition("/")
        registry = _find_registry(first)
        site, path = (registry, rest) if registry else (DEFAULT_SITE, name)
    segments = path.split("/")
    in_domain = "." in segments[0]
    place = ("PROJECT", "REPOSITORY") if site.has_repositories else ("PROJECT",)
    expected = (*place, *image_segments)
    if len(segments) < len(expected) + in_domain:
        raise IncompleteName(name, "/".join(expected), site=site, count=len(segments))
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
