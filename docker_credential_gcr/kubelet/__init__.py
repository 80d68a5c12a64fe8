"""Kubelet credential provider: credentials for images in Google registries and in configured ones.

    kubelet ── CredentialProviderRequest ──> program ──> credential ──> the helper's token sources, its cache
            <─ CredentialProviderResponse ─                         └─> Google's STS, for a pod's own token

https://kubernetes.io/docs/tasks/administer-cluster/kubelet-credential-provider/
"""

PROGRAM = "gcr-credential-provider"  # the file that the kubelet runs, and `name` in its configuration
GROUP = "credentialprovider.kubelet.k8s.io"
VERSIONS = ("v1", "v1beta1", "v1alpha1")
