"""Audiences of Google APIs, which a self-signed JWT may name in place of scopes.

https://SERVICE/              written by Google's libraries: https://google.aip.dev/auth/4111
https://SERVICE/INTERFACE     the default audience of a method, written by gRPC clients
"""

# service -> the interfaces of its gRPC API, each an audience
# https://github.com/googleapis/googleapis/blob/master/google/api/auth.proto
_INTERFACES = {
    "artifactregistry": ("google.devtools.artifactregistry.v1.ArtifactRegistry",),
    "cloudasset": ("google.cloud.asset.v1.AssetService",),
    "cloudresourcemanager": ("google.cloud.resourcemanager.v3.Projects",),
    "containeranalysis": ("grafeas.v1.Grafeas",),
    "iam": ("google.iam.admin.v1.IAM",),
    "iamcredentials": ("google.iam.credentials.v1.IAMCredentials",),
    "pubsub": ("google.pubsub.v1.Publisher", "google.pubsub.v1.Subscriber"),
    "secretmanager": ("google.cloud.secretmanager.v1.SecretManagerService",),
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
# The APIs that store a registry's images. Assumed, not documented: a registry accepts their audiences.
REGISTRIES = _list_audiences("artifactregistry", "storage")
