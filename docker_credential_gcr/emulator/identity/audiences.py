"""The audiences of Google's APIs: what a self-signed JWT may name in place of scopes.

https://SERVICE/              what Google's libraries write: https://google.aip.dev/auth/4111
https://SERVICE/INTERFACE     the default audience of a method, which gRPC clients write
"""

# service: the interfaces of its gRPC API, each of which is an audience.
# https://github.com/googleapis/googleapis/blob/master/google/api/auth.proto
_INTERFACES = {
    "artifactregistry": ("google.devtools.artifactregistry.v1.ArtifactRegistry",),
    "cloudresourcemanager": ("google.cloud.resourcemanager.v3.Projects",),
    "iam": ("google.iam.admin.v1.IAM",),
    "iamcredentials": ("google.iam.credentials.v1.IAMCredentials",),
    "serviceusage": ("google.api.serviceusage.v1.ServiceUsage",),
    "storage": ("google.storage.v2.Storage",),
}


def _list_audiences(*services: str) -> frozenset[str]:
    return frozenset(
        f"https://{service}.googleapis.com/{interface}"
        for service in services
        for interface in ("", *_INTERFACES[service])
    )


APIS = _list_audiences(*_INTERFACES)
# The APIs that hold a registry's images. That a registry takes their audiences is believed: no page says so.
REGISTRIES = _list_audiences("artifactregistry", "storage")
