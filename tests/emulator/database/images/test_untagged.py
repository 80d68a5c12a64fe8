"""Untagged manifests and unneeded blobs: found and deleted unless something keeps them."""

from typing import Any

import pytest
from sqlalchemy import Connection

from docker_credential_gcr.emulator.database.engine.database import Database
from docker_credential_gcr.emulator.database.images import (
    blobs,
    buckets,
    garbage,
    manifests,
    referrers,
    repositories,
    tags,
    untagged,
)
from docker_credential_gcr.emulator.database.images.blobs import Blob
from docker_credential_gcr.emulator.database.images.manifests import Summary
from docker_credential_gcr.emulator.database.images.repositories import Repository
from docker_credential_gcr.emulator.database.projects.projects import Project

OLD_MS, RECENT_MS = 1_000_000, 9_000_000
BEFORE = 5_000.0
# manifest -> (the manifests that it names, its subject)
IMAGES: dict[str, tuple[tuple[str, ...], str | None]] = {
    "tagged": (("child",), None),
    "child": (("grandchild",), None),
    "grandchild": ((), None),
    "signature": ((), "grandchild"),
    "signature-of-signature": ((), "signature"),
    "recent": ((), "subject-of-recent"),
    "subject-of-recent": ((), None),
    "lost": (("lost-child",), None),
    "lost-child": ((), None),
    "lost-signature": ((), "lost-child"),
    "one-of-a-cycle": ((), "other-of-a-cycle"),
    "other-of-a-cycle": ((), "one-of-a-cycle"),
}
LOST = {"lost", "lost-child", "lost-signature", "one-of-a-cycle", "other-of-a-cycle"}


@pytest.fixture
def ids(database: Database, project: Project) -> dict[str, int]:
    """Creates the manifests; returns their ids."""

    def work(connection: Connection) -> dict[str, int]:
        buckets.create(connection, "bucket", project_id=project.project_id, location="US", now=1)
        repository = repositories.create(connection, "bucket", "my-project/app")
        assert repository is not None
        ids = {name: add(connection, repository, name) for name in IMAGES}
        tags.put(connection, repository, "v1", ids["tagged"])
        return ids

    return database.write_now(work)


def add(connection: Connection, repository: Repository, name: str) -> int:
    named, subject = IMAGES[name]
    uploaded_ms = RECENT_MS if name == "recent" else OLD_MS
    summary = Summary(0, name, "application/json", 2, 0, uploaded_ms)
    references = {"children": set(named), "blobs": set(named)}
    manifest_id = manifests.add(connection, repository, summary, b"{}", **references)
    if subject is not None:
        texts: dict[str, Any] = {"subject": subject, "artifact_type": "", "digest": name, "descriptor": "{}"}
        referrers.add(connection, repository, manifest_id, **texts)
    return manifest_id


def find(database: Database, *, after: int = 0, count: int = 100) -> list[int]:
    return database.read_now(
        lambda connection: untagged.find_untagged(connection, before=BEFORE, after=after, count=count)
    )


def remove(database: Database, ids: list[int]) -> int:
    times = {"before": BEFORE, "now": BEFORE}
    return database.write_now(lambda connection: untagged.remove_untagged(connection, ids, **times))


@pytest.mark.parametrize("count", [1, 3, 100])
def test_manifests_that_no_tag_reaches_are_found_page_by_page(
    database: Database, ids: dict[str, int], count: int
) -> None:
    found: list[int] = []
    while page := find(database, after=found[-1] if found else 0, count=count):
        found += page

    # A child is found after the index that names it is deleted.
    assert {name for name in ids if ids[name] in found} == LOST - {"lost-child"}


def test_manifests_that_no_tag_reaches_are_deleted_indexes_before_their_children(
    database: Database, ids: dict[str, int]
) -> None:
    assert ids
    removed = []
    while found := find(database):
        removed.append(remove(database, found))

    assert removed == [len(LOST) - 1, 1]


def test_a_manifest_that_was_tagged_meanwhile_stays_with_its_subject(
    database: Database, ids: dict[str, int]
) -> None:
    def tag(connection: Connection) -> None:
        repository = repositories.find(connection, "bucket", "my-project/app")
        assert repository is not None
        tags.put(connection, repository, "v2", ids["lost-signature"])

    database.write_now(tag)

    assert remove(database, [ids["lost-signature"]]) == 0
    assert remove(database, [ids["lost"]]) == 1
    assert ids["lost-child"] not in find(database)


def test_blobs_are_garbage_when_no_manifest_names_them_and_no_repository_has_them(
    database: Database, ids: dict[str, int]
) -> None:
    def push(connection: Connection) -> None:
        repository = repositories.find(connection, "bucket", "my-project/app")
        assert repository is not None
        for digest, now in (("child", 1), ("unnamed", 1), ("new", BEFORE)):
            blobs.add(connection, repository, Blob(digest, 3, b"abc"), now=now)

    def collect(connection: Connection) -> tuple[int, list[int]]:
        links = garbage.find_links(connection, before=BEFORE, after=(0, 0), count=9)
        removed = garbage.remove_links(connection, links, before=BEFORE)
        return removed, garbage.remove_unlinked(
            connection, garbage.find_unlinked(connection, after=0, count=9)
        )

    assert ids
    database.write_now(push)

    assert database.write_now(collect) == (1, [3])
    assert database.read_now(blobs.measure) == (2, 6)
