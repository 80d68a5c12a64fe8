"""What serves the gcr.io names of a project: its kind, and the redirection that its owner has set.

https://cloud.google.com/artifact-registry/docs/transition/setup-gcr-repo
https://cloud.google.com/artifact-registry/docs/reference/rest/v1/ProjectSettings
"""

from dataclasses import dataclass
from enum import Enum
from functools import cached_property


class RegistryKind(str, Enum):
    """What a project's gcr.io names are without a redirection."""

    CONTAINER_REGISTRY = "container-registry"
    # Container Registry was never left, and is gone: requests are answered with 412.
    SHUT_DOWN = "shut-down"
    ARTIFACT_REGISTRY = "artifact-registry"


KINDS = tuple(kind.value for kind in RegistryKind)
DEFAULT_KIND = RegistryKind.CONTAINER_REGISTRY

_PREFIX = "REDIRECTION_FROM_GCR_IO_"
DISABLED, ENABLED, FINALIZED = f"{_PREFIX}DISABLED", f"{_PREFIX}ENABLED", f"{_PREFIX}FINALIZED"
ENABLED_AND_COPYING = f"{_PREFIX}ENABLED_AND_COPYING"
PARTIAL, PARTIAL_AND_COPYING = f"{_PREFIX}PARTIAL", f"{_PREFIX}PARTIAL_AND_COPYING"
# The states that a client can set.
STATES = (DISABLED, ENABLED, FINALIZED, ENABLED_AND_COPYING, PARTIAL, PARTIAL_AND_COPYING)


@dataclass(frozen=True)
class Redirection:
    """A project's kind, the state that was set last, and the share of its reads in a partial one.

    Each request of a registry asks what follows from them, so that is kept.
    """

    kind: RegistryKind = DEFAULT_KIND
    state: str | None = None
    pull_percent: int = 0

    @property
    def reported_state(self) -> str:
        """Returns `legacyRedirectionState`, as Google's API shows it."""
        if self.state is not None:
            return self.state
        return ENABLED if self.kind is RegistryKind.ARTIFACT_REGISTRY else DISABLED

    @cached_property
    def served_by(self) -> RegistryKind:
        """Returns what answers all requests, but for the `share` of the reads."""
        if self.state in (ENABLED, ENABLED_AND_COPYING, FINALIZED):
            return RegistryKind.ARTIFACT_REGISTRY
        if self.state == DISABLED and self.kind is RegistryKind.ARTIFACT_REGISTRY:
            return RegistryKind.SHUT_DOWN
        return self.kind

    @cached_property
    def share(self) -> int:
        """Returns how many of a hundred reads Artifact Registry answers, of those that another one would."""
        return self.pull_percent if self.state in (PARTIAL, PARTIAL_AND_COPYING) else 0

    @cached_property
    def copies(self) -> bool:
        """Returns whether Artifact Registry copies what it lacks from Container Registry's bucket."""
        return self.state in (ENABLED_AND_COPYING, PARTIAL_AND_COPYING)
