"""What kind of request it is: labels from a bounded set, whatever a client writes."""

from functools import lru_cache

from docker_credential_gcr.emulator.hosts import find_canonical_host

_METHODS = frozenset({"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"})
# The last but one segment of a registry's path -> its route.
_REGISTRY = {
    "blobs": "/v2/{name}/blobs/{digest}",
    "manifests": "/v2/{name}/manifests/{reference}",
    "referrers": "/v2/{name}/referrers/{digest}",
    "tags": "/v2/{name}/tags/list",
    "uploads": "/v2/{name}/blobs/uploads/",
}
_DOWNLOADS = "/artifacts-downloads/"
_REGISTRY_ITSELF = frozenset({"/v2/", "/v2/_catalog", "/v2/token"})
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

Kind = tuple[str, str, str]


# What is asked for again and again is looked up once.
@lru_cache(maxsize=4096)
def classify(host: bytes, method: str, path: bytes) -> Kind:
    """Site, method and route of a request."""
    # Local is what serves all by path.
    site = find_canonical_host(host.decode("latin-1")) or "local"
    return site, _name_method(method), _name_route(path.decode("latin-1"))


def _name_route(path: str) -> str:
    """The route of a path: its shape in the registry, its first segment elsewhere."""
    if path.startswith("/v2/"):
        if path in _REGISTRY_ITSELF:
            return path
        return _REGISTRY.get(path.rsplit("/", 2)[-2], OTHER)
    if path.startswith(_DOWNLOADS):
        return f"{_DOWNLOADS}{{name}}/blobs/{{digest}}"
    first = path.split("/", 2)[1] if "/" in path else ""
    return f"/{first}" if first in _FIRST_SEGMENTS else OTHER


def _name_method(method: str) -> str:
    """The method, or other."""
    return method if method in _METHODS else OTHER
