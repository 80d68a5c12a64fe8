"""Copies of the images of one folder: tags/list with CopyFromGCR, which gcloud sends.

    GET /v2/my-project/gcr.io/app/tags/list?CopyFromGCR=same&PullDays=7&MaxVersions=100

    {"child": ["sub"], "manifestsCopied": 3, "tagsCopied": 2, "manifestsFailed": 1, "tagsFailed": 0,
     "manifestsFailedWithNotFound": 1, "exampleFailures": ["…"], "exampleFailuresWithNotFound": ["…"],
     "nextPage": "…"}

gcloud asks again for each child. It reads the counts of the last page only, so they are those of all pages.
"""

import base64
import hmac
import json
from collections import Counter
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import NamedTuple

from sqlalchemy import Connection

from docker_credential_gcr.emulator.database.images import copies, repositories, tags
from docker_credential_gcr.emulator.database.images.copies import FIRST, Uploaded
from docker_credential_gcr.emulator.identity.principal import Principal
from docker_credential_gcr.emulator.oci.token_auth import PULL, PUSH
from docker_credential_gcr.emulator.registry.announcements import Announcer
from docker_credential_gcr.emulator.registry.authorization import authorize
from docker_credential_gcr.emulator.registry.dependencies import RegistryServices
from docker_credential_gcr.emulator.registry.dialects.dialect import find_dialect
from docker_credential_gcr.emulator.registry.errors import Denied, PageSizeInvalid
from docker_credential_gcr.emulator.registry.http import Request, Response
from docker_credential_gcr.emulator.registry.repositories import check_project, find_repository
from docker_credential_gcr.emulator.sites.hosts import Target

from .images import Copied, CopyFailed, PartMissing, copy_image
from .sources import parse_source

_COUNTS = ("manifestsCopied", "tagsCopied", "manifestsFailed", "manifestsFailedWithNotFound", "tagsFailed")
_FAILURES, _NOT_FOUND = "exampleFailures", "exampleFailuresWithNotFound"
_MOST_EXAMPLES = 10
# A page carries one example of each kind to the next: gcloud stops at a count of failures without one.
_CARRIED_LENGTH = 300
_MAC_LENGTH = 32
_MOST_CHILDREN = 50_000
_DAY_S = 24 * 3600


class CopyDenied(Denied):
    """A missing permission on the bucket that images are copied from."""

    def __init__(self, member: str | None, permission: str, bucket: str) -> None:
        # gcloud compares this text, and says how to grant the permission.
        name = (member or "allUsers").rpartition(":")[2]
        super().__init__(f"copying from the bucket {bucket} requires {name} to have {permission} on it")


class _Selection(NamedTuple):
    """The images to copy: of the newest `versions` those pushed or used since an instant."""

    versions: int | None
    since: float


@dataclass
class _Report:
    """What was copied of a folder, up to the manifest `last`; examples are of images that were not."""

    last: Uploaded = FIRST
    counts: Counter[str] = field(default_factory=Counter)
    examples: dict[str, list[str]] = field(default_factory=lambda: {_FAILURES: [], _NOT_FOUND: []})

    def add_example(self, kind: str, text: str) -> None:
        if len(self.examples[kind]) < _MOST_EXAMPLES:
            self.examples[kind].append(text)

    def add_copied(self, source: Target, copied: Copied) -> None:
        immutable = copied.immutable
        self.counts.update(
            manifestsCopied=copied.manifests, tagsCopied=copied.tags, tagsFailed=len(immutable)
        )
        for tag in immutable:
            self.add_example(_FAILURES, f"{_format_name(source)}:{tag}: the tags of the copies are immutable")

    def describe(self) -> dict[str, object]:
        return {**{name: self.counts[name] for name in _COUNTS}, **self.examples}


async def copy_folder(services: RegistryServices, request: Request, target: Target, origin: str) -> Response:
    """Copies one page of the images that are directly in the folder; `origin` is `same` or HOST/PROJECT.

    Raises InvalidName, PageSizeInvalid, CopyDenied, NameUnknown.
    """
    principal = await authorize(services, request, target, PUSH, scopes=(PULL, PUSH))
    source = parse_source(origin, target)
    days = _parse_number(request, "PullDays")
    since = 0 if days is None else services.clock.now() - days * _DAY_S
    selection = _Selection(_parse_number(request, "MaxVersions"), since)
    report = _parse_page(services, request.parameter("NextPage"))
    most = services.limits.copied_images

    def read(connection: Connection) -> tuple[list[Uploaded], list[str]]:
        find_repository(connection, target)
        _check_access(connection, principal, source, target)
        repository = find_repository(connection, source)
        below = repositories.list_below(connection, source.bucket, source.path, count=_MOST_CHILDREN)
        if repository is None:
            return [], below
        options = selection._asdict()
        return copies.list_newest(connection, repository, after=report.last, count=most + 1, **options), below

    # A scan: it sorts all manifests of the image.
    found, below = await services.database.scan(read)
    await _copy_all(services, source, target, found[:most], report, Announcer(services, target, principal))
    children = {name[len(source.path) + 1 :].partition("/")[0] for name in below}
    document = {"child": sorted(children), **report.describe()}
    if found and report.last != found[-1]:
        document["nextPage"] = _format_page(services, report)
    return Response(200, {"Content-Type": "application/json"}, json.dumps(document).encode())


def _check_access(connection: Connection, principal: Principal, source: Target, target: Target) -> None:
    """Raises CopyDenied for a caller that may not read another project's bucket.

    Raises NameUnknown for a deleted project.
    """
    if source.project_id == target.project_id:
        return
    rules = find_dialect(source).authentication
    permission = rules.find_missing_permission(connection, principal, source, PULL)
    if permission is not None:
        raise CopyDenied(principal.member, permission, source.bucket)
    check_project(connection, source)


async def _copy_all(
    services: RegistryServices,
    source: Target,
    target: Target,
    found: list[Uploaded],
    report: _Report,
    announcer: Announcer,
) -> None:
    """Copies the images until the page is large enough; reports them."""
    size = 0
    for image in found:
        if size >= services.limits.copied_size:
            break
        try:
            copied = await copy_image(services, source, target, image.digest, announcer)
        except CopyFailed as error:
            await _report_failure(services, source, image, error, report)
        else:
            size += copied.size
            report.add_copied(source, copied)
        report.last = image


async def _report_failure(
    services: RegistryServices, source: Target, image: Uploaded, error: CopyFailed, report: _Report
) -> None:
    text = f"{_format_name(source)}@{image.digest}: {error}"
    names = await services.database.read(lambda connection: tags.list_of(connection, image.id))
    report.counts.update(manifestsFailed=1, tagsFailed=len(names))
    report.add_example(_FAILURES, text)
    if isinstance(error, PartMissing):
        report.counts["manifestsFailedWithNotFound"] += 1
        report.add_example(_NOT_FOUND, text)


def _format_name(source: Target) -> str:
    return f"{source.site.host}/{source.path}"


def _parse_number(request: Request, name: str) -> int | None:
    text = request.parameter(name)
    if text is None:
        return None
    if not text.isascii() or not text.isdigit():
        raise PageSizeInvalid(f"{name} is not a number: {text[:50]!r}")
    # A longer number means everything, as ten digits do.
    return int(text[:10])


def _format_page(services: RegistryServices, report: _Report) -> str:
    """Returns the parameter of the next page: letters, digits, `-` and `_`, which gcloud does not escape."""
    examples = {
        kind: [text[:_CARRIED_LENGTH] for text in found[:1]] for kind, found in report.examples.items()
    }
    text = base64.urlsafe_b64encode(json.dumps([report.last, report.counts, examples]).encode()).decode()
    return _sign(services, text) + text.rstrip("=")


def _parse_page(services: RegistryServices, page: str | None) -> _Report:
    """Returns the report of the pages before. Raises PageSizeInvalid."""
    if page is None:
        return _Report()
    mac, text = page[:_MAC_LENGTH], page[_MAC_LENGTH:]
    text += "=" * (-len(text) % 4)
    if not hmac.compare_digest(mac.encode(), _sign(services, text).encode()):
        raise PageSizeInvalid(f"unknown page {page[:50]!r}: use the nextPage of the last response")
    last, counts, examples = json.loads(base64.urlsafe_b64decode(text))
    return _Report(Uploaded(*last), Counter(counts), examples)


def _sign(services: RegistryServices, text: str) -> str:
    key = services.signer.derive_key("pages of copies")
    return blake2b(text.encode(), key=key, digest_size=_MAC_LENGTH // 2).hexdigest()
