"""Copies of images: from a bucket of Container Registry to a repository of Artifact Registry.

    blobs       one after the other: linked if the target's repository has the bytes, else copied as an upload
    manifests   in one transaction: the image, its children, its referrers, and the tags of all these

So the target has a whole image or none, also after a crash, and a repetition copies what it lacks. Digests,
bytes, media types and the times of pushes stay.
"""

import asyncio
from collections import Counter, deque
from collections.abc import AsyncGenerator, Mapping, Set
from contextlib import aclosing, suppress
from functools import partial
from typing import NamedTuple

from sqlalchemy import Connection

from docker_credential_gcr.emulator.database.events import outbox
from docker_credential_gcr.emulator.database.images import blobs, copies, manifests, repositories, tags
from docker_credential_gcr.emulator.database.images.blobs import Blob
from docker_credential_gcr.emulator.database.images.copies import Uploaded
from docker_credential_gcr.emulator.database.images.manifests import StoredManifest
from docker_credential_gcr.emulator.database.images.repositories import Repository
from docker_credential_gcr.emulator.oci.errors import InvalidManifest
from docker_credential_gcr.emulator.oci.manifest import References, parse_stored_manifest
from docker_credential_gcr.emulator.oci.ranges import Span
from docker_credential_gcr.emulator.registry.announcements import Announcer, Described
from docker_credential_gcr.emulator.registry.dependencies import RegistryServices
from docker_credential_gcr.emulator.registry.errors import DigestInvalid, TagImmutable
from docker_credential_gcr.emulator.registry.repositories import ensure_repository, put_tag
from docker_credential_gcr.emulator.registry.uploads import sessions
from docker_credential_gcr.emulator.runtime.failpoints import reach
from docker_credential_gcr.emulator.sites.hosts import Target
from docker_credential_gcr.emulator.storage.pieces import parse_pieces, read_pieces

# A part may be deleted while others are copied.
_MOST_ATTEMPTS = 3


class CopyFailed(Exception):
    """An image that cannot be copied; the message says why."""


class PartMissing(CopyFailed):
    """The source lacks a part of the image, or its bytes are damaged."""

    def __init__(self, digest: str) -> None:
        super().__init__(f"the source does not have {digest} whole")


class CopyDeleted(CopyFailed):
    """A part that was copied, and was deleted before the image was whole."""

    def __init__(self, digest: str) -> None:
        super().__init__(f"{digest} was deleted while it was copied: ask again")


class Copied(NamedTuple):
    """What a copy added: `size` bytes of blobs, manifests, and tags, some of them moved.

    `immutable` are the tags that could not be moved.
    """

    size: int = 0
    manifests: int = 0
    tags: int = 0
    immutable: tuple[str, ...] = ()


async def copy_image(
    services: RegistryServices, source: Target, target: Target, digest: str, announcer: Announcer
) -> Copied:
    """Copies a manifest with its children, referrers and tags, if the source has it. Raises CopyFailed.

    Begins again if a client, or gc, deletes a copied part meanwhile.
    """
    async with _find_lock(services, target.bucket, target.path, digest):
        for _ in range(_MOST_ATTEMPTS - 1):
            with suppress(CopyDeleted):
                return await _copy_image(services, source, target, digest, announcer)
        return await _copy_image(services, source, target, digest, announcer)


async def _copy_image(
    services: RegistryServices, source: Target, target: Target, digest: str, announcer: Announcer
) -> Copied:
    def find(connection: Connection) -> list[Uploaded]:
        original, copy = (_find_repository(connection, each) for each in (source, target))
        parts = [] if original is None else _list_parts(connection, original, digest)
        return [part for part in parts if _is_changed(connection, part, copy)]

    size, named = 0, {}
    for part in await services.database.read(find):
        named[part.digest] = await _find_references(services, source, part.digest)
        for blob in sorted(named[part.digest].blobs):
            size += await copy_blob(services, source, target, blob) or 0
    if not named:
        return Copied()
    # Not an addition: two copies of images with common children could wait for each other's rows.
    copied = await services.database.write(partial(_store, services, source, target, named, announcer))
    reach("copy-committed")
    return copied._replace(size=size)


async def copy_blob(services: RegistryServices, source: Target, target: Target, digest: str) -> int | None:
    """Copies a blob; returns how many bytes were copied, None if the source has no such blob.

    Raises PartMissing.
    """

    def find(connection: Connection) -> Blob | None:
        repository = _find_repository(connection, source)
        return None if repository is None else blobs.find(connection, repository, digest)

    def link(connection: Connection) -> bool:
        repository = ensure_repository(services, connection, target)
        return blobs.link(connection, repository, digest, now=services.clock.now())

    async with _find_lock(services, target.bucket, digest):
        blob = await services.database.read(find)
        if blob is None:
            return None
        # An addition: only `write`, which runs alone, deletes the blob. What names the blob is durable later.
        if await services.database.add(link, durable=False):
            return 0
        session = sessions.begin(services, target, "")
        try:
            async with aclosing(_read_blob(services, blob)) as blocks:
                await sessions.finish(services, session, blocks, digest)
        except DigestInvalid as error:
            raise PartMissing(digest) from error
    return blob.size


def _find_lock(services: RegistryServices, *key: str) -> asyncio.Lock:
    """Returns the lock of one image or blob, so that a second request for it finds the copy of the first."""
    return services.copy_locks.setdefault(key, asyncio.Lock())


def _find_repository(connection: Connection, target: Target) -> Repository | None:
    return repositories.find(connection, target.bucket, target.path)


def _list_parts(connection: Connection, repository: Repository, digest: str) -> list[Uploaded]:
    """Returns an image with its children and referrers, and theirs; the children before their indexes."""
    parts: dict[str, Uploaded] = {}
    roots = deque([digest])
    while roots:
        waiting = [(roots.popleft(), False)]
        while waiting:
            one, has_children = waiting.pop()
            part = None if one in parts else copies.find(connection, repository, one)
            if part is None:
                continue
            if has_children:
                parts[one] = part
                roots += copies.list_referrers(connection, repository, one)
            else:
                waiting.append((one, True))
                waiting += [(child, False) for child in copies.list_children(connection, part.id)]
    return list(parts.values())


def _is_changed(connection: Connection, part: Uploaded, copy: Repository | None) -> bool:
    """Returns whether the copy lacks the manifest, its last push or one of its tags."""
    if copy is None:
        return True
    known = copies.find(connection, copy, part.digest)
    is_current = known is not None and known.uploaded_ms >= part.uploaded_ms
    return not is_current or bool(_list_changed_tags(connection, part, copy))


def _list_changed_tags(connection: Connection, part: Uploaded, copy: Repository) -> list[str]:
    """Returns the manifest's tags that the copy lacks, or has for a manifest that was pushed before it."""

    def is_changed(tag: str) -> bool:
        named = copies.find_tagged(connection, copy, tag)
        return named is None or (named.digest != part.digest and named.uploaded_ms < part.uploaded_ms)

    return [tag for tag in tags.list_of(connection, part.id) if is_changed(tag)]


async def _find_references(services: RegistryServices, source: Target, digest: str) -> References:
    """Returns what a manifest of the source refers to. Raises CopyFailed."""

    def find(connection: Connection) -> StoredManifest | None:
        repository = _find_repository(connection, source)
        return None if repository is None else manifests.find(connection, repository, digest)

    stored = await services.database.read(find)
    if stored is None:
        raise PartMissing(digest)
    try:
        return parse_stored_manifest(stored.data, stored.media_type).list_references()
    except InvalidManifest as error:
        raise CopyFailed(f"{digest}: {error}") from error


async def _read_blob(services: RegistryServices, blob: Blob) -> AsyncGenerator[bytes, None]:
    """Yields the bytes. Raises PartMissing, StorageUnavailable."""
    if blob.data is not None:
        yield blob.data
        return
    try:
        blocks = read_pieces(services.store, parse_pieces(blob.pieces), Span(0, blob.size))
        async with aclosing(blocks):
            async for block in blocks:
                yield block
    except OSError as error:
        raise PartMissing(blob.digest) from error


def _store(
    services: RegistryServices,
    source: Target,
    target: Target,
    named: Mapping[str, References],
    announcer: Announcer,
    connection: Connection,
) -> Copied:
    """Stores the manifests, of which `named` has the references, and their tags.

    Raises PartMissing, CopyDeleted.
    """
    repository = _find_repository(connection, source)
    copy = ensure_repository(services, connection, target)
    counts, immutable = Counter[str](), list[str]()
    for digest, references in named.items():
        part = None if repository is None else copies.find(connection, repository, digest)
        if repository is None or part is None:
            raise PartMissing(digest)
        if not services.takes_sparse_manifests:
            _check_parts(connection, repository, copy, references)
        is_new = copies.find(connection, copy, digest) is None
        changed = _list_changed_tags(connection, part, copy)
        manifest_id = copies.add(connection, part, copy)
        put = _put_tags(connection, target, copy, changed, manifest_id)
        immutable += sorted(set(changed) - set(put))
        counts.update(manifests=is_new, tags=len(put))
        if is_new or put:
            manifest = Described(digest, *outbox.measure(connection, manifest_id))
            announcer.tell_push(connection, manifest, put)
    reach("copy-written")
    return Copied(immutable=tuple(immutable), **counts)


def _put_tags(
    connection: Connection, target: Target, copy: Repository, names: list[str], manifest_id: int
) -> list[str]:
    """Puts the tags; returns those that are not immutable."""
    put = []
    for tag in names:
        with suppress(TagImmutable):
            put_tag(connection, target, copy, tag, manifest_id)
            put.append(tag)
    return put


def _check_parts(
    connection: Connection, repository: Repository, copy: Repository, references: References
) -> None:
    missing = _find_missing(connection, copy, references)
    if not missing:
        return
    lacking = _find_missing(connection, repository, references)
    raise PartMissing(min(lacking)) if lacking else CopyDeleted(min(missing))


def _find_missing(connection: Connection, repository: Repository, references: References) -> Set[str]:
    missing = blobs.find_missing(connection, repository, references.required)
    children = manifests.find_missing(connection, repository, references.children)
    # An index of Artifact Registry may name blobs.
    return missing | blobs.find_missing(connection, repository, children)
