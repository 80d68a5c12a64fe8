"""Referrers of an upstream's manifest: the API's list, or the referrers tag where there is no API (M13).

https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#listing-referrers
https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#referrers-tag-schema
"""

import re
from typing import Any
from urllib.parse import urljoin

from docker_credential_gcr.emulator.oci import media_types
from docker_credential_gcr.emulator.oci.digest import split_digest
from docker_credential_gcr.emulator.oci.errors import InvalidManifest
from docker_credential_gcr.emulator.oci.manifest import parse_descriptor
from docker_credential_gcr.emulator.outgoing.errors import OutgoingRefused
from docker_credential_gcr.emulator.outgoing.target import parse_target
from docker_credential_gcr.emulator.runtime import strict_json

from .connections import UpstreamResponse
from .errors import UpstreamMismatch

ACCEPT = {"Accept": media_types.OCI_INDEX}
# Statuses of registries without the API.
NO_API = frozenset({400, 404, 405, 501})
# CVE-2023-46737: a list without an end.
MAX_PAGES = 16
MAX_REFERRERS = 10_000
_NEXT = re.compile(r'<([^<>]{1,4096})>[^,<>]{0,256}rel="?next"?')


def format_tag(digest: str) -> str:
    """Returns the referrers tag of a digest."""
    algorithm, encoded = split_digest(digest)
    return f"{algorithm[:32]}-{encoded[:64]}"


def parse_referrers(url: str, data: bytes) -> list[dict[str, Any]]:
    """Returns the descriptors of an index, with all their fields. Raises UpstreamMismatch."""
    try:
        document = strict_json.decode(data)
        entries = document.get("manifests") if isinstance(document, dict) else None
        if not isinstance(entries, list):
            raise UpstreamMismatch(url, "the list of referrers is not an index")
        for index, entry in enumerate(entries):
            parse_descriptor(entry, f"manifests[{index}]")
    except (strict_json.InvalidJson, InvalidManifest) as error:
        raise UpstreamMismatch(url, f"the list of referrers is not an index: {error}") from error
    return entries


def find_next_page(response: UpstreamResponse) -> str | None:
    """Returns the path and query of a list's next page, on the upstream itself. Raises UpstreamMismatch."""
    matched = _NEXT.search(response.headers.get("link", ""))
    if matched is None:
        return None
    target = response.target
    try:
        found = parse_target(urljoin(f"{target.scheme}://{target.authority}{target.path}", matched[1]))
    except (OutgoingRefused, ValueError) as error:
        raise UpstreamMismatch(response.url, f"the next page of referrers is not valid: {error}") from error
    if found.authority != target.authority or not found.path.startswith("/v2/"):
        raise UpstreamMismatch(response.url, "the next page of referrers is not on the upstream")
    return found.path
