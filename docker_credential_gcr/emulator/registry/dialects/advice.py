"""Advice after an error's message, such as the form of a name or the next command."""

import re

from docker_credential_gcr.emulator.oci.token_auth import parse_scope
from docker_credential_gcr.emulator.registry.errors import (
    Dangling,
    Denied,
    ProjectUnknown,
    RepositoryUnknown,
    TokenExchangeFailed,
    Unauthorized,
)
from docker_credential_gcr.emulator.registry.http import Request
from docker_credential_gcr.emulator.settings import DEFAULT_URL
from docker_credential_gcr.emulator.sites.hosts import (
    DEFAULT_SITE,
    find_canonical_host,
    find_site,
    locate_folder,
)
from docker_credential_gcr.emulator.sites.locations import LOCATIONS

_PROJECT, _REPOSITORY, _IMAGE = "my-project", "my-repository", "app"
# Characters that are invalid in a segment, with adjacent separators; and repeated separators.
_OUTSIDE = re.compile(r"[^a-z0-9]*[^a-z0-9._-][^a-z0-9]*|[._-]{2,}")
# Characters of each segment, so that the example is shorter than any limit of a name.
_SHOWN = 40


def suggest_image(request: Request, name: str) -> str:
    """Returns a valid image close to an invalid name: localhost:5000/my-project/hello:1."""
    site, leading, segments = find_site(request.site_host), [request.host], name.split("/")
    if site is None:
        named = find_site(segments[0])
        leading += segments[:1] if named else []
        segments = segments[1:] if named else segments
        site = named or DEFAULT_SITE
    cleaned = list(filter(None, map(_clean, segments)))
    parents, image = cleaned[:-1], (cleaned or [_IMAGE])[-1]
    domain = parents[:1] if parents and "." in parents[0] else []
    needed = [*domain, _PROJECT, *([_REPOSITORY] if site.has_repositories else [])]
    return "/".join([*leading, *parents, *needed[len(parents) :], image]) + ":1"


def find_advice(error: Exception, request: Request) -> str:
    """Returns what to do about the error, to be added to its message; empty if there is no advice.

    On Google's host names every text is Google's, because clients compare texts.
    """
    if find_canonical_host(request.host) is not None:
        return ""
    server = f"{request.scheme}://{request.host}"
    option = "" if server == DEFAULT_URL else f" --server {server}"
    if isinstance(error, ProjectUnknown):
        lead, verb = (" Undelete it", "undelete") if error.is_deleted else (" Create it", "create")
        return f"{lead} with: gcr-emulator project {verb}{option} {error.project_id}"
    if isinstance(error, TokenExchangeFailed) and not error.is_of_member:
        # Like Google, the text does not reveal whether the project exists.
        return (
            f" If there is no such project, create it with: "
            f"gcr-emulator project create{option} {error.project_id}"
        )
    if isinstance(error, RepositoryUnknown):
        if error.location not in LOCATIONS:
            return f" Artifact Registry has no location {error.location}"
        return (
            f" Create it with: gcr-emulator repository create{option} {error.repository_id} "
            f"--location {error.location} --project {error.project_id}"
        )
    if isinstance(error, Dangling) and not str(error).endswith(error.blocked_by):
        return f": delete {error.blocked_by} first"
    if request.path == "/v2/token" and type(error) in (Denied, Unauthorized):
        return _suggest_full_name(request)
    return ""


def _suggest_full_name(request: Request) -> str:
    """Returns an image's form if a scope names a project or repository without an image."""
    for text in " ".join(request.query.get("scope", [])).split():
        scope = parse_scope(text)
        if scope.type == "repository" and locate_folder(request.site_host, scope.name).is_place:
            return f" To pull an image, name one, such as {suggest_image(request, scope.name)}"
    return ""


def _clean(segment: str) -> str:
    """Returns the segment in the grammar of names: My!Image becomes my-image."""
    return _OUTSIDE.sub("-", segment.lower()[:_SHOWN]).strip("._-")
