"""Dialects of /v2/ as values: the differences between Container Registry and Artifact Registry.

A handler uses the dialect of its target and does not compare hosts. It fills in the fields of the
texts, which are in braces.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from sqlalchemy import Connection

from docker_credential_gcr.emulator.identity import google_services
from docker_credential_gcr.emulator.identity.principal import Principal
from docker_credential_gcr.emulator.identity.redirection import RegistryKind
from docker_credential_gcr.emulator.oci.token_auth import DELETE, PULL, PUSH
from docker_credential_gcr.emulator.registry.dependencies import RegistryServices
from docker_credential_gcr.emulator.registry.errors import (
    NEEDED_PERMISSIONS,
    ArtifactUnauthorized,
    Denied,
    ImageMissing,
    ManifestUnknown,
    NameUnknown,
    RegistryError,
    Unauthorized,
)
from docker_credential_gcr.emulator.registry.http import Request
from docker_credential_gcr.emulator.sites.hosts import DEFAULT_SITE, IncompleteName, Target, find_site

from .challenges import format_artifact_site_challenge, format_site_challenge
from .links import format_artifact_link, format_link
from .permissions import (
    HEAD_BLOB,
    describe_denied_access,
    describe_denied_artifacts,
    describe_denied_token,
    describe_failed_exchange,
    find_missing_in_bucket,
    find_missing_in_repository,
)

_TWELVE_HOURS_S = 43200


@dataclass(frozen=True)
class Authentication:
    """Challenges, tokens and permissions of one dialect.

    `no_credential` and `no_site_credential` are the texts of 401 for a repository and for the whole registry,
    `bad_token_credential` is the token endpoint's. `challenge_actions` are the actions of a challenge's scope
    for each action, `token_actions` what an action of a scope means at the token endpoint.
    """

    unauthorized: Callable[[str | None, str], Unauthorized]
    no_credential: str
    no_site_credential: str
    bad_credential: str
    bad_token_credential: str
    format_site_challenge: Callable[[Request, str | None], str]
    challenges_bad_credential: bool
    challenge_actions: Mapping[str, tuple[str, ...]]
    # The scope of a challenge for a repository of Artifact Registry as a whole names this image.
    unnamed_image: str | None
    # Public images can be pulled without a token.
    serves_anonymous: bool
    # POST at the token endpoint is 405, else 404 as for any other path.
    refuses_post: bool
    token_actions: Mapping[str, str]
    # A token is for the repositories and actions of its scopes; else for all of its site.
    has_bound_tokens: bool
    token_lifetime_s: int
    anonymous_token_lifetime_s: int
    # The answer has access_token and issued_at too.
    has_long_token_answer: bool
    find_missing_permission: Callable[[Connection, Principal, Target, str], str | None]
    describe_refusal: Callable[[Principal, Target, str], Denied]
    describe_refused_token: Callable[[Principal, Target, Mapping[str, str]], RegistryError]

    def find_lifetime_s(self, principal: Principal) -> int:
        """Returns how long a token of the principal is valid."""
        return self.anonymous_token_lifetime_s if principal.member is None else self.token_lifetime_s


@dataclass(frozen=True)
class Dialect:
    """Texts and features of one dialect.

    `service` is the API that a project can disable; `ping` is the type and body of `GET /v2/`;
    `unknown_to_delete` is the error, with its text, for the deletion of a missing manifest or tag.
    """

    service: str
    authentication: Authentication
    ping: tuple[str, bytes]
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
    format_link: Callable[[Target, str], str]
    has_layer_ids: bool
    # A list has at most `most_listed` entries, and is whole without `n` and from `whole_from` on; None: from
    # the setting page_size on.
    whole_from: int | None
    most_listed: int
    # Else a page has tags only.
    has_manifests_in_pages: bool
    # None: tags/list of an image that was never pushed is 200, with empty lists.
    unknown_image: str | None


CONTAINER_REGISTRY = Dialect(
    service=google_services.CONTAINER_REGISTRY,
    authentication=Authentication(
        unauthorized=Unauthorized,
        no_credential="Unauthorized access.",
        no_site_credential="Unauthorized access.",
        bad_credential="Unauthorized access.",
        bad_token_credential=NEEDED_PERMISSIONS,
        format_site_challenge=format_site_challenge,
        challenges_bad_credential=True,
        challenge_actions={
            PULL: (PULL,),
            HEAD_BLOB: (PULL,),
            PUSH: (PUSH, PULL),
            DELETE: (PULL, DELETE),
        },
        unnamed_image=None,
        serves_anonymous=False,
        refuses_post=False,
        token_actions={PULL: PULL, PUSH: PUSH, DELETE: DELETE},
        has_bound_tokens=True,
        token_lifetime_s=300,
        anonymous_token_lifetime_s=_TWELVE_HOURS_S,
        has_long_token_answer=True,
        find_missing_permission=find_missing_in_bucket,
        describe_refusal=describe_denied_access,
        describe_refused_token=describe_failed_exchange,
    ),
    ping=("application/json", b"{}"),
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
    format_link=format_link,
    has_layer_ids=True,
    whole_from=None,
    # No limit is known; each entry has up to a few hundred bytes.
    most_listed=50_000,
    has_manifests_in_pages=False,
    unknown_image="repository name not known to registry: {name}",
)

# Texts that no published response shows are Container Registry's.
ARTIFACT_REGISTRY = Dialect(
    service=google_services.ARTIFACT_REGISTRY,
    authentication=Authentication(
        unauthorized=ArtifactUnauthorized,
        # https://github.com/docker/setup-buildx-action/issues/79
        no_credential="not authenticated: No valid credential was supplied.",
        no_site_credential="not authenticated: No credential was supplied.",
        bad_credential="No valid credential was supplied.",
        bad_token_credential="authentication failed",
        format_site_challenge=format_artifact_site_challenge,
        challenges_bad_credential=False,
        challenge_actions={
            PULL: (PULL,),
            HEAD_BLOB: (PULL,),
            PUSH: (PULL, PUSH),
            DELETE: (PULL, PUSH),
        },
        unnamed_image="pkg",
        serves_anonymous=True,
        refuses_post=True,
        # A token for a deletion needs the permission to pull; the deletion itself is decided by its request.
        token_actions={PULL: PULL, PUSH: PUSH, DELETE: PULL},
        has_bound_tokens=False,
        token_lifetime_s=_TWELVE_HOURS_S,
        anonymous_token_lifetime_s=_TWELVE_HOURS_S,
        has_long_token_answer=False,
        find_missing_permission=find_missing_in_repository,
        describe_refusal=describe_denied_artifacts,
        describe_refused_token=describe_denied_token,
    ),
    ping=("text/html; charset=UTF-8", b""),
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
    format_link=format_artifact_link,
    has_layer_ids=False,
    # https://github.com/google/go-containerregistry/issues/1643
    whole_from=10_000,
    most_listed=10_000,
    has_manifests_in_pages=True,
    # As registry.k8s.io, on Artifact Registry, does; not observed for images that never existed.
    unknown_image=None,
)

# https://github.com/docker/build-push-action/issues/171
_MISSING_IMAGE = (
    "Missing image name. Pushes should be of the form docker push HOST-NAME/PROJECT-ID/REPOSITORY/IMAGE"
)


def find_dialect(target: Target) -> Dialect:
    """Returns the dialect of a target; only this function and `find_site_dialect` choose one."""
    return CONTAINER_REGISTRY if target.repository_id is None else ARTIFACT_REGISTRY


def find_site_dialect(services: RegistryServices, request: Request) -> Dialect:
    """Returns the dialect of a request without a repository: of /v2/, the catalog, a token without scopes."""
    is_artifact_host = (find_site(request.site_host) or DEFAULT_SITE).has_repositories
    if is_artifact_host or services.registry_kind is RegistryKind.ARTIFACT_REGISTRY:
        return ARTIFACT_REGISTRY
    return CONTAINER_REGISTRY


def is_site_redirected(services: RegistryServices, request: Request) -> bool:
    """Returns whether Artifact Registry answers a request without a repository at a host of gcr.io."""
    is_artifact_host = (find_site(request.site_host) or DEFAULT_SITE).has_repositories
    return not is_artifact_host and find_site_dialect(services, request) is ARTIFACT_REGISTRY


def describe_incomplete_name(error: IncompleteName) -> Exception:
    """Returns the error for a path whose name has no image; before authentication."""
    if not error.site.has_repositories:
        return error
    return ImageMissing(
        f"invalid number of path components: {error.count}" if error.count == 1 else _MISSING_IMAGE
    )
