"""Dialects of /v2/ as values: the differences between Container Registry and Artifact Registry.

A handler uses the dialect of its target and does not compare hosts. It fills in the fields of the
texts, which are in braces.
"""

from dataclasses import dataclass

from docker_credential_gcr.emulator.identity import google_services
from docker_credential_gcr.emulator.registry.errors import ManifestUnknown, NameUnknown, RegistryError
from docker_credential_gcr.emulator.sites.hosts import Target


@dataclass(frozen=True)
class Dialect:
    """Texts and features of one dialect.

    `service` is the API that a project can disable; `unknown_to_delete` is the error, with its text, for the
    deletion of a missing manifest or tag.
    """

    service: str
    unknown_manifest: str
    unaccepted_type: str
    unknown_child: str
    dangling_tag: str
    dangling_parent: str
    # None: a manifest that has referrers can be deleted.
    dangling_subject: str | None
    unknown_to_delete: tuple[type[RegistryError], str]
    # An index may refer to blobs, as BuildKit's build cache does. https://github.com/moby/buildkit/issues/1143
    has_indexes_of_blobs: bool
    has_layer_ids: bool
    # None: tags/list of an image that was never pushed is 200, with empty lists.
    unknown_image: str | None


CONTAINER_REGISTRY = Dialect(
    service=google_services.CONTAINER_REGISTRY,
    unknown_manifest='Failed to fetch "{reference}" from request "{path}".',
    unaccepted_type=(
        "Manifest with {kind} '{reference}' has media type '{media_type}', but client accepts '{accept}'."
    ),
    unknown_child=(
        "the index names {digest}, which is not a manifest of this repository: push it as a manifest first, "
        "an index in Container Registry names manifests only"
    ),
    dangling_tag="Manifest is still referenced by tag: {tag}",
    dangling_parent="Manifest {digest} is referenced by image {parent}",
    dangling_subject=None,
    unknown_to_delete=(NameUnknown, "Failed to compute blob liveness for manifest: '{reference}'"),
    has_indexes_of_blobs=False,
    has_layer_ids=True,
    unknown_image="repository name not known to registry: {name}",
)

# Texts that no published response shows are Container Registry's.
ARTIFACT_REGISTRY = Dialect(
    service=google_services.ARTIFACT_REGISTRY,
    unknown_manifest='Failed to fetch "{reference}"',
    # https://github.com/GoogleCloudPlatform/gcr-cleaner/issues/113
    unaccepted_type='Manifest has media type "{media_type}" but client accepts {accepted}',
    unknown_child="the index names {digest}, which is not in this repository: push it first",
    dangling_tag="Manifest is still referenced by one or more tags",
    # https://github.com/GoogleCloudPlatform/gcr-cleaner/issues/118
    dangling_parent="Manifest is still referenced by one or more parent images",
    # The code is published, this text is not.
    dangling_subject="Manifest is still referenced by one or more referring manifests",
    unknown_to_delete=(ManifestUnknown, 'Failed to fetch "{reference}"'),
    has_indexes_of_blobs=True,
    has_layer_ids=False,
    # As registry.k8s.io, on Artifact Registry, does; not observed for images that never existed.
    unknown_image=None,
)


def find_dialect(target: Target) -> Dialect:
    """Returns the dialect of a target; no other place chooses one."""
    return CONTAINER_REGISTRY if target.repository_id is None else ARTIFACT_REGISTRY
