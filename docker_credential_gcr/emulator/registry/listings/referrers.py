"""Referrers: an index of the manifests whose subject is another one; empty if there are none.

https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#listing-referrers
"""

from collections.abc import Sequence

from sqlalchemy import Connection

from docker_credential_gcr.emulator.database.images import referrers
from docker_credential_gcr.emulator.oci.digest import parse_digest
from docker_credential_gcr.emulator.oci.media_types import OCI_INDEX
from docker_credential_gcr.emulator.oci.token_auth import PULL
from docker_credential_gcr.emulator.registry.authorization import authorize
from docker_credential_gcr.emulator.registry.dependencies import RegistryServices
from docker_credential_gcr.emulator.registry.http import Request, Response
from docker_credential_gcr.emulator.registry.repositories import find_repositories
from docker_credential_gcr.emulator.runtime.strict_json import is_text
from docker_credential_gcr.emulator.settings import MAX_PAGE_BYTES
from docker_credential_gcr.emulator.sites.hosts import Target

from .pagination import parse_page

_MOST_ENTRIES = 1000
# The digest of a referrer, and its entry as JSON.
Entry = tuple[str, bytes]


async def list_(services: RegistryServices, request: Request, target: Target, digest: str) -> Response:
    """Lists the referrers of a manifest, which may be missing; ?artifactType= filters them.

    A page ends before 4 MiB, because an entry holds the annotations of its manifest.
    """
    await authorize(services, request, target, PULL)
    parse_digest(digest)
    page = parse_page(request, _MOST_ENTRIES, _MOST_ENTRIES)
    wanted = request.parameter("artifactType")

    def work(connection: Connection) -> tuple[list[Entry], bool]:
        if wanted is not None and not is_text(wanted):
            return [], True
        pages = [
            referrers.list_page(
                connection,
                repository,
                digest,
                artifact_type=wanted,
                last=page.last,
                count=page.size,
                size=MAX_PAGE_BYTES,
            )
            for repository in find_repositories(connection, target)
        ]
        return _merge(pages, page.size)

    found, is_end = await services.database.read(work)
    headers = {"Content-Type": OCI_INDEX}
    filters = {}
    if wanted is not None:
        filters["artifactType"] = wanted
        headers["OCI-Filters-Applied"] = "artifactType"
    if found and not is_end:
        headers.update(page.link_after(f"/v2/{target.name}/referrers/{digest}", found[-1][0], **filters))
    return Response(200, headers, _format_index([entry for _, entry in found]))


def _merge(pages: Sequence[tuple[list[Entry], bool]], count: int) -> tuple[list[Entry], bool]:
    """Returns one page of the referrers of several repositories, and whether it is the last one."""
    if len(pages) == 1:
        return pages[0]
    # What a page that goes on has after its last entry is not known yet.
    known = min((found[-1][0] for found, is_end in pages if found and not is_end), default=None)
    entries = {name: entry for found, _ in reversed(pages) for name, entry in found}
    merged = [(name, entries[name]) for name in sorted(entries) if known is None or name <= known]
    return merged[:count], known is None and len(merged) <= count


def _format_index(entries: list[bytes]) -> bytes:
    # The entries are stored as JSON.
    begin = f'{{"schemaVersion":2,"mediaType":"{OCI_INDEX}","manifests":['.encode()
    return b"".join((begin, b",".join(entries), b"]}"))
