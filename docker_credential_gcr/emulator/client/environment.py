"""Environment variables that lead Google's clients to a server, and name its certificate authority."""

from pathlib import Path

from .server_url import format_metadata_address, format_registry, format_root, format_token_url, is_loopback

# The variable that names a file of certificate authorities: the clients that read it.
CA_VARIABLES = {
    "CLOUDSDK_CORE_CUSTOM_CA_CERTS_FILE": "gcloud",
    "CURL_CA_BUNDLE": "curl",
    "DENO_CERT": "Deno",
    "DOCKER_CREDENTIAL_GCR_CA_FILE": "docker-credential-gcr",
    "GCR_EMULATOR_CA": "gcr-emulator",
    "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH": "gRPC",
    "HTTPLIB2_CA_CERTS": "google-api-python-client",
    "NODE_EXTRA_CA_CERTS": "Node",
    "RCLONE_CA_CERT": "rclone",
    "REQUESTS_CA_BUNDLE": "Python's requests",
    "SSL_CERT_FILE": "OpenSSL, Go, httpx and uv",
}
# gcloud prefers these to its own variable: an inherited one lacks the emulator's authority, and with a new
# one requests to all other hosts fail.
_PREFERRED_BY_GCLOUD = frozenset({"CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE"})

# gcloud's name for each API that its commands for images, projects and accounts use. The emulator refuses
# those that it does not serve: so none of these requests goes to Google.
# https://cloud.google.com/sdk/gcloud/reference/config
_APIS = (
    "ARTIFACTREGISTRY",
    "CLOUDASSET",
    "CLOUDRESOURCEMANAGER",
    "CONTAINERANALYSIS",
    "IAM",
    "IAMCREDENTIALS",
    "PUBSUB",
    "SECRETMANAGER",
    "SERVICEUSAGE",
    "STS",
)
# Stops gcloud's other requests to Google, and lets its helper for docker answer for any registry.
_GCLOUD = {
    "CLOUDSDK_ARTIFACTS_ALLOW_UNRECOGNIZED_REGISTRY": "true",
    "CLOUDSDK_COMPONENT_MANAGER_DISABLE_UPDATE_CHECK": "true",
    "CLOUDSDK_CORE_DISABLE_USAGE_REPORTING": "true",
}
_INSECURE = "DOCKER_CREDENTIAL_GCR_INSECURE_TOKEN_HOSTS"


def format_environment(url: str, ca: Path | None = None) -> dict[str, str | None]:
    """Returns the variables for an emulator at a URL; a value of None is a variable to unset.

    `ca` is the file of the authority that signs for the server.
    """
    registry, root = format_registry(url), format_root(url)
    return {
        "GCR_EMULATOR_URL": root,
        "GCR_EMULATOR_REGISTRY": registry,
        "CLOUDSDK_AUTH_AUTH_HOST": f"{root}/o/oauth2/auth",
        "CLOUDSDK_AUTH_TOKEN_HOST": format_token_url(url),
        "CLOUDSDK_AUTH_TOKEN_INTROSPECTION_ENDPOINT": f"{root}/v1/introspect",
        **{f"CLOUDSDK_API_ENDPOINT_OVERRIDES_{api}": f"{root}/" for api in _APIS},
        "CLOUDSDK_API_ENDPOINT_OVERRIDES_STORAGE": f"{root}/storage/v1/",
        **_GCLOUD,
        # Google's storage libraries read this one.
        "STORAGE_EMULATOR_HOST": root,
        # Never the metadata server of this machine, but the emulator's: a ping tells whether it has one.
        # No client speaks TLS to a metadata server.
        "GCE_METADATA_HOST": registry,
        "GCE_METADATA_IP": format_metadata_address(url),
        "GCE_METADATA_ROOT": registry,
        "METADATA_SERVER_DETECTION": "none" if root.startswith("https:") else "ping-only",
        # Without this the helper sends no key to a plain http token endpoint of another machine.
        **({} if root.startswith("https:") or is_loopback(url) else {_INSECURE: registry}),
        **(_format_ca_variables(ca.absolute()) if ca and url.startswith("https:") else {}),
    }


def format_metadata_environment(url: str) -> str:
    """Returns the variables that lead to the metadata server, as `docker run --env-file` reads them."""
    registry = format_registry(url)
    variables = {
        "GCE_METADATA_HOST": registry,
        # google-auth asks this address whether there is a server; gcloud knows the third variable only.
        "GCE_METADATA_IP": format_metadata_address(url),
        "GCE_METADATA_ROOT": registry,
        "METADATA_SERVER_DETECTION": "assume-present",
        "NO_GCE_CHECK": "false",
    }
    return "".join(f"{name}={value}\n" for name, value in variables.items())


def _format_ca_variables(ca: Path) -> dict[str, str | None]:
    return {name: None if name in _PREFERRED_BY_GCLOUD else str(ca) for name in CA_VARIABLES}
