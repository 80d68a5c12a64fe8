"""CredentialProviderConfig of the kubelet for this plugin, which `--print-config` prints.

It is JSON: the kubelet reads it as YAML.
https://kubernetes.io/docs/reference/config-api/kubelet-config.v1/#kubelet-config-k8s-io-v1-CredentialProviderConfig
"""

import json
import os
from collections.abc import Iterable, Mapping

from docker_credential_gcr.errors import UsageError, quote
from docker_credential_gcr.helper import paths
from docker_credential_gcr.helper.configure import arguments

from . import GROUP, PROGRAM, VERSIONS
from .credential import ANNOTATION

# A glob matches characters of one label: https://kubernetes.io/docs/reference/config-api/kubelet-config.v1/
MATCH_IMAGES = ("gcr.io", "*.gcr.io", "*-docker.pkg.dev", "docker.*.rep.pkg.dev")
CACHE_DURATION = "1m0s"  # required, but unused: each response has its own duration
# The kubelet has another environment: the variables of this process are written into the configuration.
PREFIX = "DOCKER_CREDENTIAL_GCR_"
VARIABLES = (
    "CLOUDSDK_API_ENDPOINT_OVERRIDES_IAMCREDENTIALS",
    "CLOUDSDK_API_ENDPOINT_OVERRIDES_STS",
    "CLOUDSDK_CONFIG",
    "GOOGLE_APPLICATION_CREDENTIALS",
)
POOL = "//iam.googleapis.com/"
NAMESPACE = "identitynamespace:"


def format_config(
    hosts: Iterable[str], environ: Mapping[str, str], *, version: str, audience: str, token_audience: str
) -> str:
    """Formats the configuration of one provider, for Google's and the configured hosts.

    Raises UsageError, and ConfigError for a variable that looks like a secret.
    """
    provider: dict[str, object] = {
        "name": PROGRAM,
        "apiVersion": f"{GROUP}/{version}",
        "matchImages": [*MATCH_IMAGES, *sorted(hosts)],
        "defaultCacheDuration": CACHE_DURATION,
    }
    if audience:
        if version != VERSIONS[0]:
            raise UsageError(f"--api-version {version} has no service account tokens: use {VERSIONS[0]}")
        provider["args"] = [f"--sts-audience={audience}"]
        provider["tokenAttributes"] = {
            "serviceAccountTokenAudience": token_audience or find_token_audience(audience),
            "cacheType": "ServiceAccount",  # the access token depends on nothing else of the pod
            "requireServiceAccount": True,
            "optionalServiceAccountAnnotationKeys": [ANNOTATION],
        }
    names = filter(_is_plugin_variable, sorted(environ))
    values = ((name, paths.find_variable(environ, name)) for name in names)
    env = [{"name": name, "value": _make_absolute(name, value)} for name, value in values if value]
    if env:
        provider["env"] = env
    config = {
        "apiVersion": "kubelet.config.k8s.io/v1",
        "kind": "CredentialProviderConfig",
        "providers": [provider],
    }
    return json.dumps(config, indent=2) + "\n"


def _make_absolute(name: str, value: str) -> str:
    """Returns the value of a variable with absolute paths, for a process in another directory."""
    if paths.VARIABLES[name] in (paths.FILE_PATH, paths.DIRECTORY_PATH):
        return os.path.abspath(value)
    if name == f"{PREFIX}TOKEN_SOURCE":
        return ",".join(arguments.make_absolute(source.strip()) for source in value.split(","))
    return value


def _is_plugin_variable(name: str) -> bool:
    """Returns whether the plugin reads a variable."""
    return name in VARIABLES or (name.startswith(PREFIX) and name in paths.VARIABLES)


def find_token_audience(audience: str) -> str:
    """Returns the audience that a pool's provider expects in a Kubernetes token by default.

    Raises UsageError for an audience that has no form of STS.
    """
    if audience.startswith(POOL):
        return f"https:{audience}"
    if audience.startswith(NAMESPACE):  # GKE's: identitynamespace:PROJECT.svc.id.goog:ISSUER
        return audience.removeprefix(NAMESPACE).partition(":")[0]
    raise UsageError(
        f"{quote(audience)} is not an audience of STS",
        hint=f"{POOL}projects/NUMBER/locations/global/workloadIdentityPools/POOL/providers/PROVIDER",
    )
