"""Which host is which site: a table."""

from dataclasses import dataclass

from .oci.errors import InvalidName
from .oci.reference import parse_name


@dataclass(frozen=True)
class Site:
    """A registry host of Google's: where its buckets are, and how their names begin."""

    host: str
    location: str
    bucket_prefix: str


REGISTRIES = {
    site.host: site
    for site in (
        Site("gcr.io", "US", ""),
        Site("us.gcr.io", "US", "us."),
        Site("eu.gcr.io", "EU", "eu."),
        Site("asia.gcr.io", "ASIA", "asia."),
    )
}

# Hosts of Google's APIs: they never serve a registry, so that no token leads to the wrong door.
GOOGLE_APIS = frozenset(
    {
        "oauth2.googleapis.com",
        "iam.googleapis.com",
        "cloudresourcemanager.googleapis.com",
        "serviceusage.googleapis.com",
        "storage.googleapis.com",
        "artifactregistry.googleapis.com",
    }
)

# Any other host, loopback above all, serves everything by path, and this registry at /v2/.
DEFAULT_SITE = REGISTRIES["gcr.io"]


@dataclass(frozen=True)
class Target:
    """A repository as a client names it, and where it is.

    `name` is the client's: it is what a scope and a Location speak of. `path` is what the site
    calls it, PROJECT/IMAGE.
    """

    site: Site
    name: str
    path: str
    project_id: str

    @property
    def bucket(self) -> str:
        """The bucket of the project at this host.

        artifacts.my-project.appspot.com, eu.artifacts.my-project.appspot.com, and for a project
        in a domain artifacts.my-project.example.com.a.appspot.com.
        """
        domain, _, project = self.project_id.rpartition(":")
        owner = f"{project}.{domain}.a" if domain else project
        return f"{self.site.bucket_prefix}artifacts.{owner}.appspot.com"


def find_site(host: str) -> Site | None:
    """The registry that a Host header names: gcr.io, gcr.io:5000, gcr.io.localhost:5000."""
    name = host.lower().rpartition(":")[0] if _has_port(host) else host.lower()
    return REGISTRIES.get(name.removesuffix(".localhost"))


def is_google_api(host: str) -> bool:
    """True for a host that serves Google's APIs and nothing else."""
    return host.lower().partition(":")[0].removesuffix(".localhost") in GOOGLE_APIS


def locate(host: str, name: str) -> Target:
    """The repository that `name` means at a host; raises InvalidName.

    On a host that is no registry's the first segment may be one: eu.gcr.io/my-project/app.
    """
    parse_name(name)
    site, path = find_site(host), name
    if site is None:
        first, _, rest = name.partition("/")
        named = REGISTRIES.get(first)
        site, path = (named, rest) if named else (DEFAULT_SITE, name)
    segments = path.split("/")
    in_domain = "." in segments[0]
    if len(segments) < (3 if in_domain else 2):
        raise InvalidName(f"invalid repository name {name!r}: expected PROJECT/IMAGE")
    project_id = ":".join(segments[:2]) if in_domain else segments[0]
    return Target(site, name, path, project_id)


def _has_port(host: str) -> bool:
    return host.rpartition(":")[2].isdigit() and not host.endswith("]")
