"""Redirects of an upstream: where the next request goes, and without what.

    to                                         followed
    the upstream's own host and port           yes
    any other                                  by the rule of outgoing HTTP, checked like each connection
    http, from https                           never
    a sixth                                    never

The Authorization header stays behind: Docker Hub and Artifact Registry lead to storage by signed URLs, and
their storage refuses a request with both. https://www.rfc-editor.org/rfc/rfc9110#section-15.4
"""

from urllib.parse import urljoin

from docker_credential_gcr.emulator.outgoing.errors import OutgoingRefused
from docker_credential_gcr.emulator.outgoing.target import Target, parse_target

from .connections import UpstreamResponse
from .errors import UpstreamBadRedirect

STATUSES = frozenset({301, 302, 303, 307, 308})
MAX_REDIRECTS = 5
# Signed URLs of Amazon's S3 hold a session's token: 2 KiB and more.
_MAX_LOCATION = 8000


def find_next(response: UpstreamResponse) -> Target:
    """Returns where a redirect leads. Raises UpstreamBadRedirect."""
    target = response.target
    location = response.headers.get("location", "")
    if not location:
        raise UpstreamBadRedirect(response.url, "the redirect has no Location")
    try:
        base = f"{target.scheme}://{target.authority}{target.path}"
        found = parse_target(urljoin(base, location), max_length=_MAX_LOCATION)
    except (OutgoingRefused, ValueError) as error:
        raise UpstreamBadRedirect(response.url, f"the redirect is not valid: {error}") from error
    if target.scheme == "https" and found.scheme == "http":
        raise UpstreamBadRedirect(response.url, f"the redirect leads from https to http on {found.authority}")
    return found
