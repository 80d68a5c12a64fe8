"""Events compared with what happened: their replay gives the tags and digests that the registry has."""

from collections.abc import Iterable
from typing import Any

import requests
from support.registry_client import RegistryClient

Place = tuple[str, str]
_PAGE = 1000


def list_events(url: str) -> list[dict[str, Any]]:
    """Returns every event, in order."""
    found: list[dict[str, Any]] = []
    while True:
        query = {"after": found[-1]["id"] if found else 0, "limit": _PAGE}
        page = requests.get(f"{url}/_emulator/events", params=query, timeout=30).json()["events"]
        found += page
        if len(page) < _PAGE:
            return found


def find_differences(
    client: RegistryClient, repositories: Iterable[str], events: list[dict[str, Any]] | None = None
) -> list[str]:
    """Returns where the replay of all events differs from the registry; or of those that are given.

    So an event that is missing, that did not happen, or that has another order than its tag's changes.
    """
    tags, digests = _replay(list_events(client.url) if events is None else events)
    differences = []
    for name in repositories:
        answer = client.call("GET", f"/v2/{name}/tags/list", token=client.token(f"repository:{name}:pull"))
        listed = answer.json().get("manifest", {}) if answer.status_code == 200 else {}
        repository = f"gcr.io/{name}"
        shown = {tag: digest for digest, image in listed.items() for tag in image["tag"]}
        told = {tag: digest for (found, tag), digest in tags.items() if found == repository}
        differences += [
            f"{name}:{tag}: told {told.get(tag)}, shown {shown.get(tag)}"
            for tag in sorted({*told, *shown})
            if told.get(tag) != shown.get(tag)
        ]
        kept = {digest for found, digest in digests if found == repository}
        differences += [f"{name}@{digest}: told or shown alone" for digest in sorted(kept ^ set(listed))]
    return differences


def find_untold(events: list[dict[str, Any]], record: str) -> list[str]:
    """Returns the acknowledged pushes and deletions of a pusher's record without an event."""
    told = {(event["action"], event["repository"], event.get("digest"), event.get("tag")) for event in events}
    untold = []
    for line in record.splitlines():
        kind, *words = line.split()
        if kind in ("manifest", "gone"):
            name, digest, tag = words
            repository = f"gcr.io/{name}"
            if kind == "manifest":
                expected = [("INSERT", repository, digest, tag)]
            else:
                expected = [("DELETE", repository, None, tag), ("DELETE", repository, digest, None)]
            untold += [line for event in expected if event not in told]
    return untold


def _replay(events: list[dict[str, Any]]) -> tuple[dict[Place, str], set[Place]]:
    """Returns {(repository, tag): digest} and {(repository, digest)}."""
    tags: dict[Place, str] = {}
    digests: set[Place] = set()
    for event in events:
        repository, tag, digest = event["repository"], event.get("tag"), event.get("digest")
        if event["action"] == "INSERT":
            digests.add((repository, digest))
            if tag is not None:
                tags[repository, tag] = digest
        elif tag is not None:
            del tags[repository, tag]
        else:
            digests.remove((repository, digest))
    return tags, digests
