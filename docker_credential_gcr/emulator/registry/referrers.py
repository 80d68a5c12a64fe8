"""Referrers: an index of the manifests that are about another one; empty where there are none.

https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#listing-referrers
"""

from docker_credential_gcr.emulator.hosts import Target
from docker_credential_gcr.emulator.oci.digest import parse_digest
from docker_credential_gcr.emulator.oci.media_types import OCI_INDEX
from docker_credential_gcr.emulator.oci.scope import PULL
from docker_credential_gcr.emulator.records import referrers, repositories

from .access import authorize
from .http import Request, Response
from .pages import Page, parse_page
from .services import Services

# A list of a thousand entries stays well below the size of a manifest that clients take.
_AT_ONCE = 1000


async def list_(services: Services, request: Request, target: Target, digest: str) -> Response:
    """The referrers of a manifest, which need not be there; ?artifactType= filters them."""
    authorize(services, request, target, PULL)
    parse_digest(digest)
    page = parse_page(request, _AT_ONCE)
    if page.count is None:
        page = Page(_AT_ONCE, page.last)
    wanted = request.parameter("artifactType")
    with services.database.read() as connection:
        repository = repositories.find(connection, target.bucket, target.path)
        found = (
            []
            if repository is None
            else referrers.list_page(
                connection, repository, digest, artifact_type=wanted, last=page.last, count=page.limit or 0
            )
        )
    # The entries are JSON already.
    entries = ",".join(entry for _, entry in found[: page.count])
    body = f'{{"schemaVersion":2,"mediaType":"{OCI_INDEX}","manifests":[{entries}]}}'
    headers = {"Content-Type": OCI_INDEX}
    filters = {}
    if wanted is not None:
        filters["artifactType"] = wanted
        headers["OCI-Filters-Applied"] = "artifactType"
    digests = [known for known, _ in found]
    headers.update(page.link(f"/v2/{target.name}/referrers/{digest}", digests, **filters))
    return Response(200, headers, body.encode())
