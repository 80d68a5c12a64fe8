"""Metric labels of a request, site, method and route: from a bounded set, whatever a client sends."""

from functools import lru_cache

from docker_credential_gcr.emulator.sites.hosts import HOST_SIZE, find_canonical_host

_METHODS = frozenset({"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"})
# The second last segment of a path in the registry -> its route.
_REGISTRY_ROUTES = {
    b"blobs": "/v2/{name}/blobs/{digest}",
    b"manifests": "/v2/{name}/manifests/{reference}",
    b"referrers": "/v2/{name}/referrers/{digest}",
    b"tags": "/v2/{name}/tags/list",
    b"uploads": "/v2/{name}/blobs/uploads/",
}
_DOWNLOADS = "/artifacts-downloads/"
_WHOLE_PATHS = {b"/v2/": "/v2/", b"/v2/_catalog": "/v2/_catalog", b"/v2/token": "/v2/token"}
# First segments of other paths.
_FIRST_SEGMENTS = frozenset(
    {
        "_emulator",
        "b",
        "computeMetadata",
        "console",
        "gcr",
        "healthz",
        "login",
        "metrics",
        "o",
        "oauth2",
        "readyz",
        "revoke",
        "signin",
        "storage",
        "token",
        "tokeninfo",
        "upload",
        "userinfo",
        "v1",
        "v2",
        "v3",
    }
)
OTHER = "other"
LOCAL = "local"

Kind = tuple[str, str, str]


def classify(host: bytes, method: str, path: bytes) -> Kind:
    """Returns the site, method and route of a request."""
    site = _name_site(host) if len(host) <= HOST_SIZE else LOCAL
    return site, method if method in _METHODS else OTHER, _name_route(path)


# Hosts repeat, so their labels are cached; a path often contains a name that never repeats.
@lru_cache(maxsize=1024)
def _name_site(host: bytes) -> str:
    """Returns Google's name of the host; LOCAL for a host that serves everything by path."""
    return find_canonical_host(host.decode("latin-1")) or LOCAL


def _name_route(path: bytes) -> str:
    """Returns the route of a path: its form in the registry, its first segment elsewhere."""
    if path.startswith(b"/v2/"):
        return _WHOLE_PATHS.get(path) or _REGISTRY_ROUTES.get(path.rsplit(b"/", 2)[-2], OTHER)
    return _name_first_segment(path.decode("latin-1"))


def _name_first_segment(path: str) -> str:
    if path.startswith(_DOWNLOADS):
        ending = (
            "downloads/{download}" if path.rpartition("/")[0].endswith("/downloads") else "blobs/{digest}"
        )
        return f"{_DOWNLOADS}{{name}}/{ending}"
    first = path.split("/", 2)[1] if "/" in path else ""
    return f"/{first}" if first in _FIRST_SEGMENTS else OTHER
