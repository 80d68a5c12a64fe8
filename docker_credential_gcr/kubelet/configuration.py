"""The kubelet's CredentialProviderConfig for this plugin, which `--print-config` prints.

It is JSON, which the kubelet reads as it reads YAML.
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

# A glob stands for characters of one label: https://kubernetes.io/docs/reference/config-api/kubelet-config.v1/
MATCH_IMAGES = ("gcr.io", "*.gcr.io", "*-docker.pkg.dev", "docker.*.rep.pkg.dev")
CACHE_DURATION = "1m0s"  # required, and never used: each answer says its own
# The kubelet is no login shell: what is set where the configuration is made is written into it.
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
    """The configuration with one provider, also for the configured hosts.

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
            raise UsageError(f"service account tokens are known to {VERSIONS[0]} alone, not to {version}")
        provider["args"] = [f"--sts-audience={audience}"]
        provider["tokenAttributes"] = {
            "serviceAccountTokenAudience": token_audience or find_token_audience(audience),
            "cacheType": "ServiceAccount",  # what is bought depends on nothing else of the pod
            "requireServiceAccount": True,
            "optionalServiceAccountAnnotationKeys": [ANNOTATION],
        }
    passed = filter(is_plugin_variable, sorted(environ))
    values = ((name, paths.find_variable(environ, name)) for name in passed)
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
    """The value of a variable for a process that starts in another directory."""
    if paths.VARIABLES[name] in (paths.FILE_PATH, paths.DIRECTORY_PATH):
        return os.path.abspath(value)
    if name == f"{PREFIX}TOKEN_SOURCE":
        return ",".join(arguments.make_absolute(source.strip()) for source in value.split(","))
    return value


def is_plugin_variable(name: str) -> bool:
    """Whether a variable is one that the plugin reads."""
    return name in VARIABLES or (name.startswith(PREFIX) and name in paths.VARIABLES)


def find_token_audience(audience: str) -> str:
    """The audience that a pool's provider expects in a Kubernetes token, unless it was told another.

    Raises UsageError for an audience of another form than STS knows.
    """
    if audience.startswith(POOL):
        return f"https:{audience}"
    if audience.startswith(NAMESPACE):  # GKE's: identitynamespace:PROJECT.svc.id.goog:ISSUER
        return audience.removeprefix(NAMESPACE).partition(":")[0]
    raise UsageError(
        f"{quote(audience)} is no audience of STS",
        hint=f"{POOL}projects/NUMBER/locations/global/workloadIdentityPools/POOL/providers/PROVIDER",
    )
