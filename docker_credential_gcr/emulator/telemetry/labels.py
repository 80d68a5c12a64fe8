"""What kind of request it is: labels from a bounded set, whatever a client writes."""

from functools import lru_cache

from docker_credential_gcr.emulator.sites.hosts import HOST_SIZE, find_canonical_host

_METHODS = frozenset({"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"})
# The last but one segment of a registry's path -> its route.
_REGISTRY = {
    b"blobs": "/v2/{name}/blobs/{digest}",
    b"manifests": "/v2/{name}/manifests/{reference}",
    b"referrers": "/v2/{name}/referrers/{digest}",
    b"tags": "/v2/{name}/tags/list",
    b"uploads": "/v2/{name}/blobs/uploads/",
}
_DOWNLOADS = "/artifacts-downloads/"
_REGISTRY_ITSELF = {b"/v2/": "/v2/", b"/v2/_catalog": "/v2/_catalog", b"/v2/token": "/v2/token"}
# What other sites' paths begin with.
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
    """Site, method and route of a request."""
    site = _name_site(host) if len(host) <= HOST_SIZE else LOCAL
    return site, method if method in _METHODS else OTHER, _name_route(path)


# Hosts come again and again; a path often has a name in it that never will.
@lru_cache(maxsize=1024)
def _name_site(host: bytes) -> str:
    """Which of Google's hosts it is; LOCAL is what serves all by path."""
    return find_canonical_host(host.decode("latin-1")) or LOCAL


def _name_route(path: bytes) -> str:
    """The route of a path: its shape in the registry, its first segment elsewhere."""
    if path.startswith(b"/v2/"):
        return _REGISTRY_ITSELF.get(path) or _REGISTRY.get(path.rsplit(b"/", 2)[-2], OTHER)
    return _name_first_segment(path.decode("latin-1"))


def _name_first_segment(path: str) -> str:
    if path.startswith(_DOWNLOADS):
        return f"{_DOWNLOADS}{{name}}/blobs/{{digest}}"
    first = path.split("/", 2)[1] if "/" in path else ""
    return f"/{first}" if first in _FIRST_SEGMENTS else OTHER
